"""Adaptive polling costs half the calls and sees every parcel that is out for delivery."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine

from .frugality import EVERY_RUN, SHOP, frugality


@pytest.fixture
def empty(new_database: Callable[..., URL]) -> Iterator[Engine]:
    engine = create_engine(
        new_database(), max_overflow=-1, connect_args={"prepare_threshold": None}
    )
    yield engine
    engine.dispose()


@pytest.mark.parametrize(("table", "most_calls"), [(EVERY_RUN, 1.15), (None, 0.7)])
def test_a_table_costs_what_it_promises(
    table: str | None, most_calls: float, empty: Engine, tmp_path: Path
) -> None:
    found = frugality(empty, tmp_path, table=table, orders=40, cycles=24, seed=4)

    # In half a day discovery weighs more than in the full comparison.
    assert found["calls_per_unsigned_order_and_cycle"] <= most_calls
    assert found["out_for_delivery"] > 10
    assert found["out_for_delivery_missed"] == 0
    assert found["signed"] > 0


@pytest.mark.parametrize("steal_every", [0, 2])
def test_what_a_message_feed_misses_is_counted_and_found_later(
    steal_every: int, empty: Engine, tmp_path: Path
) -> None:
    found = frugality(
        empty,
        tmp_path,
        account=SHOP,
        feed="messages",
        steal_every=steal_every,
        orders=40,
        cycles=30,
        seed=7,
    )

    assert (found["missed"] > 0) == (steal_every > 0)
    assert found["out_for_delivery"] > 10
    assert found["out_for_delivery_missed"] == 0
    assert found["unknown"] == 0
    assert found["signed"] > 0
