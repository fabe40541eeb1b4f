"""
When an order is polled next: by a table that its owner may replace.

The table is ``include/polling.csv``; an owner's own file of that place wins. Of its lines the first
one that fits a parcel says after how many minutes it is polled again: ``0`` in every run, ``never``
gives it up. An order goes by its most urgent parcel. Each has its own place in the period, so that
orders of one day do not come due together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Connection

from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import PollingTableError
from shipment_tracking.statements import include_path, include_rows, query
from shipment_tracking.warehouse.rows import JsonRows

PLACE = "polling.csv"
ANY = "any"
STAGES = (ANY, "high_priority", "near_arrival", "reported", "unconfirmed", *map(str, Status))
"""What a line may be about: a status, or what else an order or parcel is at the same time."""

MIN_SPACING = timedelta(minutes=15)
"""The least time between two polls of one order."""
PRIORITY_SPACING = timedelta(minutes=4)
"""The same for an order of high priority, whichever run polls it."""
SPACING = {"min_spacing": MIN_SPACING, "priority_spacing": PRIORITY_SPACING}

MOST_MINUTES = 24 * 60
LEAST_QUIET_BEFORE_NEVER = 24.0
USUAL_TRANSIT = (timedelta(hours=24), timedelta(hours=72))
"""From pick-up to out for delivery, where too few parcels are known to tell."""
_HEAD = ["stage", "quiet_hours", "minutes"]


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A line of the table.

    :param quiet_hours: since when at least nothing new is known of the parcel.
    :param minutes: between two polls; 0 is every run, ``None`` is never again.
    """

    line: int
    stage: str
    quiet_hours: float
    minutes: int | None

    def covers(self, other: "Rule") -> bool:
        """Whether nothing is left for a later line."""
        return self.stage in (ANY, other.stage) and self.quiet_hours <= other.quiet_hours


RULES = JsonRows(Rule, "rules", "polling.plan")


def load() -> tuple[Rule, ...]:
    """
    The table's lines, the owner's if there is one.

    :raises PollingTableError: a line is wrong or never reached, or some parcels fit none.
    """
    path = include_path(PLACE)
    return _read(path, path.stat().st_mtime_ns)


def plan(connection: Connection, orders: list[int], *, now: datetime) -> None:
    """
    Let the orders be due when the table says, by what is known of them now (aware).

    :raises PollingTableError: as ``load``.
    """
    if orders:
        early, late = USUAL_TRANSIT
        connection.execute(
            query("polling.plan"),
            {
                "orders": orders,
                "now": now,
                "early": early,
                "late": late,
                **RULES(load()),
                **SPACING,
            },
        )


def learn_transit(connection: Connection, *, now: datetime) -> None:
    """Once a day, find out how long each carrier's parcels are usually on their way."""
    connection.execute(query("polling.learn_transit"), {"now": now})


@cache
def _read(path: Path, changed: int) -> tuple[Rule, ...]:
    (_, head), *lines = list(include_rows(path, PollingTableError)) or [(1, [])]
    if head != _HEAD:
        raise PollingTableError(f"{path}: its first line must be {','.join(_HEAD)}")
    rules: list[Rule] = []
    for number, line in lines:
        if line:
            try:
                rule = _rule(number, [field.strip() for field in line])
            except ValueError as error:
                raise PollingTableError(f"{path}, line {number}: {error}") from error
            for before in rules:
                if before.covers(rule):
                    raise PollingTableError(
                        f"{path}, line {number}: never reached, since the first line that fits "
                        f"counts and line {before.line} always does; move it up or take it out"
                    )
            rules.append(rule)
    if not rules or not rules[-1].covers(Rule(0, ANY, 0, 0)):
        raise PollingTableError(
            f"{path}: its last line must be for all the rest, such as {ANY},0,120"
        )
    return tuple(rules)


def _rule(number: int, fields: list[str]) -> Rule:
    if len(fields) != len(_HEAD):
        raise ValueError(f"{len(fields)} fields instead of {','.join(_HEAD)}")
    stage, quiet, minutes = fields
    if stage not in STAGES:
        raise ValueError(f"{stage!r} is not a stage; stages are {', '.join(STAGES)}")
    try:
        quiet_hours = float(quiet)
    except ValueError:
        quiet_hours = -1
    if not 0 <= quiet_hours < float("inf"):
        raise ValueError(f"quiet_hours is {quiet!r}; it must be a number of hours, such as 0")
    if minutes == "never":
        if quiet_hours < LEAST_QUIET_BEFORE_NEVER:
            raise ValueError(
                f"{stage} would be given up after {quiet} quiet hours; at least "
                f"{LEAST_QUIET_BEFORE_NEVER:.0f} are needed"
            )
        return Rule(number, stage, quiet_hours, None)
    if not (minutes.isascii() and minutes.isdecimal()) or int(minutes) > MOST_MINUTES:
        raise ValueError(
            f"minutes is {minutes!r}; it must be a whole number up to {MOST_MINUTES}, 0 for every "
            "run, or never"
        )
    return Rule(number, stage, quiet_hours, int(minutes))
