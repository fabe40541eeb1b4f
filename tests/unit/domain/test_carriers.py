"""A carrier has one code and one name, whatever a platform calls it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.carriers import CARRIERS
from shipment_tracking.domain.carriers import Carrier, as_csv, load, refresh, resolve
from shipment_tracking.errors import CarrierTableError
from shipment_tracking.statements import OWNER_FOLDER

REPLIES = Path(__file__).parent / "carriers"
KEYS = ("taobao_code", "code_1688", "kdniao_code", "kuaidi100_code")
# HTKY went from 百世 to 极兔, and two services share Kuaidi100's ems: only a name tells them apart.
SHARED_CODES = {"best": {"HTKY"}, "eyb": {"ems"}}


def reply(name: str) -> Any:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))["body"]


CASES = reply("known")


def canonical(case: dict[str, str]) -> tuple[str, str]:
    code = "BEST" if case["key"] == "best" else case["taobao_code"]
    return code, {"best": "百世快递", "cnsd": "丹鸟"}.get(case["key"], case["name_zh"])


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of an owner's own table."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    return tmp_path / "carriers.csv"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["key"])
def test_a_known_name_decides_whatever_the_code(case):
    for code in (*(case[key] for key in KEYS), "HTKY", "NEVER-HEARD-OF", None):
        assert resolve(code, case["name_zh"]) == canonical(case)


@pytest.mark.parametrize(
    ("code", "case"),
    [
        (case[key], case)
        for case in CASES
        for key in KEYS
        if case[key] and case[key] not in SHARED_CODES.get(case["key"], ())
    ],
    ids=str,
)
def test_without_a_name_the_code_of_any_platform_tells(code, case):
    assert resolve(code, None) == canonical(case)
    assert resolve(code, "") == canonical(case)


@pytest.mark.parametrize(
    "name",
    [
        "圆通速递",
        "圆通快递",
        "圆通",
        "圆通速递(YTO)",
        "圆通速递（圆通）",
        "圆通速递【官方】",
        " 圆通 速递 ",
        "YTO",
        "yto",
        "yuantong",
        "YuanTong",
    ],
)
def test_a_carrier_is_known_by_all_its_names(name):
    assert resolve("HTKY", name) == ("YTO", "圆通速递")


def test_a_carriers_freight_service_is_another_carrier():
    assert resolve("ZTO", "中通快运") == ("3108002701_1011", "中通快运")
    assert resolve("DBKD", "德邦快运") == ("CN7000001009020", "德邦快运")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("YTO", "云里同城（试运营）"),
        ("XX99", "云里同城"),
        ("XX99", None),
        (None, "其他"),
        (None, "(YTO)"),
        (None, None),
        ("", ""),
    ],
)
def test_an_unknown_carrier_is_given_back_as_it_is(code, name):
    assert resolve(code, name) == (code, name)


def test_the_owners_table_wins_and_an_edit_of_it_counts_at_once(owner):
    owner.write_text("code,name,aliases\nYT,圆通,圆通速递\n", encoding="utf-8")
    assert resolve("YTO", "圆通速递") == ("YT", "圆通")

    owner.write_text("code,name,aliases\nY2,圆通,圆通速递\n", encoding="utf-8")
    os.utime(owner, (0, 0))
    assert resolve("YTO", "圆通速递") == ("Y2", "圆通")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "first line must be code,name,aliases"),
        ("code;name;aliases\n", "first line must be code,name,aliases"),
        ("code,name,aliases\nYTO,圆通速递,\nZTO,,\n", "line 3: a code and a name"),
        ("code,name,aliases\nYTO,圆通速递\n", "line 2: a code and a name"),
        ("code,name,aliases\nYTO,圆通速递,圆通\nY2,圆通快递,圆通\n", "line 3: 圆通 is 圆通速递"),
    ],
)
def test_a_table_with_a_mistake_is_refused_by_its_line(body, complaint, owner):
    owner.write_text(body, encoding="utf-8")

    with pytest.raises(CarrierTableError, match=complaint):
        load()


def test_a_table_saved_by_a_spreadsheet_is_read(owner):
    owner.write_text("code,name,aliases\r\nYTO,圆通速递,圆通\r\n\r\n", encoding="utf-8-sig")

    assert load() == (Carrier("YTO", "圆通速递", ("圆通",)),)


def test_a_table_in_another_encoding_is_refused_by_name(owner):
    owner.write_text("code,name,aliases\nYTO,圆通速递,圆通\n", encoding="gbk")

    with pytest.raises(CarrierTableError, match=r"carriers\.csv is not UTF-8 text"):
        load()


def test_the_platforms_list_adds_new_carriers_and_names():
    found = refresh(load(), reply("company_list"))

    assert found.new == (Carrier("OTHER", "其他", ("qita",)),)
    assert [(row.code, row.aliases[-1]) for row in found.changed] == [
        ("YTO", "yuantongsudi"),
        ("HTKY", "jitusudi"),
    ]
    assert [row.name for row in found.table] == [row.name for row in load()] + ["其他"]


def test_reading_the_same_list_again_changes_nothing():
    once = refresh(load(), reply("company_list"))

    again = refresh(once.table, reply("company_list"))

    assert (again.table, again.new, again.changed) == (once.table, (), ())


def test_a_code_that_is_taken_stays_with_its_carrier():
    listed = [
        {"companyName": "云里速递", "companyNo": "YTO", "spelling": "yunlisudi"},
        {"companyName": "云外速递", "companyNo": "YTO"},
        {"companyName": "中通快递(ZTO)", "companyNo": "YTO", "spelling": None},
    ]

    found = refresh(load(), {"result": listed})

    assert found.new == (Carrier("yunlisudi", "云里速递"),)
    assert found.changed == ()


def test_a_company_that_is_listed_twice_is_one_carrier():
    listed = [
        {"companyName": "云里速递(YL)", "companyNo": "YL"},
        {"companyName": "云里速递", "companyNo": "YL2"},
    ]

    assert refresh(load(), {"result": listed}).new == (Carrier("YL", "云里速递", ("YL2",)),)


@pytest.mark.parametrize("body", [{}, {"result": None}, {"result": ["YTO"]}, {"result": [{}]}])
def test_a_reply_that_is_no_list_of_companies_is_refused(body):
    with pytest.raises(CarrierTableError, match="not a list of companies"):
        refresh(load(), body)


def test_a_printed_table_is_read_again_as_it_was(owner):
    table = load()
    owner.write_text(as_csv(table), encoding="utf-8")

    assert load() == table


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.code)
def test_the_carriers_of_the_sandbox_keep_their_own_code_and_name(carrier):
    assert resolve(carrier.code, carrier.name) == (carrier.code, re.split("[（(]", carrier.name)[0])
