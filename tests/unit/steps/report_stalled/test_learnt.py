"""Learnt hours, slow days, and carriers whose parcels stop moving together."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from shipment_tracking.statements import OWNER_FOLDER
from tests import factories

from .counts import NOTHING

HOUR = timedelta(hours=1)


@pytest.fixture
def stands(warehouse, now) -> Callable[..., None]:
    """What was learnt of a carrier: how long its parcels stand, and how much of their time."""

    def learnt(
        p90_hours: float, carrier_code: str = "YTO", stage: str = "in_transit", quiet: float = 0.1
    ) -> None:
        factories.insert(
            warehouse,
            "stage_gap",
            carrier_code=carrier_code,
            stage=stage,
            parcels=40,
            p90_hours=p90_hours,
            quiet_share=quiet,
            learnt_from=now,
            learnt_at=now,
        )

    return learnt


@pytest.fixture
def fleet(ship, execute, now) -> Callable[..., None]:
    """Parcels of a carrier in transit, polled just now, by the hours since their last scan."""

    def add(*hours: float, carrier_code: str = "YTO", first: int = 1, polled: bool = True) -> None:
        for number, each in enumerate(hours, first):
            ship(
                number,
                status="in_transit",
                carrier_code=carrier_code,
                carrier_name=carrier_code,
                last_event_at=now - each * HOUR,
            )
        at = now if polled else now - 30 * HOUR
        execute("update tracking.tracked_order set last_polled_at = :at", at=at)

    return add


@pytest.fixture
def silent(select) -> Callable[[], list[str]]:
    return lambda: [row[0] for row in select("carrier_code from tracking.silent_carrier")]


def test_a_quick_carriers_parcel_is_stalled_earlier_than_by_default(ship, report, stands, select):
    stands(20)
    ship(1, status="in_transit", carrier_code="YTO", last_event_at=factories.NOW - 44 * HOUR)
    ship(2, status="in_transit", carrier_code="SF", last_event_at=factories.NOW - 71 * HOUR)
    ship(3, status="in_transit", carrier_code="YTO", last_event_at=factories.NOW - 43.9 * HOUR)

    assert report()["opened"] == 1
    assert select("waybill_no, threshold_hours from analytics.stalls") == [("YT1", 44)]


def test_a_slow_carriers_parcel_has_more_time(ship, report, stands):
    stands(60)
    ship(status="in_transit", carrier_code="YTO", last_event_at=factories.NOW - 76 * HOUR)

    assert report() == NOTHING
    assert report(hours=8)["opened"] == 1


def test_slow_days_count_less_but_not_in_hours_that_a_run_was_told(
    ship, report, tmp_path, monkeypatch
):
    (tmp_path / "calendar.csv").write_text(
        "first_day,last_day,factor,note\n2026-02-20,2026-03-10,2,\n"
    )
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    ship(status="in_transit", last_event_at=factories.NOW - 80 * HOUR)

    assert report() == NOTHING
    assert report(stalled_after_hours={"in_transit": 79})["opened"] == 1


def test_what_was_learnt_gives_way_to_what_a_run_was_told(ship, report, stands):
    stands(20)
    ship(status="in_transit", carrier_code="YTO", last_event_at=factories.NOW - 50 * HOUR)

    assert report(stalled_after_hours={"in_transit": 60}) == NOTHING
    assert report()["opened"] == 1


def test_a_silent_carrier_gives_one_incident_and_no_alarms(fleet, report, stands, silent, items):
    stands(20)
    fleet(*[23] * 18, 1, 1)
    fleet(*[1] * 30, carrier_code="SF", first=50)

    assert report() == NOTHING
    assert silent() == ["YTO"]
    assert report(hours=30) == NOTHING
    assert items() == []


def test_once_it_moves_again_the_parcels_that_do_not_give_their_alarms(
    fleet, report, stands, silent, execute, now
):
    stands(20)
    fleet(*[23] * 20)
    report()
    assert silent() == ["YTO"]

    execute(
        "update tracking.shipment set last_event_at = :at where consignment_id <> 'LP1'",
        at=now + 24 * HOUR,
    )

    assert report(hours=25)["opened"] == 1
    assert silent() == []


def test_a_silence_lasts_until_most_of_it_is_over(fleet, report, stands, silent, execute, now):
    stands(20)
    fleet(*[23] * 20)
    report()

    for moved, still in ((14, ["YTO"]), (16, [])):
        execute(
            "update tracking.shipment set last_event_at = :at where"
            " cast(substr(consignment_id, 3) as integer) <= :moved",
            at=now + HOUR,
            moved=moved,
        )
        report(hours=2)
        assert silent() == still


@pytest.mark.parametrize(
    ("hours", "quiet_share", "polled"),
    [
        pytest.param([23] * 19, 0.1, True, id="too few parcels"),
        pytest.param([23] * 9 + [1] * 11, 0.1, True, id="less than half"),
        pytest.param([23] * 12 + [1] * 8, 0.25, True, id="not three times the usual"),
        pytest.param([23] * 20, 0.1, False, id="not polled"),
    ],
)
def test_what_may_be_chance_or_our_own_fault_is_no_silence(
    hours, quiet_share, polled, fleet, report, stands, silent
):
    stands(20, quiet=quiet_share)
    fleet(*hours, polled=polled)

    report()

    assert silent() == []


def test_parcels_that_gave_an_alarm_before_do_not_make_a_silence(fleet, report, silent):
    fleet(*[100] * 19, first=50)
    assert report()["opened"] == 19
    fleet(*[1] * 10)

    report(hours=1)

    assert silent() == []


def test_a_run_for_one_account_judges_no_carrier(fleet, report, stands, silent):
    stands(20)
    fleet(*[23] * 20)

    report(only_account=factories.ACCOUNT)

    assert silent() == []


def test_a_rehearsal_keeps_no_silence(fleet, report, stands, silent):
    stands(20)
    fleet(*[23] * 20)

    report(dry_run=True)

    assert silent() == []
