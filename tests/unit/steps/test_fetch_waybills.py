"""Asking for an account's parcels: new orders, signs to confirm, quiet days."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from shipment_tracking.domain.models import ApiUsage, Parcel, Run
from shipment_tracking.errors import AuthError, PlatformError, RejectedError
from shipment_tracking.platforms.ports import Account
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import fetch_waybills
from shipment_tracking.warehouse.lanes import LaneContext

MINUTE = timedelta(minutes=1)
ACCOUNT = Account(
    "platform_1688", "1688", "param2", "http://127.0.0.1", "key", "secret", "token", None, 100
)
PARCEL = Parcel("LP1", "YT8800000000001", "YTO", "圆通速递", "TRANSPORT", "in_transit")
SIGNED = replace(PARCEL, platform_code="SIGN", platform_status="signed")
Select = Callable[..., list[Any]]
Execute = Callable[..., None]


class Platform:
    """The port, answering from a table: parcels or an error by order id."""

    account = ACCOUNT
    feed = None

    def __init__(self, *parcels: Parcel, errors: dict[str, PlatformError] | None = None) -> None:
        self.parcels = list(parcels)
        self.errors = errors or {}
        self.unshipped = False
        self.asked: list[str] = []
        self.details: list[str] = []

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        self.asked.append(order_id)
        if order_id in self.errors:
            raise self.errors[order_id]
        return self.parcels

    def has_unshipped_lines(self, order_id: str) -> bool:
        self.details.append(order_id)
        return self.unshipped

    def warnings(self) -> list[str]:
        return []

    def drain_usage(self) -> list[ApiUsage]:
        return []


@pytest.fixture
def track(execute: Execute, now: datetime) -> Callable[..., None]:
    """Puts new orders into the warehouse."""

    def insert(*order_ids: str) -> None:
        for order_id in order_ids:
            execute(
                "insert into tracking.tracked_order"
                " (platform, account, platform_order_id, first_seen_at, ask_parcels_at)"
                " values ('1688', 'platform_1688', :order_id, :now, :now)",
                order_id=order_id,
                now=now,
            )
            execute(
                "insert into tracking.erp_row (erp_key, order_id, first_seen_at, listed)"
                " select platform_order_id, order_id, first_seen_at, true"
                " from tracking.tracked_order where platform_order_id = :order_id",
                order_id=order_id,
            )

    return insert


@pytest.fixture
def fetch(warehouse: Engine, now: datetime, new_run: Callable[..., Run]) -> Callable[..., Any]:
    """Runs the step for the account, at noon or later."""

    def run(platform: Platform, after: timedelta = timedelta(), **changes: Any) -> dict[str, int]:
        options: dict[str, Any] = {
            "this_run": changes.pop("run", new_run()),
            "owner": "me",
            "budget": 5 * MINUTE,
            "clock": lambda: now + after,
        } | changes
        return fetch_waybills.run(LaneContext(warehouse, platform, **options))  # type: ignore[arg-type]

    return run


def test_a_new_orders_parcels_are_known_and_it_is_due_to_be_polled(
    track: Any, fetch: Any, select: Select, now: datetime
) -> None:
    track("1")

    assert fetch(Platform(PARCEL)) == {"asked": 1, "failed": 0}

    assert select(
        "consignment_id, waybill_no, carrier_code, carrier_name, platform_status,"
        " platform_status_since, unsettled from analytics.shipments join tracking.shipment"
        " using (shipment_id, consignment_id, waybill_no, carrier_code, carrier_name)"
    ) == [("LP1", "YT8800000000001", "YTO", "圆通速递", "in_transit", now, True)]
    assert select("next_poll_at, ask_parcels_at from tracking.tracked_order") == [
        (now, now + timedelta(hours=24))
    ]


def test_an_order_that_is_not_shipped_yet_is_asked_again_soon_and_not_polled(
    track: Any, fetch: Any, select: Select, now: datetime
) -> None:
    track("1")

    fetch(Platform())

    (order,) = select("next_poll_at, ask_parcels_at, last_error from tracking.tracked_order")
    assert (order.next_poll_at, order.last_error) == (None, None)
    assert now < order.ask_parcels_at <= now + 90 * MINUTE


def test_an_order_whose_rows_are_signed_is_not_due_to_be_polled(
    track: Any, fetch: Any, select: Select, execute: Execute, now: datetime
) -> None:
    track("1")
    execute("update tracking.erp_row set signed_at = :now", now=now)

    fetch(Platform(PARCEL))

    assert select("next_poll_at from tracking.tracked_order") == [(None,)]


@pytest.mark.parametrize(
    ("since", "again"), [(timedelta(hours=1), 15 * MINUTE), (timedelta(days=9), None)]
)
def test_an_order_without_parcels_is_asked_again_when_the_table_says(
    since: timedelta,
    again: timedelta | None,
    track: Any,
    fetch: Any,
    select: Select,
    execute: Execute,
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "polling.csv").write_text(
        "stage,quiet_hours,minutes\nany,200,never\npending,0,0\nany,0,120\n"
    )
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    track("1")
    execute("update tracking.tracked_order set first_seen_at = :at", at=now - since)
    execute(
        "insert into tracking.erp_row (erp_key, order_id, listed, first_seen_at)"
        " select 'SO-1', order_id, true, now() from tracking.tracked_order"
    )

    fetch(Platform())

    assert select("ask_parcels_at, quiet_since from tracking.tracked_order") == [
        (now + again, None) if again else (None, now - since)
    ]


def test_the_platforms_status_counts_from_when_it_was_fetched_first(
    track: Any, fetch: Any, select: Select, execute: Execute, now: datetime
) -> None:
    track("1")
    fetch(Platform(PARCEL))
    for hours, parcel in ((1, SIGNED), (2, SIGNED)):
        execute("update tracking.tracked_order set ask_parcels_at = :now", now=now)
        fetch(Platform(parcel), after=timedelta(hours=hours))

    assert select("platform_status_since, platform_status_at from tracking.shipment") == [
        (now + timedelta(hours=1), now + timedelta(hours=2))
    ]


def test_the_order_detail_is_asked_for_once_all_parcels_are_signed(
    track: Any, fetch: Any, select: Select
) -> None:
    track("1")
    cancelled = replace(PARCEL, consignment_id="LP2", platform_status="cancelled")
    platform = Platform(SIGNED, cancelled)
    platform.unshipped = True

    fetch(platform)

    assert platform.details == ["1"]
    assert select("has_unshipped_lines from tracking.tracked_order") == [(True,)]


def test_the_order_detail_is_not_asked_for_while_a_parcel_is_under_way(
    track: Any, fetch: Any
) -> None:
    track("1")
    platform = Platform(SIGNED, replace(PARCEL, consignment_id="LP2"))

    fetch(platform)

    assert platform.details == []


def test_a_replaced_waybill_number_keeps_the_parcel_and_both_numbers(
    track: Any, fetch: Any, select: Select, execute: Execute, now: datetime
) -> None:
    track("1")
    fetch(Platform(PARCEL))
    execute("update tracking.tracked_order set ask_parcels_at = :now", now=now)

    fetch(Platform(replace(PARCEL, waybill_no="YT8800000000002")), after=30 * MINUTE)

    assert select("waybill_no from tracking.shipment") == [("YT8800000000002",)]
    assert select("waybill_no from tracking.shipment_waybill order by 1") == [
        ("YT8800000000001",),
        ("YT8800000000002",),
    ]


def test_an_unlisted_parcel_is_superseded_until_it_is_listed_again(
    track: Any, fetch: Any, select: Select, execute: Execute, now: datetime
) -> None:
    track("1")
    new = replace(PARCEL, consignment_id="LP2")
    seen = []
    for hours, parcels in ((0, [PARCEL]), (1, [new]), (2, [PARCEL, new])):
        execute("update tracking.tracked_order set ask_parcels_at = :now", now=now)
        fetch(Platform(*parcels), after=timedelta(hours=hours))
        seen.append(
            [
                row.consignment_id
                for row in select(
                    "consignment_id from tracking.order_shipment join tracking.shipment"
                    " using (shipment_id) where superseded_at is null order by 1"
                )
            ]
        )

    assert seen == [["LP1"], ["LP2"], ["LP1", "LP2"]]


def test_an_empty_list_never_takes_away_what_was_known(
    track: Any, fetch: Any, select: Select, execute: Execute, now: datetime
) -> None:
    track("1")
    fetch(Platform(PARCEL))
    execute("update tracking.tracked_order set ask_parcels_at = :now", now=now)

    fetch(Platform(), after=30 * MINUTE)

    assert select("superseded_at from tracking.order_shipment") == [(None,)]
    assert select("parcels_asked_at, next_poll_at from tracking.tracked_order") == [(now, now)]


def test_a_bad_order_is_recorded_and_stops_nobody(track: Any, fetch: Any, select: Select) -> None:
    track("1", "2")

    found = fetch(Platform(PARCEL, errors={"1": RejectedError("no", code="x")}))

    assert found == {"asked": 2, "failed": 1}
    assert select(
        "platform_order_id, last_error from tracking.tracked_order order by platform_order_id"
    ) == [("1", "no (code x)"), ("2", None)]


def test_refused_credentials_end_the_lane_and_its_backlog_is_reported(
    track: Any, fetch: Any, select: Select, execute: Execute, new_run: Callable[..., Run]
) -> None:
    track("1", "2")
    run = new_run()
    execute(
        "insert into tracking.run (run_id, run_type, started_at) values (:id, 'manual', now())",
        id=run.run_id,
    )

    with pytest.raises(AuthError):
        fetch(Platform(errors=dict.fromkeys("12", AuthError("expired"))), run=run)

    assert select("left_over from tracking.run") == [(2,)]
    assert select("count(*) from tracking.tracked_order where lease_owner is not null") == [(0,)]


def test_while_polls_wait_parcel_lists_get_the_smaller_share_of_the_time() -> None:
    assert fetch_waybills.share(10 * MINUTE, polls_wait=0) == 10 * MINUTE
    assert fetch_waybills.share(10 * MINUTE, polls_wait=1) == 4 * MINUTE


def test_a_parcel_of_a_backfill_carries_that_nothing_is_to_be_announced(
    track: Any,
    fetch: Any,
    select: Select,
    execute: Execute,
    now: datetime,
    new_run: Callable[..., Run],
) -> None:
    track("1")
    execute("update tracking.tracked_order set backfill_at = :now, closed_at = :now", now=now)
    execute(
        "insert into tracking.erp_row (erp_key, order_id, shipped_at, listed, first_seen_at)"
        " select 'SO-1', order_id, timestamptz '2026-02-01 00:00+08', false, now()"
        " from tracking.tracked_order"
    )
    run = new_run(
        shipped_from=datetime(2026, 1, 31, tzinfo=UTC), shipped_to=datetime(2026, 2, 2, tzinfo=UTC)
    )

    fetch(Platform(PARCEL), run=run)

    assert select("platform_announce from tracking.shipment") == [(False,)]
