"""An ERP reached by its owner's statements under ``include/sql/erp``."""

import logging
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, TextClause
from sqlalchemy.exc import DBAPIError

from shipment_tracking.erp.database import ErpDatabase, is_set
from shipment_tracking.erp.mistakes import (
    first_line,
    is_of_one_row,
    mistake_in,
    refused,
    require,
)
from shipment_tracking.erp.port import (
    Contact,
    ListedOrder,
    OrderList,
    OrderState,
    Outcome,
    Sign,
    Trace,
    Unreadable,
    Written,
)
from shipment_tracking.erp.promises import Promises
from shipment_tracking.erp.values import (
    read_flag,
    read_phone,
    read_stamp,
    read_text,
    read_waybill_no,
)
from shipment_tracking.errors import StatementError
from shipment_tracking.statements import statement, statement_path

PAGE = 1000
LIST_COLUMNS = (
    "erp_key",
    "platform",
    "account",
    "platform_order_id",
    "waybill_no",
    "shipped_at",
    "priority",
    "erp_stamp",
)
OPTIONAL_LIST_COLUMNS = ("promised_at",)
STATE_COLUMNS = ("status", "signed_at", "erp_stamp")
CONTACT_COLUMNS = ("phone", "name", "language", "opted_out")
WECHAT_OPENID = "wechat_openid"
"""A column that ``find_contact.sql`` may return, too."""
SIGN_BINDS = {"erp_key", "signed_at", "sign_kind", "waybill_no", "erp_stamp", "now"}
TRACE_BINDS = {"erp_key", "status", "latest_trace", "latest_trace_at", "waybill_nos", "eta"}

IDENTIFYING = {"erp_key", "waybill_no", "erp_stamp"}
"""Texts that came from the ERP; they find the row, so they are never changed."""

LOCK_WAIT = 5  # seconds
SHORT_LOCK_WAIT = 50  # milliseconds
UPSERT = re.compile(r"(?im)\bon\s+duplicate\s+key\s+update\b|^\s*replace\b")
TWICE = 2

_MYSQL_LOCK_WAIT = "set innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
SET_LOCK_WAIT = {
    "postgresql": "set local lock_timeout = {milliseconds}",
    "mysql": _MYSQL_LOCK_WAIT,
    "mariadb": _MYSQL_LOCK_WAIT,
    "mssql": "set lock_timeout {milliseconds}",
    "sqlite": "pragma busy_timeout = {milliseconds}",
}
LOCKED = {"55P03", 1205, 1222}
"""Codes of PostgreSQL, MySQL and SQL Server for a lock that was not had in time."""

UNSTORABLE = {"22P05", "22021", 1267, 1270, 1271, 1300, 1366, 3854, 3988}
"""Codes of PostgreSQL and MySQL for a text that holds a character which the ERP cannot."""

CHARSETS = ("utf8mb3", "gbk", "gb2312", "latin-1", "ascii")
"""What an ERP may be able to hold, from much to little."""

