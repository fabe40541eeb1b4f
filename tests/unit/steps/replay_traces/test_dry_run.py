"""What a dry run says, where it is kept, and that it changes nothing."""

import logging
from datetime import timedelta

import pytest

from shipment_tracking.errors import ParamError
from tests import factories

from ..load_traces.words import ACCOUNT, MOVING, NONSENSE, NOON, OUT, SIGNED, STORED, parcel


@pytest.fixture
def written(track, reply, lists, load, execute, select):
    """Order 1 was signed by its platform's code, and the ERP was given that."""
    order = track()
    reply(order, parcel("LP1", (-3, MOVING), (-1, SIGNED)))
    load()
    load_a_day_later(execute)
    load(30)
    ((key, event),) = select("erp_key, sign_event from tracking.erp_row")
    assert event is not None
    execute(
        "insert into tracking.erp_writeback (erp_key, account, platform_order_id, source_event,"
        " signed_at, before, outcome, run_id, created_at)"
        " values (:key, :account, '291', :event, :at, '{}', 'signed', 'w', :at)",
        key=key,
        account=ACCOUNT,
        event=event,
        at=NOON,
    )
    execute("update tracking.erp_row set settled_event = sign_event")
    return order


def load_a_day_later(execute):
    execute(
        "update tracking.tracked_order set last_polled_at = :at, traces_seen_at = :at",
        at=NOON + timedelta(hours=29),
    )


def test_a_dry_run_changes_nothing_and_finds_what_the_real_one_does(
    track, reply, load, rule, replay, everything, differences, select
):
    for number, text in enumerate((NONSENSE, SIGNED, OUT), 1):
        reply(track(number), parcel(f"LP{number}", (-3, MOVING), (-1, text)))
    load()
    rule(NONSENSE, "signed")
    rule(SIGNED, "ready_for_pickup")
    before = everything()

    found = replay(2, dry_run=True, run_id="dry", chunk=2)

    assert everything() == before
    assert found == {
        "dry_run": True,
        "events_changed": 2,
        "parcels_changed": 2,
        "signatures_appear": 1,
        "signatures_fall": 1,
        "announcements_withheld": 2,
        "orders": 3,
        "replies": 3,
        "events": 6,
    }
    assert differences("events_changed") == [
        ("YT1", "unknown (model)", "signed (owner)"),
        ("YT2", "signed (model, self)", "ready_for_pickup (owner)"),
    ]
    assert differences("parcels_changed") == [
        ("YT1", "in_transit", "signed"),
        ("YT2", "signed", "ready_for_pickup"),
    ]
    del found["dry_run"]
    assert replay(2, run_id="real", chunk=2) == found
    kept = (
        "kind, subject, before, after from tracking.replay_difference where run_id = :run"
        " order by kind, subject"
    )
    assert select(kept, run="dry") == select(kept, run="real")


def test_the_log_lists_the_differences_and_says_where_all_are(
    track, reply, load, rule, replay, caplog
):
    order = track()
    reply(order, parcel("LP1", *((-30 + number, f"{STORED}{number}") for number in range(25))))
    load()
    for number in range(25):
        rule(f"{STORED}{number}", "in_transit")
    caplog.set_level(logging.INFO)

    replay(dry_run=True, run_id="dry")

    assert "events_changed: 25 events are read differently" in caplog.text
    assert (
        f"  {ACCOUNT} 291 YT1 2026-03-01 06:00:00 {STORED}0: "
        "ready_for_pickup (model) -> in_transit (owner)"
    ) in caplog.text
    assert "  and 5 more" in caplog.text
    assert caplog.messages[-1].startswith(
        "dry run, nothing was changed; read 1 replies of 1 orders"
    )
    assert "analytics.replay_differences where run_id = 'dry'" in caplog.messages[-1]


def test_a_written_signature_that_falls_is_reported_and_the_erp_keeps_it(
    written, rule, replay, differences, select, caplog
):
    caplog.set_level(logging.WARNING)
    rule(SIGNED, "out_for_delivery")

    counts = replay(31)

    assert counts["written_signatures_fall"] == 1
    assert differences("written_signatures_fall") == [(None, "signed", "out_for_delivery")]
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert warnings[0].startswith("written_signatures_fall: 1 orders are signed in the ERP")
    assert select("outcome from analytics.erp_writebacks") == [("signed",)]
    assert select("signed_at, sign_event from tracking.erp_row") == [(None, None)]
    assert replay(32) == {"orders": 1, "replies": 1, "events": 2}


def test_a_time_chooses_orders(track, reply, load, rule, replay, execute):
    for number in (1, 2):
        reply(track(number), parcel(f"LP{number}", (-1, NONSENSE)), hours=number)
    load(2)
    execute("update tracking.erp_row set shipped_at = :at where erp_key = 'SO2'", at=NOON)
    rule(NONSENSE, "in_transit")
    hour = timedelta(hours=1)
    by_shipping = {"shipped_from": NOON, "shipped_to": NOON + hour}
    by_fetching = {"fetched_from": NOON + hour, "fetched_to": NOON + 2 * hour}

    assert replay(3, dry_run=True, **by_shipping)["orders"] == 1
    assert replay(4, dry_run=True, **by_fetching)["orders"] == 1
    assert replay(5, dry_run=True)["orders"] == 2


def test_an_account_chooses_orders_and_an_unknown_one_is_refused(
    track, reply, load, rule, replay, warehouse
):
    reply(track(), parcel("LP1", (-1, NONSENSE)))
    load()
    factories.order(warehouse, 2, account="platform_1688_east")

    assert replay(account="platform_1688_east", dry_run=True)["orders"] == 1
    with pytest.raises(ParamError, match="account is 'platform_16888', and no order of it"):
        replay(account="platform_16888")


def test_a_finished_dry_run_that_is_cleared_tells_anew(
    track, reply, load, rule, replay, differences
):
    reply(track(), parcel("LP1", (-1, NONSENSE)))
    load()
    rule(NONSENSE, "in_transit")
    replay(dry_run=True, run_id="dry")
    rule(f"{NONSENSE}。", "picked_up")
    replay(2)

    assert replay(3, dry_run=True, run_id="dry")["orders"] == 1
    assert differences("events_changed") == [("YT1", "unknown (model)", "in_transit (owner)")]
