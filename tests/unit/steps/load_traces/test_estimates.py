"""Loading ends with the estimates, which cost nothing but themselves."""

from datetime import timedelta

import pytest

from shipment_tracking.errors import CalendarTableError
from shipment_tracking.statements import OWNER_FOLDER
from tests import factories

from .words import NOON, OUT, parcel


def test_what_was_loaded_is_estimated_in_the_same_run(track, reply, load, warehouse, select):
    for age, p50, p90 in ((0, 4, 8), (12, 16, 20)):
        factories.insert(
            warehouse,
            "stage_time",
            carrier_code="",
            stage="out_for_delivery",
            age_hours=age,
            parcels=40,
            p50_hours=p50,
            p90_hours=p90,
            learnt_from=NOON,
            learnt_at=NOON,
        )
    reply(track(), parcel("LP1", (0, OUT)))

    load()

    assert select("eta_p50, eta_p90 from analytics.orders") == [
        (NOON + timedelta(hours=4), NOON + timedelta(hours=8))
    ]


def test_a_wrong_calendar_is_named_once_everything_is_loaded(
    track, reply, load, select, tmp_path, monkeypatch
):
    (tmp_path / "calendar.csv").write_text("first_day,last_day,factor,note\n2026-02-15,soon,2,\n")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    reply(track(), parcel("LP1", (-1, OUT)))

    with pytest.raises(CalendarTableError, match=r"calendar\.csv, line 2: last_day is 'soon'"):
        load()

    assert select("status from analytics.shipments") == [("out_for_delivery",)]
