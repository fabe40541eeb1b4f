"""Takes over what the ERP wants tracked and tells which accounts have work."""

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, TypeGuard

from sqlalchemy import Engine

from shipment_tracking.domain.models import PLATFORMS, Run
from shipment_tracking.erp.port import Erp, ListedOrder
from shipment_tracking.errors import ClosureRefusedError, ParamError, StatementError
from shipment_tracking.warehouse import orders, polling, runs
from shipment_tracking.warehouse.orders import StagedRow

log = logging.getLogger(__name__)

EXAMPLES = 10

LONGEST_ID = 255  # characters
LONGEST_WAYBILLS = 1_500  # bytes; PostgreSQL's index holds 2,700 of key and waybills together


def run(
    erp: Erp,
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
    :raises StatementError: the ERP cannot be asked this way, or none of its rows can be used.
    :raises ClosureRefusedError: too much left the list at once; everything else was taken over.
    """
    # In a transaction of its own: whatever fails here, the steps to come count what they do.
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
    only = this_run.only_account
    if only and not knows_account(only):
        raise ParamError(f"only_account {only!r} is not a connection of type ecommerce_platform")
    start, end = this_run.shipped_from, this_run.shipped_to
    listed = erp.orders((start, end) if start and end else None)
    reader = RowReader(listed.source, knows_account)
    polling.load()
    with warehouse.begin() as connection:
        with closing(listed.rows) as found:
            orders.stage(connection, _wanted(reader.rows(found), this_run))
        reader.raise_if_useless()
        refusal = orders.take_over(connection, this_run, now)
    reader.report()
    if refusal:
        raise ClosureRefusedError(refusal)
    with warehouse.begin() as connection:
        work = orders.due(connection, this_run, now)
        runs.add(connection, this_run, now=now, due=sum(lane.orders for lane in work))
    return [lane.account for lane in work]


class RowReader:
    """
    Reads the ERP's rows one by one and remembers what is wrong with them.

    :param source: what an owner corrects, for the messages.
    :param knows_account: whether an account is a connection that can be asked.
    """

    def __init__(self, source: str, knows_account: Callable[[str], bool]) -> None:
        self.source = source
        self.knows_account = knows_account
        self.accounts: dict[str, bool] = {}
        self.refused: Counter[str] = Counter()
        self.examples: list[str] = []
        self.count = 0

    def rows(self, found: Iterator[ListedOrder]) -> Iterator[StagedRow]:
        """The rows for the stage; one without a usable key is reported only."""
        for row in found:
            self.count += 1
            if not _is_text(row.erp_key):
                self._note(f"row {self.count}", self._not_an_id("erp_key", row.erp_key))
                continue
            staged = self._read(row.erp_key, row)
            if staged.refusal:
                self._note(f"row {row.erp_key}", staged.refusal)
            yield staged

    def raise_if_useless(self) -> None:
        """:raises StatementError: not a single row can be used."""
        if self.count and sum(self.refused.values()) == self.count:
            raise StatementError(
                f"{self.source}: none of its {self.count} rows can be tracked: "
                + "; ".join(self.examples)
            )

    def report(self) -> None:
        """Log what was refused."""
        if refusals := self.refusals():
            log.warning("%s: %s", self.source, refusals)

    def refusals(self) -> str:
        """How many rows are refused, with examples; empty when all are tracked."""
        if not self.refused:
            return ""
        return f"{sum(self.refused.values())} of {self.count} rows are not tracked: " + "; ".join(
            self.examples
        )

    def _read(self, erp_key: str, row: ListedOrder) -> StagedRow:
        # A CHAR column fills its values up with blanks; no id has any.
        platform, account = _stripped(row.platform), _stripped(row.account)
        order_id = _order_id(row.platform_order_id)
        waybills = len((row.waybill_no or "").encode("utf-8", "replace"))
        too_many = waybills > LONGEST_WAYBILLS and (
            f"waybill_no has {waybills} bytes, more than {LONGEST_WAYBILLS}; let {self.source} "
            "return null for all parcels of the order"
        )
        return StagedRow(
            erp_key=erp_key,
            platform=platform if _is_text(platform) else None,
            account=account if _is_text(account) else None,
            platform_order_id=order_id if _is_text(order_id) else None,
            waybill_no=None if too_many else row.waybill_no,
            shipped_at=row.shipped_at,
            priority=row.priority,
            erp_stamp=row.erp_stamp,
            promised_at=row.promised_at,
            refusal=self._refusal(platform, account, order_id) or row.problem or too_many or None,
        )

    def _refusal(self, platform: object, account: object, order_id: object) -> str | None:
        if platform not in PLATFORMS:
            return f"platform is {platform!r}, not one of {', '.join(map(repr, PLATFORMS))} as text"
        if not isinstance(order_id, str) or not _is_text(order_id):
            return self._not_an_id("platform_order_id", order_id)
        if not re.fullmatch(r"[0-9]+", order_id):
            return (
                f"platform_order_id is {order_id!r}, which is not an order number; correct it, or "
                f"let {self.source} return one row for each order"
            )
        if not isinstance(account, str) or not _is_text(account):
            return f"account is {account!r}, not the id of an Airflow connection"
        if account not in self.accounts:
            self.accounts[account] = self.knows_account(account)
        if not self.accounts[account]:
            return (
                f"account {account!r} is not an Airflow connection of type ecommerce_platform; "
                f"add the connection or correct {self.source}"
            )
        return None

    def _not_an_id(self, name: str, value: object) -> str:
        if isinstance(value, str) and len(value) > LONGEST_ID:
            return f"{name} has {len(value)} characters, more than {LONGEST_ID}"
        return f"{name} is {value!r}, not text; cast it in {self.source}"

    def _note(self, row: str, reason: str) -> None:
        self.refused[reason] += 1
        if self.refused[reason] == 1 and len(self.examples) < EXAMPLES:
            self.examples.append(f"{row}: {reason}")


def _is_text(value: object) -> TypeGuard[str]:
    """Whether a value can be an id; PostgreSQL keeps no NUL."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and "\0" not in value


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _order_id(value: Any) -> Any:
    """Text as the platform writes it, however it was typed: no blanks, no full-width digits."""
    if not _is_text(value):
        return value
    return re.sub(r"[\s\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", value))


def _wanted(rows: Iterator[StagedRow], this_run: Run) -> Iterator[StagedRow]:
    """The rows of the run's account and interval; where clocks change it was read too wide."""
    start, end, only = this_run.shipped_from, this_run.shipped_to, this_run.only_account
    for row in rows:
        is_outside = start and end and row.shipped_at and not start <= row.shipped_at < end
        if not is_outside and only in (None, row.account):
            yield row
