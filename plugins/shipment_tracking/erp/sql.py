"""Writes to an ERP through its owner's statements under ``include/sql/erp``."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, TextClause
from sqlalchemy.exc import DataError, DBAPIError

from shipment_tracking.erp.database import ErpDatabase, is_set
from shipment_tracking.errors import StatementError
from shipment_tracking.statements import statement, statement_path

SIGN_BINDS = {"erp_key", "signed_at", "sign_kind", "waybill_no", "erp_stamp", "now"}
TRACE_BINDS = {"erp_key", "status", "latest_trace", "latest_trace_at", "waybill_nos"}
STATE_COLUMNS = ("status", "signed_at", "erp_stamp")

IDENTIFYING = {"erp_key", "waybill_no", "erp_stamp"}
"""Texts that came from the ERP; they find the row, so they are never changed."""

LOCK_WAIT = 5  # seconds
SET_LOCK_WAIT = {
    "postgresql": "set local lock_timeout = '{seconds}s'",
    "mysql": "set innodb_lock_wait_timeout = {seconds}",
    "mariadb": "set innodb_lock_wait_timeout = {seconds}",
    "mssql": "set lock_timeout {seconds}000",
}

UNSTORABLE = {"22P05", "22021", 1267, 1270, 1271, 1300, 1366, 3854, 3988}
"""Codes of PostgreSQL and MySQL for a text that holds a character which the ERP cannot."""

CHARSETS = ("utf8mb3", "gbk", "gb2312", "latin-1", "ascii")
"""What an ERP may be able to hold, from much to little."""

GB2312_TWINS = {0xB7: 0x30FB, 0x2014: 0x2015}
"""The dot and the dash of Chinese texts, and what stands for them in GB2312."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sign:
    """
    What ``mark_signed.sql`` writes.

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
    """What ``show_trace.sql`` writes; ``latest_trace_at`` is aware."""

    erp_key: str
    status: str
    latest_trace: str | None
    latest_trace_at: datetime | None
    waybill_nos: str | None


@dataclass(frozen=True, slots=True)
class OrderState:
    """A row as the ERP has it now; ``signed_at`` as it is stored there."""

    status: str | None
    signed_at: datetime | date | str | None
    erp_stamp: str | None

    @property
    def is_signed(self) -> bool:
        """Whether somebody signed it."""
        return is_set(self.signed_at)


class SqlWriter:
    """
    One ERP, written to row by row: each in a savepoint, so that a bad one stops no other.

    Every method is a transaction of its own.

    :param lock_wait: whole seconds to wait for a row that somebody else holds.
    """

    def __init__(self, erp: ErpDatabase, *, lock_wait: int = LOCK_WAIT) -> None:
        self.erp = erp
        self.lock_wait = lock_wait

    def states(self, erp_keys: Sequence[str]) -> dict[str, OrderState | str]:
        """
        The present rows of some keys, or why a key's is not known; a key that is gone has none.

        :raises StatementError: ``order_state.sql`` lacks a column or finds several rows whatever
            the key.
        """
        order_state = statement("erp/order_state", binds={"erp_key"}, needs="erp_key")
        states: dict[str, OrderState | str] = {}
        several: list[str] = []
        with self.erp.connect() as connection:
            for erp_key in erp_keys:
                try:
                    result = connection.execute(order_state, {"erp_key": erp_key})
                except (DBAPIError, UnicodeEncodeError) as error:
                    if not isinstance(error, DataError) and not _is_unstorable(error):
                        raise
                    connection.rollback()
                    self.erp.prepare(connection)
                    states[erp_key] = _reason(error)
                    continue
                missing = [name for name in STATE_COLUMNS if name not in result.keys()]  # noqa: SIM118
                if missing:
                    raise StatementError(
                        f"{statement_path('erp/order_state')} does not return {', '.join(missing)}"
                    )
                rows = result.mappings().all()
                if len(rows) > 1:
                    several.append(
                        f"{statement_path('erp/order_state')} finds {len(rows)} rows of erp_key "
                        f"{erp_key}; it must find one or none"
                    )
                    states[erp_key] = several[-1]
                    continue
                for row in rows:
                    status, stamp = row["status"], row["erp_stamp"]
                    states[erp_key] = OrderState(
                        None if status is None else str(status),
                        row["signed_at"],
                        None if stamp is None else str(stamp),
                    )
        _raise_if_of_no_row(several, len(erp_keys))
        return states

    def mark_signed(
        self, signs: Sequence[Sign], *, now: datetime, keep: bool = True
    ) -> dict[str, bool | str]:
        """
        Sign rows that are still as they were read.

        :param now: aware; bound for the row's own stamp.
        :param keep: without it every row is rolled back at once: what it would write shows, and
            mistakes do too.
        :returns: by key, whether a row was written, or why it could not be.
        :raises StatementError: ``mark_signed.sql`` binds something else or writes several rows
            whatever the key.
        """
        present = self.erp.bind_time(now)
        return self._write(
            "mark_signed",
            SIGN_BINDS,
            [
                {
                    "erp_key": sign.erp_key,
                    "signed_at": self.erp.bind_time(sign.signed_at),
                    "sign_kind": sign.sign_kind,
                    "waybill_no": sign.waybill_no,
                    "erp_stamp": sign.erp_stamp,
                    "now": present,
                }
                for sign in signs
            ],
            keep,
        )

    def show_trace(self, traces: Sequence[Trace], *, keep: bool = True) -> dict[str, bool | str]:
        """
        Let rows show where their parcels are.

        :param keep: as in ``mark_signed``.
        :returns: by key, whether a row was written, or why it could not be.
        :raises StatementError: ``show_trace.sql`` binds something else or writes several rows
            whatever the key.
        """
        return self._write(
            "show_trace",
            TRACE_BINDS,
            [
                {
                    "erp_key": trace.erp_key,
                    "status": trace.status,
                    "latest_trace": trace.latest_trace,
                    "latest_trace_at": trace.latest_trace_at
                    and self.erp.bind_time(trace.latest_trace_at),
                    "waybill_nos": trace.waybill_nos,
                }
                for trace in traces
            ],
            keep,
        )

    def _write(
        self, name: str, binds: set[str], rows: Sequence[Mapping[str, Any]], keep: bool
    ) -> dict[str, bool | str]:
        write = statement(f"erp/{name}", binds=binds, needs="erp_key")
        written: dict[str, bool | str] = {}
        several: list[str] = []
        with self.erp.begin() as connection:
            if set_lock_wait := SET_LOCK_WAIT.get(connection.dialect.name):
                connection.exec_driver_sql(set_lock_wait.format(seconds=self.lock_wait))
            for row in rows:
                count = _write_row(connection, name, write, row, keep=keep)
                if isinstance(count, int) and count > 1:
                    several.append(
                        f"{statement_path(f'erp/{name}')} would write {count} rows for erp_key "
                        f"{row['erp_key']}; it must write one at most, so nothing was written"
                    )
                    written[row["erp_key"]] = several[-1]
                else:
                    written[row["erp_key"]] = count if isinstance(count, str) else count == 1
            _raise_if_of_no_row(several, len(written))
        return written


def _write_row(
    connection: Connection, name: str, write: TextClause, row: Mapping[str, Any], *, keep: bool
) -> int | str:
    """
    Write one row, and if the ERP cannot hold a character of it, with a question mark in its place.

    :returns: how many rows were written (what would be several is undone), or why none could be.
    """
    reason = ""
    for storable in _ever_plainer(row):
        savepoint = connection.begin_nested()
        try:
            result = connection.execute(write, storable)
            count = result.rowcount
        except (DBAPIError, UnicodeEncodeError) as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            # Where this fails (MySQL drops savepoints after a deadlock), all is undone.
            savepoint.rollback()
            reason = reason or _reason(error)
            if not _is_unstorable(error):
                return reason
            continue
        if result.returns_rows:
            raise StatementError(
                f"{statement_path(f'erp/{name}')} returns rows, so nobody can tell what it wrote; "
                f"it must be an update without returning"
            )
        if count > 1:
            savepoint.rollback()
            return count
        if keep:
            savepoint.commit()
        else:
            # SQLite keeps what a savepoint releases, whatever becomes of the rest.
            savepoint.rollback()
        if reason:
            log.info("order %s is written with ? for what the ERP cannot hold", row["erp_key"])
        return count
    return reason


def _ever_plainer(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The row as it is, then with ever fewer kinds of characters, each different from the last."""
    yield row
    last = row
    for charset in CHARSETS:
        plainer = {
            name: _held_by(charset, value)
            if isinstance(value, str) and name not in IDENTIFYING
            else value
            for name, value in row.items()
        }
        if plainer != last:
            yield plainer
        last = plainer


def _held_by(charset: str, text: str) -> str:
    if charset == "utf8mb3":
        return "".join(char if char < "\U00010000" else "?" for char in text)
    plain = text.translate(GB2312_TWINS) if charset == "gb2312" else text
    return plain.encode(charset, "replace").decode(charset)


def _is_unstorable(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if cause is None or isinstance(cause, UnicodeEncodeError):
        return cause is not None
    return not UNSTORABLE.isdisjoint({getattr(cause, "sqlstate", None), *cause.args[:1]})


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, UnicodeEncodeError):
        # Its own text would hold all of the statement's.
        return f"the connection's charset {cause.encoding} cannot hold what is to be written"
    return str(cause).splitlines()[0]


def _raise_if_of_no_row(several: Sequence[str], keys: int) -> None:
    """One key may stand twice in the ERP; if each of some seems to, the statement is wrong."""
    if len(several) == keys > 1:
        raise StatementError(several[0])
