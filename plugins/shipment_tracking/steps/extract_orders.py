"""Takes over what the ERP wants tracked and tells which accounts have work."""

import logging
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping

from shipment_tracking.domain.models import PLATFORMS, Run
from shipment_tracking.domain.waybills import fold
from shipment_tracking.erp.database import ErpDatabase, read_flag
from shipment_tracking.errors import ClosureRefusedError, ParamError, StatementError
from shipment_tracking.statements import query, statement, statement_path
from shipment_tracking.warehouse import polling, runs

log = logging.getLogger(__name__)

COLUMNS = (
    "erp_key",
    "platform",
    "account",
    "platform_order_id",
    "waybill_no",
    "shipped_at",
    "priority",
    "erp_stamp",
)
PAGE = 1000
MOST_CLOSED_UNASKED = 50
LARGEST_SHARE_CLOSED_UNASKED = 0.2
EXAMPLES = 10

LARGEST_EXACT = 2**53
"""Whole numbers beyond it are rounded in a float."""

_ROUNDED = re.compile(r"\d(?:[.]\d+)?[eE][+]?\d+")


def run(
    erp: ErpDatabase,
    warehouse: Engine,
    this_run: Run,
    *,
    knows_account: Callable[[str], bool],
    now: datetime,
) -> list[str]:
    """
    Bring the warehouse's list of orders in line with the ERP's and return the lanes with work.

    Rows that cannot be tracked are recorded with the reason and stop nobody. Rows that left the
    ERP's list are closed, unless this run works only on a part of it; orders that no rule polls
    any more are given up.

    :param knows_account: whether an account is a connection that can be asked.
    :raises ParamError: the run is for one account, and there is no such connection.
    :raises PollingTableError: the table of polling is wrong; nothing was read.
    :raises StatementError: the owner's statement lacks a column, or none of its rows can be used.
    :raises ClosureRefusedError: too much left the list at once; everything else was taken over.
    """
    # In a transaction of its own: whatever fails here, the steps to come count what they do.
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
    only = this_run.only_account
    if only and not knows_account(only):
        raise ParamError(f"only_account {only!r} is not a connection of type ecommerce_platform")
    name = "backfill_orders" if this_run.is_backfill else "extract_orders"
    reader = _RowReader(erp, statement_path(f"erp/{name}").name, knows_account)
    polling.load()
    with warehouse.begin() as connection:
        connection.execute(query("extract_orders.lock"))
        connection.execute(query("extract_orders.stage"))
        with closing(_fetch(erp, name, this_run)) as found:
            _copy(connection, _wanted(reader.rows(found), this_run))
        reader.raise_if_useless()
        refusal = _take_over(connection, this_run, now)
    reader.report()
    if refusal:
        raise ClosureRefusedError(refusal)
    with warehouse.begin() as connection:
        due = connection.execute(
            query("extract_orders.due"),
            {
                "now": now,
                "backfill": this_run.is_backfill,
                "shipped_from": this_run.shipped_from,
                "shipped_to": this_run.shipped_to,
                "only_account": this_run.only_account,
                "only_high_priority": this_run.only_high_priority,
            },
        ).all()
        runs.add(connection, this_run, now=now, due=sum(row.orders for row in due))
    return [row.account for row in due]


def _fetch(erp: ErpDatabase, name: str, this_run: Run) -> Generator[RowMapping]:
    """The statement's rows, streamed."""
    binds = {}
    if this_run.shipped_from and this_run.shipped_to:
        start, end = erp.bind_interval(this_run.shipped_from, this_run.shipped_to)
        binds = {"shipped_from": start, "shipped_to": end}
    with erp.connect() as connection:
        result = connection.execution_options(yield_per=PAGE).execute(
            statement(f"erp/{name}", binds=set(binds)), binds
        )
        missing = [column for column in COLUMNS if column not in result.keys()]  # noqa: SIM118
        if missing:
            raise StatementError(
                f"{statement_path(f'erp/{name}')} does not return {', '.join(missing)}; it returns "
                f"{', '.join(result.keys())}"
            )
        yield from result.mappings()