GB2312_TWINS = {0xB7: 0x30FB, 0x2014: 0x2015}
"""The dot and the dash of Chinese texts, and what stands for them in GB2312."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SqlErp(ErpDatabase):
    """
    An ERP's database, read and written by its owner's statements; see ``port.Erp``.

    Rows are written each in a savepoint, so that a bad one stops no other.

    :param lock_wait: whole seconds to wait for the first row that another session has locked; for
        further ones of the same call it is a moment.
    """

    lock_wait: int = LOCK_WAIT

    def orders(self, interval: tuple[datetime, datetime] | None = None) -> OrderList:
        """
        See ``port.Erp``.

        :raises StatementError: while the rows are read: ``extract_orders.sql`` or
            ``backfill_orders.sql`` lacks a column, has one twice, or does not run.
        """
        name = "backfill_orders" if interval else "extract_orders"
        binds: dict[str, Any] = {}
        if interval:
            start, end = self.bind_interval(*interval)
            binds = {"shipped_from": start, "shipped_to": end}
        return OrderList(f"{name}.sql", self._orders(f"erp/{name}", binds))

    def _orders(self, name: str, binds: dict[str, Any]) -> Generator[ListedOrder]:
        path, read = statement_path(name), statement(name, binds=set(binds))
        with self.connect() as connection:
            try:
                streaming = connection.execution_options(yield_per=PAGE)
                with streaming.execute(read, binds) as result:
                    require(path, result, LIST_COLUMNS, optional=OPTIONAL_LIST_COLUMNS)
                    promises = Promises(path.name, self)
                    for row in result.mappings():
                        yield self._listed(row, path.name, promises)
                    promises.report()
            except DBAPIError as error:
                if is_of_one_row(error):
                    raise refused(path, error) from error
                if mistake := mistake_in(path, read, error):
                    raise mistake from error
                error.add_detail(str(path))
                raise

    def _listed(self, row: RowMapping, file_name: str, promises: Promises) -> ListedOrder:
        problems: list[str] = []

        def read(name: str, reader: Callable[[Any], Any], problem: str) -> Any:
            try:
                return reader(row[name])
            except ValueError as error:
                problems.append(problem.format(error))
                return None

        shipped_at = read("shipped_at", self.read_time, "shipped_at: {}")
        is_high = read(
            "priority", lambda value: value is not None and read_flag(value), "priority: {}"
        )
        waybill_no = read("waybill_no", read_waybill_no, f"{{}}; correct it or {file_name}")
        stamp = read("erp_stamp", read_stamp, f"{{}}; cast it in {file_name}")
        return ListedOrder(
            erp_key=row["erp_key"],
            platform=row["platform"],
            account=row["account"],
            platform_order_id=row["platform_order_id"],
            waybill_no=waybill_no,
            shipped_at=shipped_at,
            priority=int(bool(is_high)),
            erp_stamp=stamp,
            problem=problems[0] if problems else None,
            promised_at=promises.read(row),
        )

    def states(self, expected: Mapping[str, datetime]) -> dict[str, OrderState | Unreadable]:
        """
        See ``port.Erp``.

        :raises StatementError: ``order_state.sql`` lacks a column, does not run, or finds several
            rows whatever the key.
        """
        path = statement_path("erp/order_state")
        states: dict[str, OrderState | Unreadable] = {}
        several: list[str] = []
        for erp_key, found in self._ask("order_state", STATE_COLUMNS, list(expected)):
            if isinstance(found, Unreadable):
                states[erp_key] = found
            elif len(found) > 1:
                several.append(
                    f"{path} finds {len(found)} rows of erp_key {erp_key}; it must find one or none"
                )
                states[erp_key] = Unreadable(several[-1])
            elif found:
                states[erp_key] = self._state(found[0], expected[erp_key])
        _raise_if_of_no_row(several, len(expected))
        return states

    def _state(self, row: RowMapping, expected: datetime) -> OrderState:
        status, signed_at, stamp = (row[name] for name in STATE_COLUMNS)
        return OrderState(
            None if status is None else str(status),
            str(signed_at) if is_set(signed_at) else None,
            None if stamp is None else str(stamp),
            self.is_time(signed_at, expected),
        )

    def contacts(self, erp_keys: Sequence[str]) -> dict[str, Contact | Unreadable]:
        """
        See ``port.Erp``.

        :raises StatementError: ``find_contact.sql`` lacks a column or does not run.
        """
        name = statement_path("erp/find_contact").name
        return {
            erp_key: _contact(erp_key, found, name)
            for erp_key, found in self._ask("find_contact", CONTACT_COLUMNS, erp_keys)
        }

    def _ask(
        self, name: str, columns: Sequence[str], erp_keys: Sequence[str]
    ) -> Iterator[tuple[str, Sequence[RowMapping] | Unreadable]]:
        """The rows of each key, or why they cannot be read."""
        path = statement_path(f"erp/{name}")
        ask = statement(f"erp/{name}", binds={"erp_key"}, needs="erp_key")
        with self.connect() as connection:
            for erp_key in erp_keys:
                try:
                    result = connection.execute(ask, {"erp_key": erp_key})
                    require(path, result, columns)
                    found: Sequence[RowMapping] | Unreadable = result.mappings().all()
                except (DBAPIError, UnicodeError) as error:
                    if isinstance(error, DBAPIError) and not (
                        is_of_one_row(error) or _is_unstorable(error)
                    ):
                        if mistake := mistake_in(path, ask, error):
                            raise mistake from error
                        error.add_detail(str(path))
                        raise
                    connection.rollback()
                    self.prepare(connection)
                    found = Unreadable(_reason(error))
                yield erp_key, found

    def mark_signed(
        self, signs: Sequence[Sign], *, now: datetime, keep: bool = True
    ) -> dict[str, Written]:
        """
        See ``port.Erp``.

        :raises StatementError: ``mark_signed.sql`` does not run, reads, or writes several rows
            whatever the key.
        """
        rows = [self._sign_row(sign, now) for sign in signs]
        return self._write("mark_signed", SIGN_BINDS, rows, keep)

    def state_once_signed(self, sign: Sign, *, now: datetime) -> OrderState | None:
        """
        What ``order_state`` finds of a row right after its signature, which is undone at once.

        :raises DBAPIError: one of both does not run.
        """
        write = statement("erp/mark_signed", binds=SIGN_BINDS, needs="erp_key")
        ask = statement("erp/order_state", binds={"erp_key"}, needs="erp_key")
        with self.begin() as connection:
            savepoint = connection.begin_nested()
            try:
                connection.execute(write, self._sign_row(sign, now))
                found = connection.execute(ask, {"erp_key": sign.erp_key}).mappings().first()
            finally:
                savepoint.rollback()
        return self._state(found, sign.signed_at) if found else None

    def _sign_row(self, sign: Sign, now: datetime) -> dict[str, Any]:
        return {
            "erp_key": sign.erp_key,
            "signed_at": self.bind_time(sign.signed_at),
            "sign_kind": sign.sign_kind,
            "waybill_no": sign.waybill_no,
            "erp_stamp": sign.erp_stamp,
            "now": self.bind_time(now),
        }

    def show_trace(self, traces: Sequence[Trace], *, keep: bool = True) -> dict[str, Written]:
        """
        See ``port.Erp``.

        :raises StatementError: ``show_trace.sql`` does not run, reads, or writes several rows
            whatever the key.
        """
        rows = [
            {
                "erp_key": trace.erp_key,
                "status": trace.status,
                "latest_trace": trace.latest_trace,
                "latest_trace_at": trace.latest_trace_at and self.bind_time(trace.latest_trace_at),
                "waybill_nos": trace.waybill_nos,
                "eta": trace.eta and self.bind_time(trace.eta),
            }
            for trace in traces
        ]
        return self._write("show_trace", TRACE_BINDS, rows, keep)

    def _write(
        self, name: str, binds: set[str], rows: Sequence[Mapping[str, Any]], keep: bool
    ) -> dict[str, Written]:
        path = statement_path(f"erp/{name}")
        write = statement(f"erp/{name}", binds=binds, needs="erp_key")
        written: dict[str, Written] = {}
        several: list[str] = []
        patience = self.lock_wait * 1000
        pending = deque(rows)
        while pending:
            with self.begin() as connection:
                _wait_for_locks(connection, patience)
                while pending:
                    row = pending.popleft()
                    tried = _write_row(connection, path, write, row, keep=keep)
                    if tried.reason:
                        written[row["erp_key"]] = Written.failed(tried.reason)
                    elif tried.count > 1:
                        several.append(
                            f"{path} would write {tried.count} rows for erp_key {row['erp_key']}; "
                            "it must write one at most, so nothing was written"
                        )
                        written[row["erp_key"]] = Written.failed(several[-1])
                    else:
                        written[row["erp_key"]] = Written(_outcome(tried.count))
                    if tried.is_locked:
                        # What was written is committed before we wait for the next.
                        # Else it would block other sessions.
                        patience = SHORT_LOCK_WAIT
                        break
        _raise_if_of_no_row(several, len(written))
        return written


@dataclass(frozen=True, slots=True)
class _Tried:
    """
    What came of writing one row.

    :param count: how many rows were written; what would be several is undone.
    :param reason: why none could be.
    :param is_locked: whether another session has locked the row.
    """

    count: int = 0
    reason: str = ""
    is_locked: bool = False


def _wait_for_locks(connection: Connection, milliseconds: int) -> None:
    """Let a statement of the transaction wait so long for a lock; MySQL knows whole seconds."""
    if statement := SET_LOCK_WAIT.get(connection.dialect.name):
        seconds = max(1, milliseconds // 1000)
        connection.exec_driver_sql(statement.format(milliseconds=milliseconds, seconds=seconds))


def open_erp(reader: SqlErp, fields: Mapping[str, Any]) -> SqlErp:
    """What reads also writes, and needs nothing more."""
    return reader


def _write_row(
    connection: Connection, path: Path, write: TextClause, row: Mapping[str, Any], *, keep: bool
) -> _Tried:
    """
    Write one row, and if the ERP cannot hold a character of it, with a question mark in its place.
    """
    reason = ""
    for storable in _ever_plainer(row):
        savepoint = connection.begin_nested()
        try:
            result = connection.execute(write, storable)
            count = _rows_written(connection, write, result.rowcount)
        except (DBAPIError, UnicodeEncodeError) as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            # Where this fails (MySQL drops savepoints after a deadlock), all is undone.
            savepoint.rollback()
            reason = reason or _reason(error)
            if _is_unstorable(error):
                continue
            if isinstance(error, DBAPIError) and (mistake := mistake_in(path, write, error)):
                raise mistake from error
            return _Tried(reason=reason, is_locked=_is_locked(error))
        if result.returns_rows:
            raise StatementError(
                f"{path} returns rows, so nobody can tell what it wrote; it must be an update "
                "without returning"
            )
        if count > 1:
            savepoint.rollback()
            return _Tried(count)
        if keep:
            savepoint.commit()
        else:
            # SQLite keeps what a savepoint releases, whatever becomes of the rest.
            savepoint.rollback()
        if reason:
            log.info("order %s is written with ? for what the ERP cannot hold", row["erp_key"])
        return _Tried(count)
    return _Tried(reason=reason)


def _outcome(count: int) -> Outcome:
    """What a count says; a procedure, or a driver that cannot count, has one below 0."""
    if count < 0:
        return Outcome.UNTOLD
    return Outcome.WRITTEN if count else Outcome.NO_ROW


def _rows_written(connection: Connection, write: TextClause, count: int) -> int:
    """MySQL counts two rows where an insert meets its key, and changes or replaces that row."""
    meets = connection.dialect.name in ("mysql", "mariadb") and UPSERT.search(write.text)
    return min(count, 1) if meets and count == TWICE else count


def _contact(
    erp_key: str, found: Sequence[RowMapping] | Unreadable, file_name: str
) -> Contact | Unreadable:
    """Who waits for an order. No value of theirs is in a reason: the statement may mix them up."""
    if isinstance(found, Unreadable):
        return Unreadable(
            f"the ERP cannot read the contact of order {erp_key}; correct it at the ERP, or a cast "
            f"in {file_name}",
            is_error=True,
        )
    columns = (*CONTACT_COLUMNS, WECHAT_OPENID)
    rows: list[list[Any]] = []
    for row in found:
        if (values := [row.get(name) for name in columns]) not in rows:
            rows.append(values)
    if not rows:
        return Unreadable(f"order {erp_key} has no contact: {file_name} finds no row of it")
    if len(rows) > 1:
        return Unreadable(
            f"order {erp_key} has {len(rows)} different contacts; {file_name} must find one"
        )
    phone, name, language, flag, openid = rows[0]
    try:
        opted_out = read_flag(flag)
    except ValueError:
        return Unreadable(
            f"opted_out of order {erp_key} is {'null' if flag is None else 'neither 0 nor 1'}; "
            f"correct it at the ERP, or let {file_name} return 0 or 1"
        )
    number = read_phone(phone)
    person = read_text(openid)
    if number is None and person is None and not opted_out:
        return Unreadable(
            f"order {erp_key} has {'no' if read_text(phone) is None else 'an unreadable'} phone; "
            f"correct it at the ERP, or let {file_name} return it as text"
        )
    return Contact(number or "", read_text(name), read_text(language), opted_out, person)


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


def _is_locked(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    codes = {getattr(cause, "sqlstate", None), *getattr(cause, "args", ())[:1]}
    return not LOCKED.isdisjoint(codes) or str(cause) == "database is locked"


def _reason(error: DBAPIError | UnicodeError) -> str:
    if isinstance(error, DBAPIError) and not isinstance(error.orig, UnicodeError):
        return first_line(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    # Its own text would hold all of the statement's.
    charset = getattr(cause, "encoding", "")
    return f"the connection's charset {charset} cannot hold what is to be written"


def _raise_if_of_no_row(several: Sequence[str], keys: int) -> None:
    """One key may stand twice in the ERP; if each of some seems to, the statement is wrong."""
    if len(several) == keys > 1:
        raise StatementError(several[0])
