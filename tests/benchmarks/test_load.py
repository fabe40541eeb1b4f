"""Each measured way to load stores what it is given."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from . import load


@pytest.mark.parametrize("write", [load._load, load._insert_rows, load._to_sql])
def test_the_measured_rows_are_stored(warehouse: Engine, write: Callable[..., None]) -> None:
    rows = load.prepared(300)

    with warehouse.begin() as connection:
        write(connection, rows)

        query = text("select count(*), count(distinct shipment_id) from tracking.trace_event")
        assert connection.execute(query).one() == (300, 300)


def test_only_new_rows_are_added(warehouse: Engine) -> None:
    rows = load.prepared(300)
    load._keep(warehouse, rows[100:])

    with warehouse.begin() as connection:
        load._load(connection, rows)

        assert connection.execute(text("select count(*) from tracking.trace_event")).scalar() == 300
