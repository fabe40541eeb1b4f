"""``shipment-tracking carriers`` lists what the table lacks, and prints a newer one."""

import csv
import json
from pathlib import Path

import pytest

from shipment_tracking import cli
from shipment_tracking.domain.carriers import resolve
from shipment_tracking.statements import OWNER_FOLDER
from tests import factories

COMPANIES = Path(__file__).parents[1] / "domain" / "carriers" / "company_list.json"


@pytest.fixture
def owner(tmp_path, monkeypatch):
    """The place of an owner's own table."""
    folder = tmp_path / "owner"
    folder.mkdir()
    monkeypatch.setenv(OWNER_FOLDER, str(folder))
    return folder / "carriers.csv"


@pytest.fixture
def parcels(warehouse, monkeypatch):
    """Parcels of three carriers; one serves two orders."""
    url = warehouse.url.set(drivername="postgresql")
    monkeypatch.setenv("WAREHOUSE_URL", url.render_as_string(hide_password=False))
    carriers = [("YTO", "圆通速递")] * 3 + [("XX9", "云里同城")] * 2 + [(None, "其他")]
    for number, (code, name) in enumerate(carriers, 1):
        order = factories.order(warehouse, number)
        parcel = factories.shipment(warehouse, order, number, carrier_code=code, carrier_name=name)
    factories.link(warehouse, factories.order(warehouse, 9), parcel)


def listed(capsys):
    rows = csv.DictReader(capsys.readouterr().out.splitlines())
    return [(row["code"], row["name"], row["parcels"], row["table_code"]) for row in rows]


def test_carriers_that_the_table_lacks_come_first(parcels, capsys):
    assert cli.main(["carriers"]) == 0

    assert listed(capsys) == [
        ("XX9", "云里同城", "2", ""),
        ("", "其他", "1", ""),
        ("YTO", "圆通速递", "3", "YTO"),
    ]


def test_no_more_carriers_are_listed_than_asked(parcels, capsys):
    assert cli.main(["carriers", "--most", "1"]) == 0

    assert listed(capsys) == [("XX9", "云里同城", "2", "")]


def test_a_line_of_the_owner_makes_a_carrier_known(parcels, owner, capsys):
    owner.write_text("code,name,aliases\nYUN,云里同城,XX9\n", encoding="utf-8")

    assert cli.main(["carriers"]) == 0

    assert ("XX9", "云里同城", "2", "YUN") in listed(capsys)


def test_a_list_of_companies_makes_a_newer_table(tmp_path, owner, capsys):
    file = tmp_path / "companies.json"
    body = json.loads(COMPANIES.read_text(encoding="utf-8"))["body"]
    file.write_text(json.dumps(body), encoding="utf-8")

    assert cli.main(["carriers", str(file)]) == 0

    shown = capsys.readouterr()
    owner.write_text(shown.out, encoding="utf-8")
    assert resolve("OTHER", None) == ("OTHER", "其他")
    assert shown.err.splitlines()[0] == "new: OTHER 其他 qita"
    assert shown.err.splitlines()[1].startswith("changed: YTO 圆通速递")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (None, "companies.json cannot be read: "),
        ("{", "companies.json cannot be read: "),
        ("[]", "not a list of companies"),
    ],
)
def test_a_file_that_is_no_such_list_is_named_in_one_line(body, says, tmp_path, capsys):
    file = tmp_path / "companies.json"
    if body is not None:
        file.write_text(body, encoding="utf-8")

    assert cli.main(["carriers", str(file)]) == 1

    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
