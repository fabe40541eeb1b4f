"""The frames of a report: sums, days without anything, and columns that are always there."""

from datetime import date, datetime

from shipment_tracking.reports.frames import NUMBERS

from .facts import DAY, daily, report, trouble


def test_a_day_is_summed_by_account_and_by_carrier():
    zto = {"carrier_code": "ZTO", "carrier_name": "中通快递"}
    found = report(
        daily=[
            daily(shipped=2, signed=1),
            daily(shipped=3, **zto),
            daily(account="platform_tmall", shipped=4, **zto),
        ]
    )

    accounts, carriers = found.tables["accounts"], found.tables["carriers"]
    assert found.totals == dict.fromkeys(NUMBERS, 0) | {"shipped": 9, "signed": 1}
    assert list(zip(accounts["account"], accounts["shipped"], strict=True)) == [
        ("platform_1688", 5),
        ("platform_tmall", 4),
    ]
    assert list(zip(carriers["carrier_code"], carriers["shipped"], strict=True)) == [
        ("ZTO", 7),
        ("YTO", 2),
    ]


def test_carriers_without_a_code_stay_apart_and_one_code_is_one_carrier():
    unknown = {"carrier_code": None}
    found = report(
        daily=[
            daily(shipped=4, carrier_name="圆通"),
            daily(account="platform_tmall", shipped=3),
            daily(shipped=2, carrier_name="某某速运", **unknown),
            daily(shipped=1, carrier_name=None, **unknown),
        ]
    ).tables["carriers"]

    assert list(zip(found["carrier_name"], found["shipped"], strict=True)) == [
        ("圆通", 7),
        ("某某速运", 2),
        (None, 1),
    ]


def test_the_trend_has_seven_days_also_those_without_anything():
    before = date(2026, 2, 27)
    found = report(daily=[daily(before, shipped=5), daily(shipped=2)])

    trend = found.tables["trend"]
    assert list(trend["day"]) == [*(date(2026, 2, n) for n in range(23, 29)), DAY]
    assert list(trend["shipped"]) == [0, 0, 0, 0, 5, 0, 2]
    assert found.totals["shipped"] == 2


def test_an_empty_day_keeps_every_column():
    full, empty = report(daily=[daily()], exceptions=[trouble()]), report()

    assert set(empty.totals.values()) == {0}
    assert empty.tables.keys() == full.tables.keys()
    for name, frame in full.tables.items():
        assert list(empty.tables[name].columns) == list(frame.columns), name


def test_times_are_shanghais_and_numbers_of_orders_are_text():
    (row,) = report(exceptions=[trouble()]).tables["exceptions"].to_dict("records")

    assert row["occurred_at"] == datetime(2026, 3, 1, 23, 59, 59)  # noqa: DTZ001
    assert row["platform_order_ids"] == "2900000000000000017"
