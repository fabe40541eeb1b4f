"""Whether an ERP can be read and written: every statement runs, and every write is undone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.exc import DBAPIError

from shipment_tracking.domain.findings import Finding
from shipment_tracking.erp.port import Erp, ListedOrder, Outcome, Sign, Trace, Unreadable, Written
from shipment_tracking.errors import StatementError
from shipment_tracking.steps.extract_orders import RowReader

MOST_ROWS = 200
NO_ORDER = ListedOrder("0", None, None, None, None, None, 0, None)
"""What is asked about where nothing is listed; "0" is a key to columns of text and of numbers."""


def check(
    erp: Erp,
    *,
    knows_account: Callable[[str], bool],
    describe: Callable[[DBAPIError], str],
    asks_contacts: bool,
    now: datetime,
) -> Iterator[Finding]:
    """
    Ask the ERP everything that a run asks, about one listed order, and tell each answer.

    :param knows_account: whether an account is a connection that can be asked.
    :param describe: the message of a database's error.
    :param asks_contacts: whether contacts are wanted; no value of theirs is told.
    """
    asked = _Check(erp, knows_account, now)
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
    order: ListedOrder = NO_ORDER
    is_signed: bool = False

    def orders(self) -> str:
        listed = self.erp.orders()
        reader = RowReader(listed.source, self.knows_account)
        with closing(listed.rows) as rows:
            found = list(islice(rows, MOST_ROWS))
        usable = {row[0] for row in reader.rows(iter(found)) if not row[-1]}
        reader.raise_if_useless()
        self.order = next((row for row in found if row.erp_key in usable), NO_ORDER)
        if not found:
            return f"no order is listed, so the others are tried with erp_key {self._key}"
        return reader.refusals()

    def past_orders(self) -> str:
        with closing(self.erp.orders((self.now - timedelta(days=1), self.now)).rows) as rows:
            next(rows, None)
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
        sign = Sign(self._key, self.now, "self", self.order.waybill_no, self.order.erp_stamp)
        written = self.erp.mark_signed([sign], now=self.now, keep=False)[self._key]
        if self.is_signed and written.outcome is Outcome.NO_ROW:
            return ""
        return self._judge("mark_signed", written)

    def show_trace(self) -> str:
        trace = Trace(self._key, "in_transit", "快件已到达转运中心", self.now, "YT1")
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
