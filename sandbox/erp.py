"""The demo ERP: the table `erp_order`, kept in step with the world as people and shops would.

Times in the table are naive, in the zone of the ERP. What the product writes (sign, trace) is never
touched.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Dialect

from sandbox.parcels import SHANGHAI
from sandbox.stories import STORIES
from sandbox.world import Order, World, knows_waybills, platform_of

LONGEST_TYPED = 64
"""Characters of the column for waybill numbers."""

NOT_SET = "0000-00-00 00:00:00"
"""What stands for "not set" in a column that was made in MySQL and must not be null."""


class SqliteMoment(sqlite.DATETIME):
    """Text in SQLite; zeros are no time."""

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        read = super().result_processor(dialect, coltype)
        return lambda stored: None if stored == NOT_SET or read is None else read(stored)


# SQLite keeps text without microseconds; MySQL's TIMESTAMP would change by itself.
MOMENT = (
    DateTime()
    .with_variant(SqliteMoment(truncate_microseconds=True), "sqlite")
    .with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
)

metadata = MetaData()
erp_order = Table(
    "erp_order",
    metadata,
    Column("order_no", String(64), primary_key=True),
    Column("platform", String(16), nullable=False),
    Column("shop", String(64), nullable=False),
    Column("platform_order_id", String(32), nullable=False),
    Column("waybill_no", String(LONGEST_TYPED)),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("shipped_at", MOMENT),
    Column("signed_at", MOMENT),
    Column("sign_kind", String(16)),
    Column("logistics_status", String(32)),
    Column("waybill_nos", String(255)),
    Column("latest_trace", String(500)),
    Column("latest_trace_at", MOMENT),
    Column("buyer_name", String(64)),
    Column("buyer_phone", String(32)),
    Column("buyer_opted_out", Integer, server_default="0"),
    Column("updated_at", MOMENT, nullable=False),
    mysql_charset="utf8mb4",
    mariadb_charset="utf8mb4",
)

BUYERS = ("赵小满", "钱立夏", "孙白露", "李霜降", "周惊蛰", "吴谷雨", "郑芒种", "王小雪")
OPTED_OUT = {0: 1, 1: None}
"""By the remainder of eleven: some buyers want no messages, of some nobody knows."""

DECOYS_PER_HUNDRED = 4

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
TYPED: tuple[Callable[[str], str], ...] = (
    str,
    lambda number: f"{number} ",
    str.lower,
    lambda number: f"{number[:4]} {number[4:]}",
    lambda number: number.translate(FULL_WIDTH),
    lambda number: f"{number}\r\n",
)
"""How people type a waybill number."""
JOINED = (",", "，", "/", "; ", "、", "\r\n")
"""How they type the numbers of several parcels into one field."""
SEVERAL_NUMBERS = ("split", "split_in_three")
"""Stories whose parcels all have a number when the order is shipped."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One ERP row and its life as the shop's people write it (aware times).

    :param order_id: the platform's order id.
    :param closed_at: when a person closes it; None is never.
    :param signed_at: when a person saw it signed, before the world began (a decoy).
    :param waybill_no: as a person typed it at the shipping; None: the platform knows it alone.
    :param is_refused: it says that it shipped days after its parcel was signed.
    :param is_mistyped: no parcel has this number, so that the row is never signed.
    """

    order_no: str
    account: str
    order_id: str
    created_at: datetime
    shipped_at: datetime
    closed_at: datetime | None
    signed_at: datetime | None
    number: int
    waybill_no: str | None = None
    is_mistyped: bool = False
    is_refused: bool = False

    def state(self, at: datetime) -> tuple[str, datetime]:
        """Its status at a time and when it got it, as far as people are concerned."""
        if self.signed_at is not None:
            return "SIGNED", self.signed_at
        if self.closed_at is not None and self.closed_at <= at:
            return "CLOSED", self.closed_at
        if self.shipped_at <= at:
            return "SHIPPED", self.shipped_at
        return "PENDING", self.created_at

    def values(self, at: datetime, zone: tzinfo = SHANGHAI) -> dict[str, Any]:
        """The row as inserted at a time, its times in the ERP's zone."""
        status, since = self.state(at)
        return {
            "order_no": self.order_no,
            "platform": platform_of(self.account),
            "shop": self.account,
            "platform_order_id": self.order_id,
            "waybill_no": None if status == "PENDING" else self.waybill_no,
            "status": status,
            "priority": 1 if self.number % 20 == 0 else 0,
            "shipped_at": None if status == "PENDING" else _local(self.shipped_at, zone),
            "signed_at": _local(self.signed_at, zone) if self.signed_at else None,
            "sign_kind": "self" if self.signed_at else None,
            "buyer_name": BUYERS[self.number % len(BUYERS)],
            "buyer_phone": f"199{self.number * 7919 % 10**8:08d}",
            "buyer_opted_out": OPTED_OUT.get(self.number % 11, 0),
            "updated_at": _local(since, zone),
        }


