"""What the steps' tests share: looking into the warehouse."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Row, text

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """Noon of a Monday in Shanghai."""
    return NOW


@pytest.fixture
def at() -> Callable[..., datetime]:
    """Times as far from noon as told."""
    return lambda **distance: NOW + timedelta(**distance)


@pytest.fixture
def select(warehouse: Engine) -> Callable[..., list[Row[Any]]]:
    """Rows of the warehouse: ``select("status from tracking.shipment")``."""

    def read(query: str, **binds: Any) -> list[Row[Any]]:
        with warehouse.connect() as connection:
            return list(connection.execute(text(f"select {query}"), binds))

    return read


@pytest.fixture
def execute(warehouse: Engine) -> Callable[..., None]:
    """Change the warehouse by hand."""

    def run(command: str, **binds: Any) -> None:
        with warehouse.begin() as connection:
            connection.execute(text(command), binds)

    return run
