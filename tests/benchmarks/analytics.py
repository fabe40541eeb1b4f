"""The example queries of docs/analytics.md beside ten million scans: what an analyst waits for."""

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, text

from tests.unit.docs.test_docs import sql_in

from .figures import Figure

PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"
LONGEST = 42
"""Characters of a query that name it."""


def measured(warehouse: Engine) -> list[Figure]:
    """The second run of each example, with what it fetches. Without a limit: they read it all."""
    return list(_figures(warehouse))


def _figures(warehouse: Engine) -> Iterator[Figure]:
    with warehouse.connect() as connection:
        connection.execute(text("set local role analytics_reader"))
        for number, example in enumerate(sql_in(PAGE), start=1):
            asked = text(example.strip().rstrip(";"))
            connection.execute(asked).all()
            begun = time.perf_counter()
            rows = len(connection.execute(asked).all())
            seconds = time.perf_counter() - begun
            words = " ".join(example.partition("from ")[2].split())[:LONGEST]
            yield Figure(
                "analytics", f"{number}: {words}", seconds, "s", note=f"{rows:,} rows, no limit"
            )
