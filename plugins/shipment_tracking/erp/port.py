"""What the steps need of an ERP, whatever it is reached by."""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """
    A row of the ERP's list. The ids are as the ERP has them: the step checks them.

    :param waybill_no: null when the row stands for all parcels of the order.
    :param shipped_at: aware, in UTC.
    :param priority: 0, or 1 for high priority.
    :param promised_at: by when the delivery was promised, aware, in UTC; null if unknown.
    :param problem: why a value other than the ids cannot be read; that value is null or 0.
    """

    erp_key: object
    platform: object
    account: object
    platform_order_id: object
    waybill_no: str | None
    shipped_at: datetime | None
    priority: int
    erp_stamp: str | None
    problem: str | None = None
    promised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderList:
    """
    The ERP's list, read while it is iterated.

    :param source: what an owner corrects when rows are wrong, such as ``extract_orders.sql``.
    """

    source: str
    rows: Generator[ListedOrder]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """
    Why the ERP does not say what is asked about one order.

    :param is_error: the ERP failed when it was asked, which may pass.
    """

    reason: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class OrderState:
    """
    A row as the ERP has it now.

    :param signed_at: as it is stored there; null while nobody has signed it.
    :param is_expected: whether that is the expected time, as far as the ERP's column can tell.
    """

    status: str | None
    signed_at: str | None
    erp_stamp: str | None
    is_expected: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """
    A signature to write.

    :param signed_at: aware.
    :param waybill_no: of the ERP's row; null when it stands for all parcels of the order.
    :param erp_stamp: the row's as it was read.
    """

    erp_key: str
    signed_at: datetime
    sign_kind: str | None
    waybill_no: str | None
    erp_stamp: str | None


@dataclass(frozen=True, slots=True)
class Trace:
    """
    What a row shall show of its parcels; times are aware.

    :param eta: by when nine tenths of orders like this one are signed; ``None``: not known.
    """

    erp_key: str
    status: str
    latest_trace: str | None
    latest_trace_at: datetime | None
    waybill_nos: str | None
    eta: datetime | None = None


class Outcome(StrEnum):
    """
    What came of one write.

    ``no_row``: the ERP took it, but has no row that is still as it was read.
    ``untold``: the ERP took it, and does not tell whether it wrote a row.
    """

    WRITTEN = "written"
    NO_ROW = "no_row"
    UNTOLD = "untold"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """
    What came of one write.

    :param reason: why it failed; empty otherwise.
    """

    outcome: Outcome
    reason: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether it was written, as far as the ERP tells."""
        return self.outcome in (Outcome.WRITTEN, Outcome.UNTOLD)

    @classmethod
    def failed(cls, reason: str) -> "Written":
        """The ERP did not take it."""
        return cls(Outcome.FAILED, reason)


@dataclass(frozen=True, slots=True)
class Contact:
    """
    Who waits for an order.

    :param phone: empty if the ERP has none; then ``wechat_openid`` is set, or they opted out.
    :param wechat_openid: who they are to the shop's own WeChat app.
    """

    phone: str
    name: str | None
    language: str | None
    opted_out: bool = False
    wechat_openid: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an ERP is written to by its own interface: the connection ``write_conn_id``."""

    conn_id: str
    host: str
    port: int | None
    schema: str
    login: str
    password: str = field(repr=False)


class Erp(Protocol):
    """
    An ERP.

    Every method is a transaction of its own, and one order that fails stops no other. All raise
    ``StatementError`` where a person must correct how the ERP is asked.
    """

    def orders(self, interval: tuple[datetime, datetime] | None = None) -> OrderList:
        """
        What is shipped and not signed, or all that was shipped in an interval, signed or not.

        :param interval: aware times; the end is not included. Rows outside may be among the result.
        """

    def states(self, expected: Mapping[str, datetime]) -> dict[str, OrderState | Unreadable]:
        """
        The present rows of some keys; a key that is gone has none.

        :param expected: by key, the time that we would sign it with.
        """

    def mark_signed(
        self, signs: Sequence[Sign], *, now: datetime, keep: bool = True
    ) -> dict[str, Written]:
        """
        Sign rows that are still as they were read; returns what came of each, by key.

        :param now: aware; for the row's own stamp.
        :param keep: without it every write is undone at once: its mistakes show all the same.
        """

    def show_trace(self, traces: Sequence[Trace], *, keep: bool = True) -> dict[str, Written]:
        """
        Let rows show where their parcels are; returns what came of each, by key.

        :param keep: as in ``mark_signed``.
        """

    def contacts(self, erp_keys: Sequence[str]) -> dict[str, Contact | Unreadable]:
        """Who waits for each order. No value of theirs is in a reason."""


_DIFFERENT = re.compile(r"'[^']*'|\"[^\"]*\"|\w*\d\w*")


def grouped(failures: Mapping[str, str]) -> list[tuple[str, str]]:
    """
    Failures by their reasons: which orders, and the first one's reason.

    Reasons that differ only in names and numbers are one.

    :param failures: reason by key.
    """
    groups: dict[str, list[str]] = {}
    for erp_key, reason in failures.items():
        groups.setdefault(_DIFFERENT.sub("", reason), []).append(erp_key)
    return [
        (f"order {keys[0]}" + (f" and {len(keys) - 1} more" if keys[1:] else ""), failures[keys[0]])
        for keys in groups.values()
    ]
