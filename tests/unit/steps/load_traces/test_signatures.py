"""When a signature counts, and what it waits for."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from .words import FAILED, NOON, OUT, REFUSED, SIGNED, broken, parcel


@pytest.fixture
def poll(warehouse):
    """Every order is polled, so many hours after noon, and answers as before."""

    def ask(hours: float) -> None:
        with warehouse.begin() as connection:
            connection.execute(
                text(
                    "update tracking.tracked_order set last_polled_at = :at, traces_seen_at = :at"
                ),
                {"at": NOON + timedelta(hours=hours)},
            )

    return ask


def test_a_sign_by_its_text_alone_shows_and_waits_for_the_platforms_word(
    track, lists, reply, load, notices, erp_row, select
):
    order = track()
    lists(order, LP1="TRANSPORT", hours=-3)
    reply(order, parcel("LP1", (-1, SIGNED)))

    assert load()["signed"] == 0

    assert select("status, sign_kind, signed_at from analytics.shipments") == [
        ("signed", "text", NOON - timedelta(hours=1))
    ]
    assert (erp_row().status, erp_row().signed_at) == ("out_for_delivery", None)
    assert notices()[-1] == ("signed", "pending", "signed", False)
    assert select("ask_parcels_at from tracking.tracked_order") == [(NOON,)]


def test_the_platforms_word_confirms_a_sign_and_lets_its_notice_go(
    track, lists, reply, load, notices, erp_row, select
):
    order = track()
    reply(order, parcel("LP1", (-1, SIGNED)))
    load()
    lists(order, LP1="SIGN", hours=0.5)

    assert load(0.5)["signed"] == 1

    assert select("status, sign_kind, signed_at from analytics.shipments") == [
        ("signed", "self", NOON - timedelta(hours=1))
    ]
    assert (erp_row().signed_at, erp_row().parcels_signed) == (NOON - timedelta(hours=1), 1)
    assert notices() == [("signed", "pending", "signed", True)]


@pytest.mark.parametrize(
    ("polled", "counts"), [(0, False), (23.9, False), (24, True)], ids=["never", "before", "after"]
)
def test_a_sign_by_its_text_counts_once_it_is_still_there_after_a_day(
    polled, counts, track, lists, reply, load, poll, notices, erp_row, select
):
    order = track()
    lists(order, LP1="TRANSPORT", hours=-3)
    reply(order, parcel("LP1", (-1, SIGNED)))
    load()
    poll(polled)

    load(30)

    assert (erp_row().signed_at is not None) is counts
    assert notices() == [("signed", "pending", "signed", counts)]
    assert select("sign_kind from analytics.shipments") == [("text",)]


def test_a_sign_that_waited_its_day_is_not_judged_again_for_ever(track, reply, load, poll, select):
    reply(track(), parcel("LP1", (-1, SIGNED)))
    load()
    poll(24)
    load(24)
    before = select("xmin from tracking.shipment")

    load(48)

    assert select("xmin from tracking.shipment") == before


def test_a_held_notice_is_not_sent_once_the_parcel_has_moved_on(track, reply, load, notices):
    order = track()
    reply(order, parcel("LP1", (-2, SIGNED)))
    load()
    reply(order, parcel("LP1", (-2, SIGNED), (-1, FAILED)))
    load()

    assert notices() == [
        ("signed", "suppressed", "superseded", False),
        ("delivery_failed", "pending", "delivery_failed", True),
    ]


def test_a_sign_that_only_the_platform_knows_is_dated_by_its_detection(
    track, lists, reply, load, erp_row, select
):
    order = track()
    reply(order, parcel("LP1", (-2, OUT)))
    lists(order, LP1="SIGN", hours=-0.5)

    load()

    assert select("sign_kind from analytics.shipments") == [("platform",)]
    assert erp_row().signed_at == NOON - timedelta(hours=0.5)


def test_a_platform_signature_waits_for_traces_to_be_loaded(track, lists, reply, load, erp_row):
    order = track()
    lists(order, LP1="SIGN", hours=-0.5)
    reply(order, broken("LP1"))

    signed = []
    for hours in range(3):
        load(hours)
        signed.append(erp_row().signed_at is not None)

    assert signed == [False, False, True]


def test_a_confirmed_sign_does_not_move(track, lists, reply, load, select):
    order = track()
    lists(order, LP1="SIGN", hours=-1)
    load()
    reply(order, parcel("LP1", (-2, SIGNED)))
    load()

    assert select("signed_at from tracking.shipment") == [(NOON - timedelta(hours=1),)]


def test_the_platform_repeats_an_old_sign_after_a_return_began(
    track, lists, reply, load, statuses, erp_row
):
    order = track()
    lists(order, LP1="SIGN", hours=-3)
    load(-3)
    reply(order, parcel("LP1", (-1, REFUSED)))
    lists(order, LP1="SIGN")
    load()

    assert statuses() == {"LP1": "returning"}
    assert erp_row().signed_at is None


def test_the_true_signature_of_a_parcel_signed_too_early_is_waited_for(
    track, lists, reply, load, poll, erp_row
):
    order = track()
    reply(order, parcel("LP1", (-24, SIGNED), (-4, OUT)), hours=-3)
    poll(hours=-3)
    lists(order, LP1="SIGN", hours=-1)
    load()
    assert erp_row().signed_at is None

    reply(order, parcel("LP1", (-24, SIGNED), (-4, OUT), (-2, SIGNED)))
    poll(hours=0)
    load()

    assert erp_row().signed_at == NOON - timedelta(hours=2)


def test_stray_scans_leave_a_signature_once_the_traces_know_no_other(
    track, lists, reply, load, poll, erp_row
):
    order = track()
    reply(order, parcel("LP1", (-24, SIGNED), (-4, OUT)), hours=-3)
    poll(hours=-3)
    lists(order, LP1="SIGN", hours=-1)
    load()

    poll(hours=0)
    load()

    assert erp_row().signed_at == NOON - timedelta(hours=24)


@pytest.mark.parametrize(("failures", "is_signed"), [(2, False), (3, True)])
def test_a_platform_signature_waits_for_traces_that_failed_by_chance(
    track, lists, load, execute, erp_row, failures, is_signed
):
    order = track()
    execute("update tracking.tracked_order set last_polled_at = null, traces_seen_at = null")
    lists(order, LP1="SIGN", hours=-30)
    load(-30)
    lists(order, LP1="SIGN")
    execute("update tracking.tracked_order set trace_failures = :failures", failures=failures)

    load()

    assert (erp_row().signed_at is not None) is is_signed


@pytest.mark.parametrize("is_other_answered", [False, True])
def test_a_corrected_number_is_signed_by_its_own_traces(
    is_other_answered, track, lists, reply, load, poll, erp_row
):
    order = track()
    reply(order, parcel("LP1", (-20, SIGNED), waybill_no="YT9"), parcel("LP2", (-9, OUT)))
    load()
    lists(order, LP1="SIGN", LP2="SIGN", hours=1)
    if is_other_answered:
        reply(order, parcel("LP2", (-9, OUT), (-1, SIGNED)), hours=1)
        poll(1)

    assert load(1)["signed"] == 0

    reply(order, parcel("LP1", (-2, OUT), (0, SIGNED)), parcel("LP2", (-1, SIGNED)), hours=2)
    load(2)

    assert erp_row().signed_at == NOON


@pytest.mark.parametrize("own", [(), ((-10, OUT),)], ids=["nothing", "on its way"])
def test_a_signature_of_an_earlier_parcel_proves_nothing(
    own, track, lists, reply, load, poll, erp_row, execute, select
):
    order = track()
    execute("update tracking.erp_row set shipped_at = :at", at=NOON - timedelta(days=2))
    reply(order, parcel("LP1", (-200, OUT), (-190, SIGNED), *own))
    lists(order, LP1="SIGN")
    load()
    for hours in (1, 26, 30):
        lists(order, LP1="SIGN", hours=hours)
        poll(hours)
        assert load(hours)["signed"] == 0
    assert "more than 48 hours older than its shipping: correct shipped_at" in erp_row().last_error
    assert select("count(*) from tracking.notification where due_at is not null") == [(0,)]

    reply(order, parcel("LP1", (-200, OUT), (-190, SIGNED), *own, (31, SIGNED)), hours=32)
    assert load(32)["signed"] == 1
    assert erp_row().signed_at == NOON + timedelta(hours=31)
    assert erp_row().last_error is None


def test_a_signature_dated_ahead_is_waited_for(track, lists, reply, load, poll, erp_row):
    order = track()
    reply(order, parcel("LP1", (-3, OUT), (2, SIGNED)))
    lists(order, LP1="SIGN")
    poll(0.5)

    assert load(0.5)["signed"] == 0

    assert load(2.5)["signed"] == 1
    assert erp_row().signed_at == NOON + timedelta(hours=2)


def test_a_held_notice_of_a_superseded_parcel_is_given_up(track, reply, load, notices, execute):
    reply(track(), parcel("LP1", (-3, SIGNED)))
    load()
    assert notices() == [("signed", "pending", "signed", False)]

    execute("update tracking.order_shipment set superseded_at = now()")
    load(1)

    assert notices() == [("signed", "suppressed", "closed", False)]
