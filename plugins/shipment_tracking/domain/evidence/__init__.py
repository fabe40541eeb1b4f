"""
The rules of evidence: what leads, what proves a signature, what withdraws one, what belongs to an
earlier life of a waybill number, and when an order is signed.

Pure functions. Evidence on a parcel is its trace events and its status by the platform; each reply
lists all events of a parcel, so what the newest reply no longer holds is no evidence any more.
``scans`` says which events count, ``parcels`` judges a parcel by them and by its platform's word,
``orders`` an order and its rows at the ERP by their parcels. All of it is named from here.
"""

from shipment_tracking.domain.evidence.orders import (
    ParcelState as ParcelState,
    RowState as RowState,
    RowVerdict as RowVerdict,
    all_signed as all_signed,
    judge_row as judge_row,
    least_advanced as least_advanced,
)
from shipment_tracking.domain.evidence.parcels import (
    CONFIRM_WITHIN as CONFIRM_WITHIN,
    CONTRADICTS_SIGN as CONTRADICTS_SIGN,
    PlatformWord as PlatformWord,
    Signature as Signature,
    Transition as Transition,
    Verdict as Verdict,
    judge as judge,
    settle_signature as settle_signature,
)
from shipment_tracking.domain.evidence.scans import (
    FURTHEST_EAST as FURTHEST_EAST,
    SIGN_ACTIONS as SIGN_ACTIONS,
    Held as Held,
    Reply as Reply,
    Scan as Scan,
    is_earlier_life as is_earlier_life,
    is_future_dated as is_future_dated,
    is_renumbered as is_renumbered,
    leading as leading,
    merge as merge,
    read_again as read_again,
    shows_signature as shows_signature,
)
