"""The demo ERP follows the world on every database a merchant may have."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from sandbox.erp import NOT_SET, DemoErp, erp_order, rows
from sandbox.parcels import SHANGHAI
from sandbox.world import World
from shipment_tracking.erp.sql import SqlErp

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return World(2, START, {"platform_1688": 150, "platform_1688_east": 60})


@pytest.fixture
def engine(shop: SqlErp) -> Engine:
    """A database of every kind."""
    return shop.engine


def stored(engine: Engine) -> dict[str, dict]:
    with engine.connect() as connection:
        return {row.order_no: row._asdict() for row in connection.execute(select(erp_order))}


def test_rows_follow_the_world_and_doing_it_twice_changes_nothing(engine, world):
    erp = DemoErp(engine)
    erp.create()
    erp.create()
    for hours in (0, 30, 100):
        at = START + timedelta(hours=hours)
        assert erp.sync(world, at) > 0
        first = stored(engine)
        assert erp.sync(world, at) == 0
        assert stored(engine) == first
        expected = {row.order_no: row.state(at)[0] for row in rows(world) if row.created_at <= at}
        assert {number: row["status"] for number, row in first.items()} == expected


def test_what_the_product_wrote_is_left_alone(engine, world):
    erp = DemoErp(engine)
    erp.create()
    erp.sync(world, START + timedelta(hours=60))
    signed_at = (START + timedelta(hours=84)).replace(tzinfo=None)
    with engine.begin() as connection:
        connection.execute(
            update(erp_order)
            .where(erp_order.c.status == "SHIPPED")
            .values(status="SIGNED", signed_at=signed_at, latest_trace="已签收")
        )
    before = stored(engine)

    erp.sync(world, START + timedelta(days=9))

    after = stored(engine)
    signed = [number for number, row in before.items() if row["status"] == "SIGNED"]
    assert len(signed) > 100
    assert {number: after[number] for number in signed} == {
        number: before[number] for number in signed
    }


@pytest.fixture
def synced(world, tmp_path) -> dict[str, dict]:
    """All rows after a hundred hours."""
    own = create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)
    erp = DemoErp(own)
    erp.create()
    erp.sync(world, START + timedelta(hours=100))
    return stored(own)


def test_there_are_decoys_closures_urgent_orders_and_doubles(synced, world):
    statuses = Counter(row["status"] for row in synced.values())
    of_one_order = Counter(row["platform_order_id"] for row in synced.values())
    known = {order.order_id for order in world.orders()}

    assert statuses["SHIPPED"] > 150
    assert statuses["SIGNED"] >= 3
    assert {row["status"] for row in synced.values() if row["platform_order_id"] in known} == {
        "SHIPPED",
        "CLOSED",
    }
    assert {row["status"] for row in synced.values() if row["platform_order_id"] not in known} == {
        "SIGNED",
        "CLOSED",
    }
    assert {row["priority"] for row in synced.values()} == {0, 1}
    assert {row["buyer_opted_out"] for row in synced.values()} == {0, 1, None}
    assert max(of_one_order.values()) == 2
    assert {row["shop"] for row in synced.values()} == set(world.accounts)


def test_times_are_naive_and_chinese(synced, world):
    order = next(order for order in world.orders() if order.story == "signed_by_self")
    (row, *_) = [row for row in synced.values() if row["platform_order_id"] == order.order_id]

    assert row["shipped_at"] == order.shipped_at.astimezone(SHANGHAI).replace(tzinfo=None)


def test_a_frozen_world_freezes_the_erp(world, tmp_path):
    own = create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)
    erp = DemoErp(own)
    erp.create()
    erp.sync(world, START)
    frozen = World(2, START, world.accounts)
    frozen.freeze(START)

    assert erp.sync(frozen, START + timedelta(days=5)) == 0


def test_the_table_can_be_dropped(world, tmp_path):
    own = create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)
    erp = DemoErp(own)
    erp.create()
    erp.drop()
    with pytest.raises(OperationalError):
        erp.sync(world, START)


def test_a_zone_with_daylight_saving_has_an_hour_twice(tmp_path):
    own = create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)
    change = datetime(2026, 11, 1, 6, tzinfo=UTC)
    night = World(2, change - timedelta(hours=30), {"platform_1688": 150})
    erp = DemoErp(own, ZoneInfo("America/New_York"))
    erp.create()
    erp.sync(night, change + timedelta(days=5))

    local = {order.order_id: order.shipped_at.astimezone(erp.zone) for order in night.orders()}
    found = {
        row["platform_order_id"]: row["shipped_at"]
        for order_no, row in stored(own).items()
        if not order_no.endswith("-2")
    }
    assert all(found[key] == at.replace(tzinfo=None) for key, at in local.items() if key in found)
    assert {at.fold for at in local.values() if at.replace(tzinfo=None).hour == 1} == {0, 1}


def test_zeros_stand_for_a_sign_that_is_not_set(world, tmp_path):
    own = create_engine(f"sqlite:///{tmp_path / 'erp.db'}", poolclass=NullPool)
    erp = DemoErp(own, has_zeros=True)
    erp.create()
    erp.sync(world, START)

    with own.connect() as connection:
        raw = connection.execute(text("select order_no, signed_at from erp_order")).all()
    zeros = {order_no for order_no, signed_at in raw if signed_at == NOT_SET}
    assert zeros
    assert {stored(own)[order_no]["signed_at"] for order_no in zeros} == {None}
    assert erp.sync(world, START) == 0