class DemoErp:
    """
    The ERP on any SQLAlchemy engine.

    :param zone: in which it keeps its times; one with daylight saving has an hour twice a year.
    :param has_zeros: some rows (in SQLite) came from MySQL, and have zeros for a sign not set.
    """

    def __init__(self, engine: Engine, zone: tzinfo = SHANGHAI, *, has_zeros: bool = False) -> None:
        self.engine = engine
        self.zone = zone
        self.has_zeros = has_zeros

    def create(self) -> None:
        """Create the table unless it is there."""
        metadata.create_all(self.engine)

    def drop(self) -> None:
        """Drop the table if it is there."""
        metadata.drop_all(self.engine)

    def sync(self, world: World, at: datetime) -> int:
        """
        Insert and update rows as of a world time (aware); returns how many changed.

        A frozen world freezes the ERP too. Running it again changes nothing.
        """
        at = world.as_of(at)
        inserts: list[dict[str, Any]] = []
        updates: list[dict[str, Any]] = []
        with self.engine.begin() as connection:
            query = select(erp_order.c.order_no, erp_order.c.status)
            statuses = {order_no: status for order_no, status in connection.execute(query)}
            for row in rows(world):
                stored = statuses.get(row.order_no)
                if row.created_at <= at and stored is None:
                    inserts.append(row.values(at, self.zone))
                elif stored in ("PENDING", "SHIPPED") and stored != row.state(at)[0]:
                    values = row.values(at, self.zone)
                    if (stored, values["status"]) != ("SHIPPED", "PENDING"):
                        updates.append(_change(values, stored))
            if inserts:
                connection.execute(insert(erp_order), inserts)
                if self.has_zeros:
                    connection.execute(ZEROS, {"not_set": NOT_SET})
            if updates:
                connection.execute(CHANGE, updates)
        return len(inserts) + len(updates)


ZEROS = text(
    "update erp_order set signed_at = :not_set"
    " where signed_at is null and status in ('PENDING', 'SHIPPED') and order_no like '%4'"
)
"""Some rows were brought over from MySQL."""

CHANGE = (
    update(erp_order)
    .where(
        erp_order.c.order_no == bindparam("changed_order_no"),
        erp_order.c.status == bindparam("old_status"),
    )
    .values(
        status=bindparam("new_status"),
        waybill_no=bindparam("new_waybill_no"),
        shipped_at=bindparam("new_shipped_at"),
        updated_at=bindparam("new_updated_at"),
    )
)


def rows(world: World) -> Iterator[Row]:
    """Every row the ERP ever has: one an order, now and then two, and decoys no platform knows."""
    for number, account in enumerate(world.accounts, start=1):
        for order in world.orders(account):
            yield from _rows_of(order, f"SO{number}{order.index:07d}")
        yield from _decoys(world, account, number)


def _rows_of(order: Order, order_no: str) -> Iterator[Row]:
    """A person closes one in seventy, a day to four days after shipping."""
    closed_at = None
    if order.quirk % 70 == 3 and not STORIES[order.story].second_row_after:
        closed_at = order.shipped_at + timedelta(hours=20 + order.quirk % 80)
    second = STORIES[order.story].second_row_after
    copies = ("", "-2") if order.quirk % 50 == 1 or second else ("",)
    for copy in copies:
        later = timedelta()
        if copy and second:
            low, high = second
            later = timedelta(hours=low + (high - low) * (order.quirk % 100) / 100)
        yield Row(
            order_no=order_no + copy,
            account=order.account,
            order_id=order.order_id,
            created_at=order.created_at,
            shipped_at=order.shipped_at + later,
            closed_at=closed_at,
            signed_at=None,
            number=order.quirk,
            is_refused=bool(later),
            waybill_no=_typed(order),
            is_mistyped=STORIES[order.story].mistyped and _typed(order) is not None,
        )


def _typed(order: Order) -> str | None:
    """The waybill numbers that people typed for an order's parcels, now and then with a slip."""
    is_mistyped = STORIES[order.story].mistyped
    if None in order.lines_shipped or not knows_waybills(order.account):
        return None
    if len(order.parcels) > 1 and order.story not in SEVERAL_NUMBERS:
        return None
    if any(len(parcel.waybills) != 1 for parcel in order.parcels):
        return None
    if not is_mistyped and order.quirk % 8 != 3:
        return None
    numbers = [parcel.waybills[0][1] for parcel in order.parcels]
    if is_mistyped:
        numbers = [f"{number[:-1]}{(int(number[-1]) + 1) % 10}" for number in numbers]
    if len(numbers) > 1:
        typed = JOINED[order.quirk // 8 % len(JOINED)].join(numbers)
        return typed if len(typed) <= LONGEST_TYPED else None
    return TYPED[order.quirk // 8 % len(TYPED)](numbers[0])


def _decoys(world: World, account: str, account_number: int) -> Iterator[Row]:
    """Orders that ended before the world began, some signed and some closed."""
    dice = random.Random(f"{world.seed}/{account}/decoys")
    for index in range(max(2, world.accounts[account] * DECOYS_PER_HUNDRED // 100)):
        shipped_at = world.start - timedelta(days=dice.randint(8, 60), minutes=dice.randint(0, 999))
        ended_at = shipped_at + timedelta(days=3)
        yield Row(
            order_no=f"SO{account_number}9{index:06d}",
            account=account,
            order_id=f"28{dice.randrange(10**17):017d}",
            created_at=shipped_at - timedelta(days=1),
            shipped_at=shipped_at,
            closed_at=ended_at if index % 2 else None,
            signed_at=None if index % 2 else ended_at,
            number=dice.randrange(10**6),
        )


def _change(values: dict[str, Any], stored: str) -> dict[str, Any]:
    return {
        "changed_order_no": values["order_no"],
        "old_status": stored,
        "new_status": values["status"],
        "new_waybill_no": values["waybill_no"],
        "new_shipped_at": values["shipped_at"],
        "new_updated_at": values["updated_at"],
    }


def _local(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
