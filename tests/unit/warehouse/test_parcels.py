"""A parcel is one row, whoever names it and however often, and forgets no number it ever had."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shipment_tracking.warehouse import parcels
from tests import factories

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def orders(warehouse: Engine) -> list[int]:
    """Ids of two tracked orders."""
    return [factories.order(warehouse, number) for number in (1, 2)]


def named(order_id: int, consignment_id: str = "LP1", hours: float = 0, **more: Any) -> Any:
    """A parcel as a trace names it."""
    return {
        "order_id": order_id,
        "account": "platform_1688",
        "consignment_id": consignment_id,
        "waybill_no": "YT1",
        "seen_at": NOON + timedelta(hours=hours),
    } | more


def listed(order_id: int, consignment_id: str = "LP1", hours: float = 0, **more: Any) -> Any:
    """A parcel as the platform's list has it."""
    return (
        named(order_id, consignment_id, hours)
        | {
            "carrier_code": "YTO",
            "carrier_name": "圆通速递",
            "platform_code": "TRANSPORT",
            "platform_status": "in_transit",
            "listed": True,
            "announce": True,
        }
        | more
    )


@pytest.fixture
def keep(warehouse: Engine) -> Callable[..., dict[tuple[int, str], int]]:
    def store(*rows: Any) -> dict[tuple[int, str], int]:
        with warehouse.begin() as connection:
            return parcels.keep(connection, [parcels.ParcelRow(**row) for row in rows])

    return store


def test_a_parcel_has_one_id_whoever_names_it(orders, keep, select):
    first = keep(named(orders[0]))
    second = keep(listed(orders[1]))

    assert set(first) == {(orders[0], "LP1")}
    assert set(first.values()) == set(second.values())
    assert select("count(*) from tracking.shipment") == [(1,)]
    assert select("count(*) from tracking.order_shipment") == [(2,)]


def test_another_accounts_parcel_is_another_one(orders, keep):
    ids = keep(named(orders[0]), named(orders[1], account="platform_1688_east"))

    assert len(set(ids.values())) == 2


def test_a_parcel_that_is_deleted_while_it_is_named_anew_is_kept(orders, keep, select, warehouse):
    keep(named(orders[0]))
    with ThreadPoolExecutor(1) as pool:
        with warehouse.begin() as deleting:
            for table in ("order_shipment", "shipment_waybill", "shipment"):
                deleting.execute(text(f"delete from tracking.{table}"))  # noqa: S608
            keeping = pool.submit(keep, named(orders[1]))
            waiting = "wait_event_type = 'Lock' and datname = current_database()"
            while not select(f"from pg_stat_activity where {waiting}"):
                assert not keeping.done()
        keeping.result()

    assert select("order_id from tracking.order_shipment") == [(orders[1],)]


def test_nothing_is_kept_of_nothing(keep):
    assert keep() == {}


def test_keeping_again_what_a_trace_named_writes_nothing(orders, keep, select):
    keep(listed(orders[0]))
    tables = ("shipment", "order_shipment", "shipment_waybill")
    before = [select(f"xmin from tracking.{table}") for table in tables]

    keep(named(orders[0], hours=1))

    assert [select(f"xmin from tracking.{table}") for table in tables] == before


def test_a_trace_takes_nothing_away_that_the_list_told(orders, keep, select):
    keep(listed(orders[0]))
    keep(named(orders[0], waybill_no=None))

    assert select(
        "waybill_no, carrier_code, carrier_name, platform_status from tracking.shipment"
    ) == [("YT1", "YTO", "圆通速递", "in_transit")]


def test_a_carrier_is_kept_as_the_table_calls_it(orders, keep, select):
    keep(
        listed(orders[0], "LP1", carrier_code="HTKY", carrier_name="圆通快递（圆通）"),
        listed(orders[0], "LP2", carrier_code="JTSD", carrier_name=None),
        listed(orders[0], "LP3", carrier_code="HTKY", carrier_name="云里同城"),
    )

    assert select("carrier_code, carrier_name from tracking.shipment order by consignment_id") == [
        ("YTO", "圆通速递"),
        ("HTKY", "极兔速递"),
        ("HTKY", "云里同城"),
    ]


def test_every_number_is_remembered_and_the_newest_one_shown(orders, keep, select):
    keep(named(orders[0]))
    keep(named(orders[0], waybill_no="YT2"))

    assert select("waybill_no from tracking.shipment") == [("YT2",)]
    assert select("waybill_no from tracking.shipment_waybill order by 1") == [("YT1",), ("YT2",)]


