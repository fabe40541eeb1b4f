"""``shipment-tracking``: questions to the warehouse and to connections from the command line."""

import argparse
import csv
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from shipment_tracking.commands import carrier_table
from shipment_tracking.commands.command_line import airflow_within_reach
from shipment_tracking.domain.hosts import has_bare_at
from shipment_tracking.errors import ShipmentTrackingError, WarehouseRefusedError

if TYPE_CHECKING:
    from sqlalchemy import Engine

WAREHOUSE_URL = "WAREHOUSE_URL"
POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command; 0 when it worked, 1 when it did not, 2 for a wrong argument.

    :param arguments: those of the process when none are given.
    """
    parser = argparse.ArgumentParser(prog="shipment-tracking")
    commands = parser.add_subparsers(dest="command", required=True)
    about = (
        "list the trace texts that are unknown or that the model read by a narrow margin, the most "
        "frequent first, as lines for texts.csv in $SHIPMENT_TRACKING_INCLUDE; the warehouse is "
        f"${WAREHOUSE_URL} or else the Airflow connection warehouse_db"
    )
    command = commands.add_parser(
        "texts", help="list texts that are not read surely", description=about
    )
    command.add_argument("--most", type=_most, default=50, help="how many lines (default 50)")
    about = (
        "list the carriers of the parcels, those that carriers.csv does not know first; "
        "or, given 1688's list of companies, print carriers.csv with what is new in it"
    )
    command = commands.add_parser("carriers", help="list carriers", description=about)
    command.add_argument(
        "reply",
        nargs="?",
        type=Path,
        help="a JSON reply of alibaba.logistics.OpQueryLogisticCompanyList",
    )
    command.add_argument("--most", type=_most, default=50, help="how many lines (default 50)")
    about = (
        "say what works of a connection and what does not: of erp_db every statement, of an "
        "account its key, tokens and permissions, of warehouse_db its schema, of notify_… the "
        "fields of each channel; writes to the ERP are rolled back, and nothing is sent"
    )
    command = commands.add_parser("check", help="check a connection", description=about)
    command.add_argument(
        "connection", help="erp_db, warehouse_db, notify_ops, or an account, such as platform_1688"
    )
    about = (
        "let notices that were given up be sent by the next run, the newest of each parcel, unless "
        "a newer one was sent since; the warehouse is as for texts"
    )
    command = commands.add_parser("requeue", help="send dead notices again", description=about)
    command.add_argument("--channel", help="only those to a channel: its name, or audience/name")
    command.add_argument(
        "--since",
        type=_time,
        help="only those made since a time, such as 2026-03-02T08:00; without an offset Shanghai's",
    )
    command.add_argument("--dry-run", action="store_true", help="only say how many there are")
    about = (
        "show every text of notices for sample parcels, in every language and medium, with your "
        "own texts in $SHIPMENT_TRACKING_INCLUDE; a text with a mistake is named with file and "
        "line, and the exit code is 1"
    )
    command = commands.add_parser("preview", help="show the texts of notices", description=about)
    command.add_argument("--html", type=Path, metavar="FILE", help="write them as a page instead")
    about = (
        "print the last runs, the open orders by account and status, stalls, failing accounts, the "
        "backlog, open alerts and dead notices; the warehouse is as for texts"
    )
    commands.add_parser("status", help="show how the pipeline does", description=about)
    about = (
        "print where an order is: its parcels, scans, writes to the ERP and notices, and why it is "
        "not signed yet; the warehouse is as for texts"
    )
    command = commands.add_parser("order", help="look an order up", description=about)
    command.add_argument(
        "number",
        help="the ERP's key, the platform's order number, a waybill number, or its last 6 "
        "characters or more",
    )
    given = parser.parse_args(arguments)
    logging.disable()  # Airflow's own notes on standard output, which is ours
    try:
        if given.command == "preview":
            return 0 if preview(given.html) else 1
        if given.command == "carriers" and given.reply:
            carrier_table.refresh(given.reply)
            return 0
        with airflow_within_reach():
            if given.command == "check":
                return 0 if check(given.connection) else 1
            warehouse = _warehouse()
        try:
            with _named_errors():
                if given.command == "requeue":
                    requeue(warehouse, given.channel, given.since, dry_run=given.dry_run)
                elif given.command == "carriers":
                    carrier_table.show(warehouse, given.most)
                elif given.command == "texts":
                    show_texts(warehouse, given.most)
                else:
                    look(warehouse, getattr(given, "number", None))
        finally:
            warehouse.dispose()
    except ShipmentTrackingError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        logging.disable(logging.NOTSET)
    return 0


def check(conn_id: str) -> bool:
    """
    Print what came of each question to a connection, and a verdict.

    :returns: whether it works.
    :raises ConnectionFieldError: there is no such connection, or a field of it is unusable.
    """
    # Airflow takes seconds to load, and would for a mere --help.
    from shipment_tracking.domain.findings import verdict
    from shipment_tracking.hooks.check_hook import check as findings_of

    findings = []
    for finding in findings_of(conn_id):
        print(finding, flush=True)
        findings.append(finding)
    works, text = verdict(findings)
    print(f"connection {conn_id} {text}")
    return works


def preview(page: Path | None = None) -> bool:
    """
    Print every text of notices, or write them as a page; mistakes go to standard error.

    :returns: whether no text has a mistake.
    :raises StatementError: the owner's folder has a file that replaces nothing.
    :raises MessageError: the page cannot be written.
    """
    from shipment_tracking.errors import MessageError
    from shipment_tracking.notices.preview import as_page, as_text, render

    found = render()
    if page is None:
        print(as_text(found), end="")
    else:
        try:
            page.write_text(as_page(found), encoding="utf-8")
        except OSError as error:
            raise MessageError(f"the page {page} cannot be written: {error.strerror}") from error
        print(f"{len(found.shown)} texts are in {page}")
    for mistake in found.mistakes:
        print(mistake, file=sys.stderr)
    return not found.mistakes


def look(warehouse: "Engine", number: str | None = None) -> None:
    """
    Print how the pipeline does, or where an order is.

    :param number: what names the order.
    :raises ParamError: no order has it.
    """
    from shipment_tracking.commands import terminal

    with warehouse.connect() as connection:
        found = (
            terminal.status(connection) if number is None else terminal.order(connection, number)
        )
        for line in found:
            print(line)


def show_texts(warehouse: "Engine", most: int) -> None:
    """
    Print the unknown and narrow texts as CSV with a heading.

    A text whose status the owner's ``texts.csv`` or a newer model settles by now is left out.
    """
    from shipment_tracking.domain.statuses import Status
    from shipment_tracking.domain.texts import NARROW, classify
    from shipment_tracking.warehouse import overview

    with warehouse.connect() as connection:
        rows = overview.unsure_texts(connection, most=most)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("text", "status", "sign_kind", "decided_by", "seen", "last_seen_at"))
    for row in rows:
        reading = classify(row.description)
        settled = reading.decided_by == "owner"
        unsure = reading.status is Status.UNKNOWN or reading.decided_by == NARROW
        if unsure and not settled:
            out.writerow(
                (
                    row.description,
                    reading.status,
                    reading.sign_kind or "",
                    reading.decided_by,
                    row.seen,
                    f"{row.last_seen_at:%Y-%m-%d %H:%M%z}",
                )
            )


def _most(given: str) -> int:
    most = int(given) if given.isdecimal() else 0
    if not 0 < most < 2**31:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number of lines, such as 50")
    return most


@contextmanager
def _named_errors() -> Iterator[None]:
    """What the database says, in one sentence."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        first_line = str(error.orig).partition("\n")[0]
        raise WarehouseRefusedError(
            f"the warehouse (${WAREHOUSE_URL}, or else connection warehouse_db) does not answer: "
            f"{first_line}; see that its address is right and that the task create_tables has run "
            "there"
        ) from error


