"""Whether an ERP can be read and written: every statement runs, and every write is undone."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.exc import DBAPIError

from shipment_tracking.domain.findings import Finding
from shipment_tracking.domain.statuses import Status
from shipment_tracking.erp.port import Erp, ListedOrder, Outcome, Sign, Trace, Unreadable, Written
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.errors import StatementError
from shipment_tracking.statements import statement, statement_path
from shipment_tracking.steps.extract_orders import RowReader
from shipment_tracking.warehouse.orders import StagedRow

MOST_ROWS = 200
MOST_EXAMPLES = 3
LONGEST_STATUS = max(Status, key=len)
LONGEST_TEXT = ("快件已到达转运中心，下一站浙江杭州，" * 40)[:500]
SEVERAL_WAYBILLS = ", ".join(f"YT{number:018}" for number in range(3))
"""What too narrow columns cannot hold."""
NO_ORDER = ListedOrder("0", None, None, None, None, None, 0, None)
"""What is asked about where nothing is listed; "0" is a key to columns of text and of numbers."""


def check(
    erp: Erp,
    *,
    knows_account: Callable[[str], bool],
    describe: Callable[[DBAPIError], str],
    asks_contacts: bool,
    now: datetime,
    most_untracked: float = 1,
    platform_of: Callable[[str], str | None] = lambda account: None,
) -> Iterator[Finding]:
    """
    Ask the ERP everything that a run asks, about one listed order, and tell each answer.

    :param knows_account: whether an account is a connection that can be asked.
    :param describe: the message of a database's error.
    :param asks_contacts: whether contacts are wanted; no value of theirs is told.
    :param most_untracked: the share of the rows read, from 0 to 1, that may stay untracked.
    :param platform_of: the platform of an account's connection, if that can be read.
    """
    asked = _Check(erp, knows_account, now, most_untracked, platform_of)
    questions: list[tuple[str, Callable[[], str]]] = [
        ("extract_orders", asked.orders),
        ("backfill_orders", asked.past_orders),
        ("order_state", asked.state),
        ("mark_signed, undone", asked.mark_signed),
        ("show_trace, undone", asked.show_trace),
    ]
    if asks_contacts:
        questions.append(("find_contact", asked.contact))
    is_within_reach = True
    for about, question in questions:
        if not is_within_reach:
            yield Finding(about, None)
            continue
        try:
            yield Finding(about, True, question())
        except StatementError as error:
            yield Finding(about, False, str(error))
        except DBAPIError as error:
            is_within_reach = about != questions[0][0]
            yield Finding(about, False, describe(error))


@dataclass
class _Check:
    erp: Erp
    knows_account: Callable[[str], bool]
    now: datetime
    most_untracked: float
    platform_of: Callable[[str], str | None]
    order: ListedOrder = NO_ORDER
    is_signed: bool = False

    def orders(self) -> str:
        listed = self.erp.orders()
        reader = RowReader(listed.source, self.knows_account)
        with closing(listed.rows) as rows:
            found = list(islice(rows, MOST_ROWS))
        rows_by_key = Counter(row.erp_key for row in found if isinstance(row.erp_key, str))
        usable = [row for row in reader.rows(iter(found)) if not row.refusal]
        reader.raise_if_useless()
        keys = {row.erp_key for row in usable if rows_by_key[row.erp_key] == 1}
        self.order = next((row for row in found if row.erp_key in keys), NO_ORDER)
        if not found:
            return f"no order is listed, so the others are tried with erp_key {self._key}"
        said = [reader.refusals(), *self._twice(rows_by_key), *self._other_platforms(usable)]
        told = "; ".join(filter(None, said))
        untracked = len(found) - sum(row.erp_key in keys for row in usable)
        if untracked > self.most_untracked * len(found):
            raise StatementError(
                f"{untracked} of {len(found)} rows cannot be tracked, more than "
                f"{self.most_untracked:.0%}, so check_inputs will be red: {told}"
            )
        return told

    def _twice(self, rows_by_key: Counter[str]) -> list[str]:
        return [
            f"erp_key {key} came {count} times; let extract_orders.sql return it once"
            for key, count in rows_by_key.most_common(MOST_EXAMPLES)
            if count > 1
        ]

    def _other_platforms(self, usable: list[StagedRow]) -> list[str]:
        pairs = dict.fromkeys((row.platform, row.account) for row in usable if row.account)
        found = [(*pair, self.platform_of(pair[1])) for pair in pairs]
        return [
            f"rows of platform {platform} name account {account}, whose connection is of platform "
            f"{own}; correct one of them"
            for platform, account, own in found
            if own not in (None, platform)
        ]

    def past_orders(self) -> str:
        with closing(self.erp.orders((self.now - timedelta(days=1), self.now)).rows) as rows:
            next(rows, None)
        path = statement_path("erp/backfill_orders")
        bound = statement("erp/backfill_orders").compile().params
        if missing := [name for name in ("shipped_from", "shipped_to") if name not in bound]:
            raise StatementError(
                f"{path} does not bind {', '.join(missing)}, so a backfill would read orders of "
                "any time; compare shipped_at with both"
            )
        return ""

    def state(self) -> str:
        found = self.erp.states({self._key: self.now}).get(self._key)
        if self.order is NO_ORDER:
            return ""
        if isinstance(found, Unreadable):
            raise StatementError(f"order_state cannot read order {self._key}: {found.reason}")
        if found is None:
            raise StatementError(
                f"order_state finds no row of erp_key {self._key}, which extract_orders lists; "
                "correct its where"
            )
        self.is_signed = bool(found.signed_at)
        return ""

    def mark_signed(self) -> str:
        sign = Sign(self._key, self.now, "platform", self.order.waybill_no, self.order.erp_stamp)
        written = self.erp.mark_signed([sign], now=self.now, keep=False)[self._key]
        if self.is_signed and written.outcome is Outcome.NO_ROW:
            return ""
        said = self._judge("mark_signed", written)
        if written.is_taken and isinstance(self.erp, SqlErp):
            state = self.erp.state_once_signed(sign, now=self.now)
            if state and not state.signed_at:
                raise StatementError(
                    f"mark_signed writes order {self._key}, but order_state reads no signed_at "
                    "after it; let mark_signed set what order_state returns as signed_at"
                )
        return said or self._guard(sign)

    def _guard(self, sign: Sign) -> str:
        """Whether a row that somebody has edited since it was read would be written."""
        if not sign.erp_stamp or self.order is NO_ORDER:
            return ""
        edited = replace(sign, erp_stamp=_another(sign.erp_stamp))
        written = self.erp.mark_signed([edited], now=self.now, keep=False)[self._key]
        if written.outcome is not Outcome.WRITTEN:
            return ""
        return (
            f"mark_signed would write order {self._key} although its erp_stamp is another, so it "
            "may overwrite what somebody edits; compare the stamp with :erp_stamp in its where"
        )

    def show_trace(self) -> str:
        trace = Trace(self._key, LONGEST_STATUS, LONGEST_TEXT, self.now, SEVERAL_WAYBILLS, self.now)
        return self._judge("show_trace", self.erp.show_trace([trace], keep=False)[self._key])

    def contact(self) -> str:
        found = self.erp.contacts([self._key])[self._key]
        if isinstance(found, Unreadable) and self.order is not NO_ORDER:
            return found.reason
        return ""

    @property
    def _key(self) -> str:
        return str(self.order.erp_key)

    def _judge(self, name: str, written: Written) -> str:
        if self.order is NO_ORDER:
            return ""
        if written.outcome is Outcome.FAILED:
            raise StatementError(f"{name} cannot write order {self._key}: {written.reason}")
        if written.outcome is Outcome.NO_ROW:
            raise StatementError(
                f"{name} would write no row of erp_key {self._key}, which extract_orders lists; "
                "compare status, signed_at and erp_stamp in both, or check again if somebody has "
                "just edited that order"
            )
        return ""


def _another(stamp: str) -> str:
    """A stamp of the same kind that no row has: another millennium, another number."""
    first = re.search("[0-9]", stamp)
    if not first:
        return f"{stamp}x"
    changed = str((int(first[0]) + 1) % 10)
    return stamp[: first.start()] + changed + stamp[first.end() :]
