"""Judges orders and rows of the ERP by their parcels: how far they are, and whether signed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shipment_tracking.domain.evidence.scans import BEFORE_SHIPPING
from shipment_tracking.domain.statuses import Status
from shipment_tracking.domain.waybills import fold, split, words

# An order's status is that of its least advanced live parcel; what went wrong leads.
LEADS_ORDER = (
    Status.EXCEPTION,
    Status.DELIVERY_FAILED,
    Status.RETURNING,
    Status.RETURNED,
    Status.PENDING,
    Status.UNKNOWN,
    Status.INFO_RECEIVED,
    Status.PICKED_UP,
    Status.IN_TRANSIT,
    Status.OUT_FOR_DELIVERY,
    Status.READY_FOR_PICKUP,
    Status.SIGNED,
    Status.CANCELLED,
)
_RANK = {str(status): rank for rank, status in enumerate(LEADS_ORDER)}


@dataclass(frozen=True, slots=True)
class ParcelState:
    """
    A judged parcel that its platform still lists for an order.

    :param earlier_sign_at: the last signature of a parcel that had its waybill number before.
    """

    shipment_id: int
    status: str
    sign_kind: str | None
    signed_at: datetime | None
    sign_confirmed_at: datetime | None
    sign_seen_at: datetime | None
    sign_event: UUID | None
    waybill_no: str | None
    waybills: tuple[str, ...]
    last_event: str | None
    last_event_at: datetime | None
    earlier_sign_at: datetime | None = None

    @property
    def is_signed(self) -> bool:
        """Whether its signature is confirmed."""
        return self.status == Status.SIGNED and self.sign_confirmed_at is not None


@dataclass(frozen=True, slots=True)
class RowState:
    """
    A row of the ERP and the signature it was given before.

    :param waybill_no: the parcels that the row stands for, as typed; ``None``: all of the order.
    :param written_event: the signature that the ERP was given; what a person undid
        there is not written a second time.
    """

    erp_key: str
    waybill_no: str | None
    shipped_at: datetime | None
    signed_at: datetime | None
    sign_kind: str | None
    sign_event: UUID | None
    written_event: UUID | None = None


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """How far a row of the ERP is; ``sign_error`` says why it cannot be signed as it stands."""

    erp_key: str
    status: str
    parcels: int
    parcels_signed: int
    signed_at: datetime | None
    sign_kind: str | None
    sign_event: UUID | None
    latest_trace: str | None
    latest_trace_at: datetime | None
    waybill_nos: str | None
    sign_error: str | None


def judge_row(
    row: RowState, parcels: Sequence[ParcelState], has_unshipped_lines: bool | None
) -> RowVerdict:
    """
    Weigh the parcels of an ERP row: all of its order's, or those with its waybill numbers.

    The row is signed when each parcel that is not cancelled is signed and confirmed, and for a
    whole order the platform says that no line is left to ship. Until then it shows its least
    advanced live parcel, at most ``out_for_delivery`` of signed ones. The last signature counts,
    and the row keeps it, unless its parcel was signed anew before the ERP was written.
    """
    named = _named(row, parcels)
    own = [
        parcel
        for parcel in parcels
        if named is None or not named.keys().isdisjoint(_folded(parcel))
    ]
    known = {number for parcel in parcels for number in _folded(parcel)}
    missing = [typed for number, typed in (named or {}).items() if number not in known]
    live = [parcel for parcel in own if parcel.status != Status.CANCELLED] or own
    expected = [parcel for parcel in live if parcel.status != Status.CANCELLED]
    signed = [parcel for parcel in expected if parcel.is_signed]
    all_signed = bool(signed) and len(signed) == len(expected)
    is_complete = has_unshipped_lines is False if named is None else not missing
    is_signed = all_signed and is_complete
    last = max(signed, key=_by_signature, default=None)
    if _is_replaced(row, signed):
        row = replace(row, signed_at=None, sign_kind=None, sign_event=None)
    signed_at = row.signed_at or (last.signed_at if last else None)
    error = _lacks_parcel(missing, parcels) or _rests_on_earlier_parcel(expected)
    if is_signed and signed_at and row.shipped_at and signed_at < row.shipped_at - BEFORE_SHIPPING:
        is_signed = False
        error = (
            f"its signature of {signed_at:%F %T %Z} is refused, as it is more than 48 hours older "
            f"than its shipping at {row.shipped_at:%F %T %Z}: correct shipped_at in the ERP"
        )
    status = least_advanced(live)
    if status == Status.SIGNED and not is_signed:
        status = Status.OUT_FOR_DELIVERY
    moved = max(
        (parcel for parcel in live if parcel.last_event_at),
        key=lambda parcel: (parcel.last_event_at, parcel.shipment_id),
        default=None,
    )
    return RowVerdict(
        erp_key=row.erp_key,
        status=str(Status.SIGNED if is_signed else status),
        parcels=len(expected),
        parcels_signed=len(signed),
        signed_at=signed_at if is_signed else None,
        sign_kind=(row.sign_kind or (last.sign_kind if last else None)) if is_signed else None,
        sign_event=_event_of(row, last) if is_signed else None,
        latest_trace=moved.last_event if moved else None,
        latest_trace_at=moved.last_event_at if moved else None,
        waybill_nos=_numbers(live),
        sign_error=error,
    )


def _is_replaced(row: RowState, signed: Sequence[ParcelState]) -> bool:
    """Whether a newer signature of its parcel replaces a row's that was not written yet."""
    events = {parcel.sign_event for parcel in signed}
    return (
        row.sign_event is not None
        and row.written_event is None
        and events.isdisjoint({row.sign_event, None})
    )