def requeue(
    warehouse: "Engine",
    channel: str | None = None,
    since: datetime | None = None,
    *,
    dry_run: bool = False,
) -> int:
    """
    Let dead notices be due again, print how many, and return it.

    :param channel: only those to this channel, by its name or as ``audience/name``.
    :param since: aware; only those that were made since.
    :param dry_run: keep them dead.
    """
    from shipment_tracking.warehouse import outbox

    with warehouse.connect() as connection, connection.begin() as transaction:
        count = outbox.requeue(connection, datetime.now(UTC), channel=channel, since=since)
        if dry_run:
            transaction.rollback()
    if dry_run:
        print(f"{count} dead notices would be sent again; nothing was changed")
    else:
        print(f"{count} dead notices will be sent by the next run")
    return count


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-03-02T08:00") from None
    return time if time.tzinfo else time.replace(tzinfo=ZoneInfo("Asia/Shanghai"))


def _warehouse() -> "Engine":
    url = os.environ.get(WAREHOUSE_URL)
    if url:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError

        try:
            parts = make_url(url)
            if parts.drivername not in POSTGRES:
                raise ValueError(parts.drivername)
        except (ArgumentError, ValueError) as error:
            raise WarehouseRefusedError(
                f"${WAREHOUSE_URL} is not the address of a PostgreSQL database; write it like "
                "postgresql://user:password@host:5432/database"
            ) from error
        if has_bare_at(parts.host, parts.database):
            raise WarehouseRefusedError(
                f"${WAREHOUSE_URL} has one @ too many; write an @ of the login or password as %40"
            )
        return create_engine(parts.set(drivername="postgresql+psycopg"), hide_parameters=True)
    # Airflow takes seconds to load, and would for a mere --help.
    from shipment_tracking.hooks.connection_hook import refuse_unknown
    from shipment_tracking.hooks.warehouse_hook import warehouse

    with refuse_unknown("warehouse_db"):
        return warehouse()


if __name__ == "__main__" and __package__:
    sys.exit(main())
