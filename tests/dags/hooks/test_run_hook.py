"""What a run is about, from its params."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import URL

from shipment_tracking.errors import ParamError


@pytest.mark.parametrize(
    "written", ["2026-03-02T08:00", "2026-03-02 08:00:00", "2026-03-02T00:00:00.000Z"]
)
def test_n12_a_time_without_an_offset_is_shanghai_time(airflow_database: URL, written: str) -> None:
    from shipment_tracking.hooks.run_hook import interval

    context = {"dag_run": SimpleNamespace(run_type="manual")}
    start, end = interval(context, {"shipped_from": written, "shipped_to": "2026-03-03T00:00"})

    assert start == datetime(2026, 3, 2, tzinfo=UTC)
    assert end == datetime(2026, 3, 2, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["soon", "0001-01-01T00:00", "0026-03-02T00:00Z", "9999-12-31T23:59:59-12:00"],
    ids=["word", "first", "mistyped", "last"],
)
def test_a_time_that_is_none_is_refused(airflow_database: URL, written: str) -> None:
    from shipment_tracking.hooks.run_hook import interval

    with pytest.raises(ParamError, match=f"'{written}' is not a date and time"):
        interval({}, {"shipped_from": written, "shipped_to": "2026-03-03T00:00"})


def test_a_param_that_the_dag_does_not_have_is_refused(airflow_database: URL) -> None:
    from shipment_tracking.hooks.run_hook import params_of

    dag = SimpleNamespace(params={"dry_run": False, "day": None})
    given = {"dry_run": False, "day": None}

    def context(conf: dict[str, bool] | None) -> dict[str, object]:
        return {"dag": dag, "dag_run": SimpleNamespace(conf=conf), "params": given}

    assert params_of(context(None)) == params_of(context({"dry_run": True})) == given
    with pytest.raises(ParamError, match="unknown params dryrun; known are dry_run, day"):
        params_of(context({"dryrun": True}))