def _event_of(row: RowState, last: ParcelState | None) -> UUID | None:
    """The status change that signed the row; once the ERP was written, no other one counts."""
    return row.sign_event or row.written_event or (last.sign_event if last else None)


def least_advanced(parcels: Iterable[ParcelState]) -> Status:
    """The status of an order: that of its least advanced parcel, but what went wrong leads."""
    statuses = (parcel.status for parcel in parcels)
    return Status(min(statuses, key=_RANK.__getitem__, default=Status.PENDING))


def all_signed(parcels: Iterable[ParcelState]) -> bool:
    """Whether each parcel that is not cancelled is signed and confirmed, and there is one."""
    expected = [parcel for parcel in parcels if parcel.status != Status.CANCELLED]
    return bool(expected) and all(parcel.is_signed for parcel in expected)


def _named(row: RowState, parcels: Sequence[ParcelState]) -> dict[str | None, str] | None:
    """
    The row's numbers as typed, by their folded form: one if a parcel has it so, else each.

    A part that no parcel has stands for its words if a parcel has one of them.
    """
    if row.waybill_no is None:
        return None
    known = {number for parcel in parcels for number in _folded(parcel)}
    if fold(row.waybill_no) in known:
        return {fold(row.waybill_no): row.waybill_no}
    named: dict[str | None, str] = {}
    for part in split(row.waybill_no):
        within = [] if fold(part) in known else words(part)
        is_apart = not known.isdisjoint(map(fold, within))
        named |= {fold(number): number for number in (within if is_apart else [part])}
    return named


def _folded(parcel: ParcelState) -> set[str | None]:
    """A parcel's numbers; sellers type several into the one field of a platform, too."""
    return {fold(number) for typed in parcel.waybills for number in (typed, *split(typed))}


def _lacks_parcel(missing: Sequence[str], parcels: Sequence[ParcelState]) -> str | None:
    listed = _numbers(parcels)
    if not missing or not listed:
        return None
    return (
        f"no parcel of the order carries the waybill number {', '.join(missing)!r}; its platform "
        f"lists {listed}: correct waybill_no in the ERP"
    )


def _rests_on_earlier_parcel(parcels: Sequence[ParcelState]) -> str | None:
    """Why the platform's word does not sign a parcel: see ``settle_signature``."""
    for parcel in parcels:
        earlier, waits = parcel.earlier_sign_at, parcel.sign_confirmed_at is None
        if parcel.status == Status.SIGNED and waits and earlier:
            return (
                f"the platform says signed, but the only signature of {parcel.waybill_no} is of "
                f"{earlier:%F %T %Z}, more than 48 hours older than its shipping: correct "
                "shipped_at in the ERP, or sign the order there"
            )
    return None


def _numbers(parcels: Sequence[ParcelState]) -> str | None:
    """The parcels' waybill numbers, each once, in the order in which the parcels became known."""
    numbers: dict[str, str] = {}
    for parcel in sorted(parcels, key=lambda parcel: parcel.shipment_id):
        folded = fold(parcel.waybill_no)
        if folded and parcel.waybill_no:
            numbers.setdefault(folded, parcel.waybill_no.strip())
    return ",".join(numbers.values()) or None


def _by_signature(parcel: ParcelState) -> tuple[datetime, int]:
    assert parcel.signed_at is not None
    return parcel.signed_at, parcel.shipment_id