class _RowReader:
    """Reads the ERP's rows one by one and remembers what is wrong with them."""

    def __init__(
        self, erp: ErpDatabase, file_name: str, knows_account: Callable[[str], bool]
    ) -> None:
        self.erp = erp
        self.file_name = file_name
        self.knows_account = knows_account
        self.accounts: dict[str, bool] = {}
        self.refused: Counter[str] = Counter()
        self.examples: list[str] = []
        self.count = 0

    def rows(self, found: Iterator[RowMapping]) -> Iterator[tuple[Any, ...]]:
        """The rows for the stage; one without a usable key is reported only."""
        for row in found:
            self.count += 1
            key = row["erp_key"]
            if not _is_text(key):
                self._note(f"row {self.count}", f"erp_key is {key!r}, not text")
                continue
            values, reason = self._read(row)
            if reason:
                self._note(f"row {key}", reason)
            yield (key, *values, reason)

    def raise_if_useless(self) -> None:
        """:raises StatementError: not a single row can be used."""
        if self.count and sum(self.refused.values()) == self.count:
            raise StatementError(
                f"{self.file_name}: none of its {self.count} rows can be tracked: "
                + "; ".join(self.examples)
            )

    def report(self) -> None:
        """Log what was refused."""
        if self.refused:
            log.warning(
                "%s: %d of %d rows are not tracked: %s",
                self.file_name,
                sum(self.refused.values()),
                self.count,
                "; ".join(self.examples),
            )

    def _read(self, row: RowMapping) -> tuple[tuple[Any, ...], str | None]:
        # A CHAR column fills its values up with blanks; no id has any.
        platform, account = _stripped(row["platform"]), _stripped(row["account"])
        order_id = _order_id(row["platform_order_id"])
        reason = self._refusal(platform, account, order_id)
        try:
            shipped_at = self.erp.read_time(row["shipped_at"])
        except ValueError as error:
            shipped_at, reason = None, reason or f"shipped_at: {error}"
        try:
            is_first = row["priority"] is not None and read_flag(row["priority"])
        except ValueError as error:
            is_first, reason = False, reason or f"priority: {error}"
        try:
            waybill_no = _waybill_no(row["waybill_no"])
        except ValueError as error:
            waybill_no, reason = None, reason or f"{error}; correct it or {self.file_name}"
        stamp = row["erp_stamp"]
        if isinstance(stamp, bytes | bytearray | memoryview):
            stamp = None
            reason = reason or f"erp_stamp is binary, not text; cast it in {self.file_name}"
        return (
            platform if _is_text(platform) else None,
            account if _is_text(account) else None,
            order_id if _is_text(order_id) else None,
            waybill_no,
            shipped_at,
            int(is_first),
            _plain(stamp) if stamp is not None else None,
        ), reason

    def _refusal(self, platform: object, account: object, order_id: object) -> str | None:
        if platform not in PLATFORMS:
            return f"platform is {platform!r}, not one of {', '.join(map(repr, PLATFORMS))} as text"
        if not isinstance(order_id, str) or not _is_text(order_id):
            return f"platform_order_id is {order_id!r}, not text; cast it in {self.file_name}"
        if not re.fullmatch(r"[0-9]+", order_id):
            return (
                f"platform_order_id is {order_id!r}, which is not an order number; correct it, or "
                f"let {self.file_name} return one row for each order"
            )
        if not isinstance(account, str) or not _is_text(account):
            return f"account is {account!r}, not the id of an Airflow connection"
        if account not in self.accounts:
            self.accounts[account] = self.knows_account(account)
        if not self.accounts[account]:
            return (
                f"account {account!r} is not an Airflow connection of type ecommerce_platform; "
                f"add the connection or correct {self.file_name}"
            )
        return None

    def _note(self, row: str, reason: str) -> None:
        self.refused[reason] += 1
        if self.refused[reason] == 1 and len(self.examples) < EXAMPLES:
            self.examples.append(f"{row}: {reason}")


def _is_text(value: object) -> bool:
    """Whether a value can be an id; PostgreSQL keeps no NUL."""
    return isinstance(value, str) and value != "" and "\0" not in value


def _plain(value: object) -> str:
    return str(value).replace("\0", "")


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _order_id(value: Any) -> Any:
    """Text as the platform writes it, however it was typed: no blanks, no full-width digits."""
    if not _is_text(value):
        return value
    return re.sub(r"[\s\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", value))


def _waybill_no(value: object) -> str | None:
    """
    The waybill number as the ERP has it, and a whole number by its digits; none where it is blank.

    :raises ValueError: it is binary, or its digits are lost.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("waybill_no is binary, not text")
    if isinstance(value, float) and abs(value) >= LARGEST_EXACT:
        raise ValueError(f"waybill_no is {value!r}: a float has rounded its digits")
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    text = None if value is None else _plain(value)
    folded = fold(text)
    if folded is not None and _ROUNDED.fullmatch(folded):
        raise ValueError(f"waybill_no is {text!r}: a spreadsheet has rounded its digits")
    return text if folded else None


def _wanted(rows: Iterator[tuple[Any, ...]], this_run: Run) -> Iterator[tuple[Any, ...]]:
    """The rows of the run's account and interval; where clocks change it was read too wide."""
    start, end, only = this_run.shipped_from, this_run.shipped_to, this_run.only_account
    for row in rows:
        shipped_at = row[5]
        is_outside = start and end and shipped_at and not start <= shipped_at < end
        if not is_outside and (only is None or row[2] == only):
            yield row


def _copy(connection: Connection, rows: Iterator[tuple[Any, ...]]) -> None:
    copy_statement = str(query("extract_orders.copy"))
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(copy_statement) as copy:
        for row in rows:
            copy.write_row(row)


def _take_over(connection: Connection, this_run: Run, now: datetime) -> str | None:
    """Apply the stage to the warehouse; returns why nothing was closed, if it was too much."""
    binds = {
        "now": now,
        "listed": not this_run.is_backfill,
        "min_spacing": polling.MIN_SPACING,
    }

    def execute(name: str) -> Any:
        return connection.execute(query(f"extract_orders.{name}"), binds)

    connection.execute(query("erp_rows.lock"))
    execute("refuse_duplicates")
    execute("add_orders")
    execute("move_rows")
    execute("take_rows")
    refusal = None
    if this_run.is_backfill:
        wanted = execute("want_backfill").one()
        log.info(
            "%d of %d orders of the interval are to be polled; the others were polled just now",
            wanted.to_poll,
            wanted.orders,
        )
    elif this_run.only_account is None and not this_run.only_high_priority:
        leaving = execute("leaving").one()
        if this_run.accept_closures or not _too_many(leaving):
            execute("close_rows")
        else:
            refusal = (
                f"{leaving.leaving} of {leaving.open} open orders are no longer in the ERP's list "
                f"({leaving.listed} rows): nothing was closed. If that is right, trigger the DAG "
                "once with accept_closures = true; if not, correct extract_orders.sql"
            )
        execute("give_up")
        polling.learn_transit(connection, now=now)
    execute("open_orders")
    execute("close_orders")
    execute("quiet_closed")
    return refusal


def _too_many(leaving: Any) -> bool:
    if leaving.leaving and not leaving.listed:
        return True
    return bool(
        leaving.leaving > MOST_CLOSED_UNASKED
        and leaving.leaving > LARGEST_SHARE_CLOSED_UNASKED * leaving.open
    )
