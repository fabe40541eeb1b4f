"""The polling table is read, and its mistakes are named."""

from pathlib import Path

import pytest

from shipment_tracking.errors import PollingTableError
from shipment_tracking.statements import include_folder
from shipment_tracking.warehouse import polling

from .spans import HEAD


def test_the_shipped_table_asks_daily_and_gives_up_after_60_days():
    rules = polling.load()

    assert all(rule.minutes is None or rule.minutes <= 24 * 60 for rule in rules)
    assert [(rule.stage, rule.quiet_hours) for rule in rules if rule.minutes is None] == [
        ("any", 60 * 24)
    ]


def test_an_owners_table_wins(table):
    table("any,0,0\n")

    assert polling.load() == (polling.Rule(2, "any", 0, 0),)


def test_a_table_that_changes_is_read_anew(table):
    table("any,0,0\n")
    polling.load()
    table("any,0,1440\n")

    assert polling.load()[0].minutes == 1440


def test_blanks_empty_lines_and_a_byte_order_mark_do_no_harm(table):
    table("\n pending , 0.5 , 60\n\nany,0,0\n", head="\ufeff" + HEAD)

    assert polling.load()[0] == polling.Rule(3, "pending", 0.5, 60)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "intransit,0,60\nany,0,0",
            "line 2: 'intransit' is not a stage; stages are any, high_prio",
        ),
        ("pending,0\nany,0,0", "line 2: 2 fields instead of stage,quiet_hours,minutes"),
        ("pending,,60\nany,0,0", "line 2: quiet_hours is ''; it must be a number of hours"),
        ("pending,-1,60\nany,0,0", "line 2: quiet_hours is '-1'"),
        ("pending,nan,60\nany,0,0", "line 2: quiet_hours is 'nan'"),
        ("pending,inf,60\nany,0,0", "line 2: quiet_hours is 'inf'"),
        ("pending,0,\nany,0,0", "line 2: minutes is ''; it must be a whole number up to 1440"),
        ("pending,0,-5\nany,0,0", "line 2: minutes is '-5'"),
        ("pending,0,1.5\nany,0,0", "line 2: minutes is '1.5'"),
        ("pending,0,1441\nany,0,0", "line 2: minutes is '1441'"),
        ("pending,23.9,never\nany,0,0", "line 2: pending would be given up after 23.9 quiet"),
        ("pending,0,60\npending,0,90\nany,0,0", "line 3: never reached, .* line 2 always does"),
        ("any,24,60\npending,48,90\nany,0,0", "line 3: never reached"),
        ("any,0,60\npending,0,90", "line 3: never reached"),
        ("pending,0,60", "its last line must be for all the rest, such as any,0,120"),
        ("any,1,60", "its last line must be for all the rest"),
        ("", "its last line must be for all the rest"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(lines, told, table):
    path = table(lines)

    with pytest.raises(PollingTableError, match=told) as caught:
        polling.load()

    assert str(caught.value).startswith(str(path))


def test_a_table_with_another_head_is_named(table):
    table("any,0,0\n", head="stage,minutes\n")

    with pytest.raises(PollingTableError, match="its first line must be stage,quiet_hours,minut"):
        polling.load()


def test_a_table_in_another_encoding_is_named(table):
    table("").write_text(f"{HEAD}随便,0,120\n", encoding="gbk")

    with pytest.raises(PollingTableError, match=r"polling\.csv is not UTF-8 text"):
        polling.load()


def test_a_line_may_follow_one_that_starts_later(table):
    table("any,48,never\nany,0,0\n")

    assert len(polling.load()) == 2


def test_the_table_is_part_of_what_is_installed():
    assert (include_folder() / "polling.csv").is_file()
    project = (Path(__file__).parents[4] / "pyproject.toml").read_text(encoding="utf-8")
    assert '"include/polling.csv" = "shipment_tracking/include/polling.csv"' in project
