"""The rules of truth: when a row of the ERP is signed, and what it shows until then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shipment_tracking.domain.evidence import ParcelState, RowState, judge_row

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def parcel(number: int, status: str = "signed", hours: float | None = 0, **changes) -> ParcelState:
    """A judged parcel; a signed one is confirmed."""
    at = None if hours is None else START + hours * HOUR
    confirmed = at if status == "signed" else None
    fields = {
        "shipment_id": number,
        "status": status,
        "sign_kind": "self" if status == "signed" else None,
        "signed_at": confirmed,
        "sign_confirmed_at": confirmed,
        "sign_seen_at": confirmed,
        "sign_event": None,
        "waybill_no": f"YT{number}",
        "waybills": (f"YT{number}",),
        "last_event": f"event of {number}",
        "last_event_at": at,
    }
    return ParcelState(**fields | changes)


def row(**changes) -> RowState:
    fields = {
        "erp_key": "SO1",
        "waybill_no": None,
        "shipped_at": START,
        "signed_at": None,
        "sign_kind": None,
        "sign_event": None,
    }
    return RowState(**fields | changes)


def test_order_is_signed_with_its_last_parcel():
    verdict = judge_row(row(), [parcel(1, hours=5), parcel(2, hours=3)], False)

    assert (verdict.status, verdict.signed_at) == ("signed", START + 5 * HOUR)


def test_a_row_follows_a_parcel_that_was_signed_anew_until_the_erp_was_written():
    first, second = uuid4(), uuid4()
    before = row(signed_at=START, sign_kind="family", sign_event=first)
    parcels = [parcel(1, hours=7, sign_event=second)]

    moved = judge_row(before, parcels, False)
    kept = judge_row(replace(before, written_event=first), parcels, False)

    assert (moved.signed_at, moved.sign_kind, moved.sign_event) == (
        START + 7 * HOUR,
        "self",
        second,
    )
    assert (kept.signed_at, kept.sign_kind, kept.sign_event) == (START, "family", first)


@pytest.mark.parametrize(
    ("parcels", "unshipped"),
    [
        ([], False),
        ([parcel(1, "cancelled")], False),
        ([parcel(1), parcel(2, "in_transit")], False),
        ([parcel(1, sign_confirmed_at=None)], False),
        ([parcel(1)], True),
        ([parcel(1)], None),
    ],
    ids=["none", "cancelled", "one moves", "unconfirmed", "a line is left", "lines unknown"],
)
def test_order_is_not_signed_without_proof_of_all(parcels, unshipped):
    verdict = judge_row(row(), parcels, unshipped)

    assert (verdict.signed_at, verdict.sign_event) == (None, None)
    assert verdict.status != "signed"


def test_order_that_is_not_signed_shows_at_most_out_for_delivery():
    assert judge_row(row(), [parcel(1)], True).status == "out_for_delivery"


def test_a_signature_long_before_shipping_is_refused():
    verdict = judge_row(row(shipped_at=START + 49 * HOUR), [parcel(1)], False)

    assert verdict.signed_at is None
    assert verdict.sign_error is not None
    assert "48 hours older" in verdict.sign_error
    assert "correct shipped_at in the ERP" in verdict.sign_error


def test_cancelled_booking_beside_a_live_parcel_is_not_shown():
    parcels = [parcel(1, "in_transit", hours=1), parcel(2, "cancelled", hours=9)]

    verdict = judge_row(row(), parcels, False)

    assert (verdict.waybill_nos, verdict.latest_trace, verdict.status) == (
        "YT1",
        "event of 1",
        "in_transit",
    )


def test_cancelled_booking_alone_is_shown():
    verdict = judge_row(row(), [parcel(2, "cancelled", hours=9)], False)

    assert (verdict.waybill_nos, verdict.status) == ("YT2", "cancelled")


@pytest.mark.parametrize("typed", ["yt1", " YT1\r\n", "ＹＴ１", "Y T 1"])
def test_row_with_a_typed_number_stands_for_its_parcel(typed):
    verdict = judge_row(row(waybill_no=typed), [parcel(1), parcel(2, "in_transit")], True)

    assert (verdict.status, verdict.sign_error) == ("signed", None)


def test_row_whose_number_no_parcel_carries_says_so():
    verdict = judge_row(row(waybill_no="YT9"), [parcel(1), parcel(2)], False)

    assert (verdict.status, verdict.signed_at) == ("pending", None)
    assert verdict.sign_error == (
        "no parcel of the order carries the waybill number 'YT9'; its platform lists YT1,YT2: "
        "correct waybill_no in the ERP"
    )


def test_number_of_two_parcels_is_shown_once():
    shared = [parcel(1, waybill_no="YT1"), parcel(2, waybill_no=" yt1")]

    assert judge_row(row(), shared, False).waybill_nos == "YT1"


def test_signature_that_comes_back_is_the_one_that_was_written():
    written = uuid4()

    verdict = judge_row(row(written_event=written), [parcel(1, sign_event=uuid4())], False)

    assert verdict.sign_event == written


def test_row_with_two_numbers_waits_for_both_parcels():
    typed = row(waybill_no="YT1, yt2")
    parcels = [parcel(1), parcel(2, "in_transit"), parcel(3, "in_transit")]

    assert (
        judge_row(typed, parcels, True).parcels_signed,
        judge_row(typed, parcels, True).parcels,
    ) == (1, 2)
    assert judge_row(typed, [parcel(1), parcel(2)], True).status == "signed"


def test_row_of_which_one_number_has_no_parcel_is_not_signed():
    verdict = judge_row(row(waybill_no="YT1,YT9"), [parcel(1)], False)

    assert verdict.status == "out_for_delivery"
    assert verdict.sign_error is not None
    assert "'YT9'; its platform lists YT1:" in verdict.sign_error


def test_number_that_its_platform_writes_with_a_sign_in_it_is_one():
    verdict = judge_row(row(waybill_no="yt1/2"), [parcel(1, waybills=("YT1/2",))], False)

    assert verdict.status == "signed"
