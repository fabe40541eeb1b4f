"""Checks what the owner gives the pipeline: the ERP's rows, texts, readings, holidays."""

from datetime import datetime

from sqlalchemy import Engine

from shipment_tracking.channels.port import LANGUAGES, MEDIA
from shipment_tracking.domain import calendars, owner_texts
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import (
    CalendarTableError,
    InputError,
    MessageError,
    OwnerTextsError,
)
from shipment_tracking.notices.messages import Messages
from shipment_tracking.warehouse import erp_rows, runs


def run(
    warehouse: Engine, this_run: Run, *, now: datetime, most_untracked: float
) -> dict[str, int]:
    """
    Count the rows of the ERP's list and read every text, whether a notice needs it now or not.

    :param most_untracked: the share of the list, from 0 to 1, that may stay untracked.
    :returns: ``listed`` and ``untracked`` rows.
    :raises InputError: more rows are not tracked, or a text, ``texts.csv`` or the calendar has a
        mistake. The rows that can be tracked are, and only the notices of such a text wait.
    """
    with warehouse.begin() as connection:
        rows = erp_rows.count(connection)
        runs.add(connection, this_run, now=now, untracked=rows.untracked)
    problems = [str(error) for error in _wrong_texts()]
    for load in (owner_texts.lines, calendars.load):
        try:
            load()
        except (OwnerTextsError, CalendarTableError) as error:
            problems.append(str(error))
    if rows.untracked > most_untracked * rows.listed:
        problems.append(
            f"{rows.untracked} of {rows.listed} rows of the ERP's list are not tracked, more than "
            f"{most_untracked:.0%}; correct them at the ERP, or leave them out in "
            f"extract_orders.sql: {'; '.join(rows.examples)}"
        )
    if problems:
        raise InputError("; ".join(problems))
    return {"listed": rows.listed, "untracked": rows.untracked}


def _wrong_texts() -> list[MessageError]:
    return [
        error
        for language in LANGUAGES
        for medium in MEDIA
        for error in Messages(language, medium).mistakes.values()
    ]
