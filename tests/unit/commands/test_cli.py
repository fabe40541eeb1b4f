"""``shipment-tracking texts`` lists what is not read surely, until the owner settles it."""

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipment_tracking import cli
from tests import factories

PLUGINS = Path(__file__).parents[3] / "plugins"
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


@pytest.mark.parametrize(
    "url", ["nonsense", "postgresql://127.0.0.1:abc/x", "mysql://127.0.0.1/x", "sqlite:///x.db"]
)
def test_an_address_of_no_warehouse_is_named_in_one_line(url, capsys, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", url)

    assert cli.main(["texts"]) == 1
    assert capsys.readouterr().err == (
        "$WAREHOUSE_URL is not the address of a PostgreSQL database; write it like "
        "postgresql://user:password@host:5432/database\n"
    )


def test_a_password_with_a_bare_at_is_not_shown(capsys, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://reader:hid@den/x@127.0.0.1:5/x")

    assert cli.main(["texts"]) == 1
    assert capsys.readouterr().err == (
        "$WAREHOUSE_URL has one @ too many; write an @ of the login or password as %40\n"
    )


def test_a_warehouse_that_does_not_answer_is_named_in_one_line(capsys, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://reader:hidden@127.0.0.1:1/x")

    assert cli.main(["texts"]) == 1
    shown = capsys.readouterr().err
    assert "does not answer: connection failed" in shown
    assert shown.count("\n") == 1
    assert "hidden" not in shown


def test_a_warehouse_without_tables_is_named_in_one_line(new_database, capsys, monkeypatch):
    url = new_database().set(drivername="postgresql")
    monkeypatch.setenv("WAREHOUSE_URL", url.render_as_string(hide_password=False))

    assert cli.main(["texts"]) == 1
    shown = capsys.readouterr().err
    assert 'relation "analytics.unknown_texts" does not exist; see that' in shown
    assert shown.count("\n") == 1


@pytest.mark.server
def test_a_missing_connection_is_named_in_one_line(tmp_path):
    shown = subprocess.run(
        [sys.executable, "-m", "shipment_tracking.cli", "texts"],
        env={"PYTHONPATH": str(PLUGINS), "AIRFLOW_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown.returncode == 1
    assert shown.stderr == (
        "connection warehouse_db: not defined, neither as AIRFLOW_CONN_WAREHOUSE_DB nor in the "
        "database or secrets backend of this machine's Airflow\n"
    )


@pytest.mark.parametrize("most", ["-1", "0", "many", "1.5", "9" * 20])
def test_a_number_of_lines_that_is_none_is_refused(most, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["texts", f"--most={most}"])

    assert end.value.code == 2
    assert "is not a number of lines, such as 50" in capsys.readouterr().err
