"""The step that checks the warehouse, and an owner's own checks."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from shipment_tracking.steps import check_quality


@pytest.fixture
def check(warehouse, now) -> Callable[..., dict[str, int]]:
    """Run the checks; returns the numbers that are not zero."""

    def run(at: datetime = now) -> dict[str, int]:
        return {
            name: count for name, count in check_quality.run(warehouse, now=at).items() if count
        }

    return run


@pytest.fixture
def later(now) -> datetime:
    """Three days on."""
    return now + timedelta(days=3)


@pytest.fixture
def mine(owner) -> Callable[[str], None]:
    """Add a check of one's own."""
    return lambda body: owner("sql/quality/mine.sql", body)
