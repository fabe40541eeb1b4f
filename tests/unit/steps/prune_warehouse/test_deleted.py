"""What nobody needs any more is deleted; what is open or was written stays."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tests import factories

from .retention import KEEP_DAYS


def test_parcels_of_an_order_closed_long_ago_are_deleted(signed, prune, stored):
    signed()

    assert prune() == {
        **{"notices": 1, "orders": 1, "parcels": 1, "events": 1, "changes": 1},
    }
    assert set(stored().values()) == {0}
    assert prune() == {}


def test_rejected_steps_go_with_their_order(signed, prune, insert, select, now):
    for number, days in ((1, 400), (2, 1)):
        signed(number, days)
        query = "order_id from tracking.tracked_order where platform_order_id = :id"
        insert(
            "rejected_event",
            order_id=select(query, id=f"29{number}")[0].order_id,
            consignment_id=f"LP{number}",
            occurred_at_text="",
            description="派件中",
            reason="no time",
            fetched_at=now - timedelta(days=days),
            event_hash=1,
        )

    prune()

    assert select("consignment_id from analytics.rejected_events") == [("LP2",)]


@pytest.mark.parametrize(
    ("days", "update", "stays"),
    [
        (700, "update tracking.erp_row set close_reason = 'signed'", True),
        (800, "update tracking.erp_row set close_reason = 'signed'", False),
        (800, "update tracking.erp_row set closed_at = null", True),
        (800, "update tracking.erp_row set close_reason = 'stopped', listed = true", True),
    ],
)
def test_acts_go_by_their_age_once_their_order_is_closed(
    signed, prune, insert, execute, select, now, days, update, stays
):
    signed(days=10)
    execute(update)
    insert(
        "act",
        acted_at=now - timedelta(days=days),
        actor="edda",
        kind="stop_tracking",
        order_id=select("order_id from tracking.tracked_order")[0].order_id,
        subject_id=1,
        subject="291",
    )

    assert prune().get("acts", 0) == int(not stays)
    assert len(select("1 from analytics.acts")) == int(stays)


def test_its_row_and_what_was_written_to_the_erp_stay(signed, prune, select):
    signed()

    prune()

    assert select("erp_key, status, close_reason from analytics.orders") == [
        ("SO1", "signed", "signed")
    ]
    assert select("outcome from analytics.erp_writebacks") == [("signed",)]


def test_orders_that_are_open_or_closed_lately_keep_everything(
    ship, change, answered, signed, prune, stored, at
):
    change(ship(1), "in_transit", hours=-24 * 500)
    answered(1, at(days=-500))
    signed(2, days=80)
    before = stored()

    assert prune() == {}
    assert stored() == before


@pytest.mark.parametrize(
    "still",
    [
        "update tracking.tracked_order set last_polled_at = :now",
        "update tracking.tracked_order set parcels_asked_at = :now",
        "update tracking.tracked_order set backfill_at = :now",
        "update tracking.tracked_order set lease_until = clock_timestamp() + interval '1 minute'",
        "update tracking.erp_row set listed = true",
        "update tracking.erp_row set closed_at = null",
        "update tracking.erp_row set settled_event = null",
        "update tracking.trace_reply set loaded_at = null",
        "update tracking.notification set state = 'pending'",
        "update tracking.stall set cleared_at = null",
    ],
    ids=lambda still: still.split(" set ")[1].split(" = ")[0],
)
def test_an_order_of_which_something_is_under_way_stays(still, signed, prune, execute, stored, now):
    signed()
    with_now = {"now": now} if ":now" in still else {}
    execute(still, **with_now)

    assert "orders" not in prune(keep_days=KEEP_DAYS | {"replies": 9999, "notices": 9999})
    assert set(stored().values()) == {1}


def test_a_signature_of_a_refused_row_does_not_stop_pruning(signed, prune, execute):
    signed()
    execute("update tracking.erp_row set settled_event = null, last_error = 'came 2 times'")

    assert prune()["orders"] == 1


def test_a_notice_that_was_held_and_will_never_be_sent_stops_nothing(
    signed, prune, execute, stored
):
    signed()
    execute("update tracking.notification set state = 'pending', due_at = null")

    prune()

    assert set(stored().values()) == {0}


def test_a_shared_parcel_stays_as_long_as_another_order_has_it(signed, prune, warehouse, select):
    shared = signed(1)
    signed(2, days=80)
    (second,) = select("order_id from tracking.tracked_order where platform_order_id = '292'")[0]
    factories.link(warehouse, second, shared)

    assert prune()["orders"] == 1
    assert select("platform_order_id, consignment_id from analytics.shipments order by 2") == [
        ("292", "LP1"),
        ("292", "LP2"),
    ]
    assert select("count(*) from analytics.trace_events") == [(2,)]


def test_old_replies_go_but_the_newest_and_the_unloaded_stay(ship, answered, prune, select, at):
    ship(1)
    old = [answered(1, at(days=-40 + day)) for day in range(3)]
    waiting = answered(1, at(days=-35), loaded=False)
    ship(2)
    young = [answered(2, at(days=-29)), answered(2, at(days=-28))]

    assert prune() == {"replies": 2}
    kept = select("reply_id from tracking.trace_reply order by reply_id")
    assert kept == [(reply,) for reply in (old[-1], waiting, *young)]


def test_old_notices_of_closed_orders_go_but_those_that_wait(
    signed, ship, change, prune, execute, select
):
    done = signed(1, days=100)
    change(done, "in_transit", hours=-24 * 95)
    change(ship(2), "picked_up", hours=-24 * 95)
    execute("update tracking.notification set state = 'sent' where reason = 'picked_up'")
    signed(3, days=80)

    assert prune() == {"notices": 1}
    assert select("reason from tracking.notification order by reason") == [
        ("in_transit",),
        ("picked_up",),
        ("signed",),
    ]


def test_who_was_told_of_an_open_alert_or_stall_can_be_told_of_its_end(
    ship, signed, prune, insert, execute, select, at
):
    parcel = signed(1, days=100)
    alert, stall = uuid4(), uuid4()
    trouble = {"kind": "locked_out", "subject": "platform_1688", "severity": "critical"}
    insert(
        "alert",
        **trouble,
        opened_at=at(days=-95),
        detail="x",
        event_id=alert,
        cleared_event_id=uuid4(),
    )
    standing = {"shipment_id": parcel, "stage": "sign_withdrawn", "since": at(days=-95)}
    insert("stall", **standing, threshold_hours=0, opened_at=at(days=-95), event_id=stall)
    sent = {"audience": "ops", "channel": "ops", "state": "sent", "created_at": at(days=-95)}
    insert("notification", event_id=alert, reason="alert", **sent)
    insert("notification", event_id=stall, reason="stalled:x", shipment_id=parcel, **sent)
    told = "reason from tracking.notification where audience = 'ops' order by reason"

    prune()
    assert select(told) == [("alert",), ("stalled:x",)]

    execute("update tracking.alert set cleared_at = now()")
    execute("update tracking.stall set cleared_at = now()")
    prune()
    assert select(told) == []


def test_old_runs_go_with_their_calls(warehouse, insert, prune, select, at):
    for run_id, days in (("old", 181), ("young", 179)):
        factories.run(warehouse, run_id, at(days=-days))
        insert(
            "api_usage",
            run_id=run_id,
            account="platform_1688",
            api="trace",
            outcome="ok",
            calls=1,
            seconds=1,
        )

    assert prune() == {"runs": 1}
    assert select("run_id from tracking.run") == [("young",)]
    assert select("run_id from tracking.api_usage") == [("young",)]


def test_expired_tokens_and_unfinished_renewals_are_deleted(insert, prune, select, at):
    for pair, fields in {
        "ended": {"secret": b"s", "refresh_expires_at": at(days=-31)},
        "just ended": {"secret": b"s", "refresh_expires_at": at(days=-29)},
        "endless": {"secret": b"s", "lease_until": at(days=-31)},
        "never stored": {"lease_until": at(days=-31)},
        "being renewed": {"refresh_expires_at": at(days=-31), "lease_until": at(days=36_500)},
    }.items():
        insert("token", pair=pair, account="platform_1688", **fields)

    assert prune() == {"tokens": 2}
    assert select("pair from tracking.token order by pair") == [
        ("being renewed",),
        ("endless",),
        ("just ended",),
    ]
