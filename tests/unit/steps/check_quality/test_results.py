"""What comes of a check: a red run, an alert, or only itself."""

from datetime import timedelta
from pathlib import Path

import pytest

from shipment_tracking.errors import QualityError
from shipment_tracking.warehouse import quality
from tests import factories


def warning(body):
    return f"-- severity: warning\n-- Mine holds.\n{body}"


def error(body):
    return f"-- severity: error\n-- Mine holds.\n{body}"


@pytest.fixture
def kept(select):
    """What is kept of the owner's check."""
    return lambda: select(
        "violations, first_rows, error, since from analytics.quality_checks"
        " where check_name = 'mine'"
    )[0]


def test_the_documented_check_tells_of_signatures_without_a_delivery(
    ship, mine, check, kept, execute
):
    page = (Path(__file__).parents[4] / "docs" / "eta.md").read_text(encoding="utf-8")
    mine(page.split("```sql\n")[2].partition("```")[0])
    ship(1)
    check()
    assert kept().violations == 0

    execute("update tracking.shipment set status = 'signed', signed_at = now(), event_count = 1")
    check()

    assert kept().violations == 1
    assert "YT1" in kept().first_rows


def test_a_severe_violation_is_red_and_says_where(ship, mine, check):
    for number in (1, 2, 3, 4):
        ship(number)
    mine(error("select erp_key, '13800138000' as phone from analytics.orders order by 1;"))

    with pytest.raises(
        QualityError, match=r"^mine: 4 rows violate it \(Mine holds\.\), such as phone \*.*SO1"
    ):
        check()


def test_all_checks_run_before_one_is_red(mine, check, select):
    mine(error("select 1 as one"))

    with pytest.raises(QualityError):
        check()

    assert select("count(distinct checked_at) from analytics.quality_checks") == [(1,)]


def test_a_warning_is_green_and_kept(mine, check, kept, now):
    mine(warning("select 1 as one union all select 2"))

    assert check()["violated"] == 1
    assert kept() == (2, "one 1; one 2", None, now)


def test_a_violation_knows_since_when(mine, check, kept, now, later):
    mine(warning("select 1 as one"))
    check()
    check(later)
    assert kept().since == now

    mine(warning("select 1 as one limit 0 -- fixed"))
    check(later)
    assert kept() == (0, None, None, None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (warning("select\n    colour\nfrom analytics.orders"), 'line 4: column "colour" does not'),
        (warning("select 1 as a where 1 / 0 = 1"), "division by zero"),
        (warning("select 1; select 2"), "line 3: a second statement begins here"),
        (warning("select :limit as a"), "it binds limit, which is not given to it"),
        ("select 1", "line 1: it must begin with '-- severity: error'"),
        ("-- severity: grave\nselect 1", "line 1: it must begin with"),
        (warning("delete from tracking.run returning 1"), "it must be one query that begins with"),
        (warning("-- Of ours.\nset role postgres"), "it must be one query that begins with"),
        (
            warning("select set_config('search_path', '', true), nextval('tracking.run_seq')"),
            "does not exist",
        ),
        (warning("select pg_sleep(60)"), "statement timeout"),
    ],
)
def test_a_file_that_fails_costs_only_itself(body, said, mine, kept, warehouse, now):
    mine(body)

    results = quality.check_all(warehouse, now=now, timeout=timedelta(seconds=1))
    quality.keep(warehouse, results, now=now)

    (broken,) = [result for result in results if result.error]
    assert broken.check_name == "mine"
    assert "sql/quality/mine.sql" in broken.error
    assert said in broken.error
    assert kept().since == now


def test_a_check_writes_nothing(mine, check, kept, select):
    mine(warning("select lo_from_bytea(0, 'x') as a"))

    assert check()["broken"] == 1
    assert "read-only transaction" in kept().error


def test_a_broken_check_is_green(mine, check):
    mine(error("select colour"))

    assert check()["broken"] == 1


def test_an_owners_check_replaces_ours_of_that_name(owner, check):
    owner("sql/quality/parcel_without_order.sql", warning("select 7 as seven"))

    assert check()["violated"] == 1


def test_a_check_may_bind_the_runs_time(mine, check, now, kept):
    mine(warning("select cast(:now as timestamptz) as at"))
    check()

    assert "2026-03-02T04:00:00" in kept().first_rows


def test_a_check_that_is_gone_is_forgotten(mine, check, owner, select, monkeypatch):
    mine(warning("select 1 as one"))
    check()
    monkeypatch.delenv("SHIPMENT_TRACKING_INCLUDE")
    check()

    assert select("count(*) from analytics.quality_checks where check_name = 'mine'") == [(0,)]


def test_a_percent_sign_and_a_cast_are_plain_sql(mine, check, kept):
    mine(warning("select 'a'::text as b where 'x' like '%'"))
    check()

    assert kept().violations == 1


def test_no_run_waits_for_a_lock_of_a_check(ship, mine, check, warehouse):
    parcel = ship()
    mine(warning("select shipment_id from tracking.shipment for update"))

    assert check()["broken"] == 1
    factories.status_change(warehouse, parcel, "signed", factories.NOW)