def test_a_platform_status_counts_from_when_it_was_fetched_first(orders, keep, select):
    times = "platform_status_since - :noon, platform_status_at - :noon from tracking.shipment"
    hour = timedelta(hours=1)

    keep(listed(orders[0]))
    keep(listed(orders[0], hours=1))
    assert select(times, noon=NOON) == [(0 * hour, hour)]

    keep(listed(orders[0], hours=2, platform_code="SIGN", platform_status="signed"))
    assert select(times, noon=NOON) == [(2 * hour, 2 * hour)]

    keep(named(orders[0], hours=3))
    assert select(times, noon=NOON) == [(2 * hour, 2 * hour)]


def told(order_id: int, consignment_id: str = "LP1", hours: float = 0, **more: Any) -> Any:
    """A parcel as a trace names it that also tells the platform's status."""
    status = {"platform_code": "SIGN", "platform_status": "signed", "announce": True}
    return named(order_id, consignment_id, hours) | status | more


def test_a_status_that_came_with_a_trace_counts_too(orders, keep, select):
    keep(listed(orders[0]))
    keep(told(orders[0], hours=1))
    keep(told(orders[0], hours=2))

    since = "platform_code, platform_status_since - :noon from tracking.shipment"
    assert select(since, noon=NOON) == [("SIGN", timedelta(hours=1))]


def test_a_list_without_statuses_leaves_the_known_one_alone(orders, keep, select):
    keep(told(orders[0], hours=1))
    keep(listed_alone(orders[0], hours=2))

    assert select("platform_code, carrier_code from tracking.shipment") == [("SIGN", "YTO")]
    assert select("listed_at is not null from tracking.order_shipment") == [(True,)]


def test_an_older_trace_read_late_does_not_bring_its_status_back(orders, keep, select):
    keep(told(orders[0], hours=2))
    keep(told(orders[0], hours=1, platform_code="UNSIGN", platform_status="info_received"))

    assert select("platform_code from tracking.shipment") == [("SIGN",)]


def test_of_several_traces_read_at_once_the_newest_tells_the_status(orders, keep, select):
    keep(
        told(orders[0], hours=1, platform_code="UNSIGN", platform_status="info_received"),
        told(orders[0], hours=3),
        told(orders[0], hours=2, platform_code="UNSIGN", platform_status="info_received"),
        named(orders[0], hours=4),
    )

    assert select("platform_code from tracking.shipment") == [("SIGN",)]


def listed_alone(order_id: int, consignment_id: str = "LP1", hours: float = 0) -> Any:
    """A parcel of a list that tells no statuses."""
    return listed(order_id, consignment_id, hours, platform_code=None, platform_status=None)


@pytest.mark.parametrize(
    ("kind", "waits"), [(named, False), (listed, True), (listed_alone, True), (told, True)]
)
def test_what_is_listed_or_has_a_status_waits_to_be_judged(
    kind, waits, orders, keep, execute, select
):
    keep(listed(orders[0]))
    execute("update tracking.shipment set unsettled = false")

    keep(kind(orders[0], hours=1))

    assert select("unsettled from tracking.shipment") == [(waits,)]


@pytest.mark.parametrize(("kind", "is_live"), [(named, False), (told, False), (listed, True)])
def test_a_superseded_parcel_is_live_again_only_when_it_is_listed(
    kind, is_live, orders, keep, execute, select
):
    keep(listed(orders[0]))
    execute("update tracking.order_shipment set superseded_at = now()")

    keep(kind(orders[0], hours=1))

    assert select("superseded_at is null from tracking.order_shipment") == [(is_live,)]


def test_a_parcel_knows_since_when_it_is_listed(orders, keep, select):
    query = "first_seen_at, listed_at from tracking.order_shipment"

    keep(named(orders[0]))
    assert select(query) == [(NOON, None)]

    keep(listed(orders[0], hours=1))
    keep(listed(orders[0], hours=2))
    assert select(query) == [(NOON, NOON + timedelta(hours=1))]


def test_concurrent_writers_of_the_same_parcels_do_not_deadlock(orders, keep, select):
    rows = [listed(orders[0], f"LP{number}") for number in range(30)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda turn: keep(*(rows[::-1] if turn % 2 else rows)), range(8)))

    assert all(ids == found[0] for ids in found)
    assert select("count(*) from tracking.shipment") == [(30,)]
