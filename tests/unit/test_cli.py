"""``shipment-tracking texts`` lists what is not read surely, until the owner settles it."""

import csv
from datetime import UTC, datetime

import pytest

from shipment_tracking import cli
from tests import factories

NIGHT = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)


@pytest.fixture
def scans(warehouse):
    """Store a text as often as told, read as told."""

    def store(description: str, times: int, status: str, decided_by: str) -> None:
        order_id = factories.order(warehouse, platform_order_id=description)
        parcel = factories.shipment(warehouse, order_id, consignment_id=description)
        for number in range(times):
            factories.trace_event(
                warehouse,
                parcel,
                status,
                NIGHT,
                position=number,
                description=description,
                decided_by=decided_by,
            )

    return store


def listed(capsys):
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def test_unsure_texts_are_listed_by_how_often_they_came(scans, warehouse, capsys):
    scans("无", 1, "unknown", "model")
    scans("其他", 3, "unknown", "model")
    scans("已签收", 5, "signed", "model")
    scans("OTHER", 2, "unknown", "action")

    cli.show_texts(warehouse, 10)

    assert [(row["text"], row["seen"]) for row in listed(capsys)] == [("其他", "3"), ("无", "1")]


def test_no_more_texts_are_listed_than_asked(scans, warehouse, capsys):
    scans("无", 1, "unknown", "model")
    scans("其他", 3, "unknown", "model")

    cli.show_texts(warehouse, 1)

    assert [row["text"] for row in listed(capsys)] == ["其他"]


def test_a_line_of_the_owner_takes_a_text_off_the_list(
    scans, warehouse, capsys, tmp_path, monkeypatch
):
    scans("其他", 3, "unknown", "model")
    monkeypatch.setenv("SHIPMENT_TRACKING_INCLUDE", str(tmp_path))
    (tmp_path / "texts.csv").write_text("text,status,sign_kind\n其他,in_transit,\n", "utf-8")

    cli.show_texts(warehouse, 10)

    assert listed(capsys) == []


def test_the_command_takes_the_warehouse_from_its_url(warehouse, scans, capsys, monkeypatch):
    scans("其他", 1, "unknown", "model")
    url = warehouse.url.set(drivername="postgresql")
    monkeypatch.setenv("WAREHOUSE_URL", url.render_as_string(hide_password=False))

    assert cli.main(["texts", "--most", "5"]) == 0
    assert [row["text"] for row in listed(capsys)] == ["其他"]
