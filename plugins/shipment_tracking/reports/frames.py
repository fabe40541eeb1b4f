"""The tables of a daily report as pandas frames; empty ones keep their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from shipment_tracking.domain.days import SHANGHAI
from shipment_tracking.warehouse import report
from shipment_tracking.warehouse.report import Facts

NUMBERS = ["shipped", "picked_up", "signed", "failed", "returned", "exceptions"]
NAMES: dict[str, type[Any]] = {
    "exceptions": report.ExceptionRow,
    "slowest_carriers": report.CarrierRow,
    "stages": report.StageRow,
    "stalls": report.StallRow,
    "alerts": report.AlertRow,
    "runs": report.RunsRow,
    "freshness": report.FreshnessRow,
    "differences": report.DifferenceRow,
    "reconciliation": report.ReconciliationRow,
}
"""The tables that are shown as they are read."""


@dataclass(frozen=True, slots=True)
class Report:
    """
    One day in tables.

    :param totals: the day's ``NUMBERS``, over all accounts.
    :param tables: by name, in the order in which people read them; times are those of Shanghai,
        without an offset, and what is no number and no time is text.
    """

    day: date
    totals: Mapping[str, int]
    tables: Mapping[str, pd.DataFrame]


def build(facts: Facts) -> Report:
    """The tables of what was read."""
    daily = _frame(facts.daily, report.DailyRow)
    today = daily[daily["day"] == facts.day]
    accounts = today.groupby("account", as_index=False)[NUMBERS].sum()
    # A carrier without a code is known by its name alone.
    named = today.assign(carrier=today["carrier_code"].fillna(today["carrier_name"]).fillna(""))
    carriers = (
        named.groupby("carrier")
        .agg({"carrier_code": "first", "carrier_name": "first"} | dict.fromkeys(NUMBERS, "sum"))
        .sort_values(["shipped", "signed", "carrier_name"], ascending=[False, False, True])
    )
    span = [facts.day - timedelta(days=n) for n in reversed(range(report.TREND_DAYS))]
    trend = daily.groupby("day")[NUMBERS].sum().reindex(pd.Index(span, name="day"), fill_value=0)
    tables = {
        "accounts": accounts,
        "carriers": carriers.reset_index(drop=True),
        "trend": trend.reset_index(),
    } | {name: _frame(getattr(facts, name), row) for name, row in NAMES.items()}
    totals = {name: int(today[name].sum()) for name in NUMBERS}
    return Report(facts.day, totals, tables)


def _frame(rows: Sequence[Any], row: type[Any]) -> pd.DataFrame:
    names = [field.name for field in fields(row)]
    values = {name: [_plain(getattr(each, name)) for each in rows] for name in names}
    # As objects: pandas would make floats of numbers beside a None, and texts of its own kind.
    frame = pd.DataFrame(values, columns=names, dtype=object)
    for name in set(NUMBERS) & set(names):
        frame[name] = frame[name].astype("int64")
    return frame


def _plain(value: Any) -> Any:
    """A time as people in Shanghai write it, to the second; a decimal as a float."""
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0)
    if value is None or isinstance(value, str | int | date):
        return value
    return float(value)
