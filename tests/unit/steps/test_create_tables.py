"""The warehouse gets its schema once, whoever asks, or a message that says what to do."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from shipment_tracking.errors import StatementError, WarehouseRefusedError
from shipment_tracking.statements import OWNER_FOLDER, include_folder
from shipment_tracking.steps import create_tables
from shipment_tracking.warehouse.upgrade import MIGRATIONS

# Promised to users: names and order.
VIEWS = {
    "orders": (
        "erp_key, platform, account, platform_order_id, status, parcels, parcels_signed,"
        " shipped_at, signed_at, first_seen_at, last_polled_at, next_poll_at, last_error,"
        " closed_at, close_reason, promised_at, sign_detected_at, written_at, eta_p50,"
        " eta_p90"
    ),
    "shipments": (
        "shipment_id, platform, account, platform_order_id, consignment_id, waybill_no,"
        " carrier_code, carrier_name, status, sign_kind, signed_at, first_event_at,"
        " last_event_at, last_event, event_count, picked_up_at, out_for_delivery_at, origin_city,"
        " last_city, sign_detected_at, sign_confirmed_at, superseded, first_seen_at, erp_key,"
        " eta_p50, eta_p90, eta_basis, signed_without_delivery"
    ),
    "trace_events": (
        "shipment_id, platform, account, platform_order_id, consignment_id, waybill_no,"
        " occurred_at, description, city, action, status, fetched_at, decided_by, future_dated,"
        " earlier_life, withdrawn_at, first_sight, erp_key"
    ),
    "rejected_events": (
        "account, platform_order_id, consignment_id, waybill_no, occurred_at_text, description,"
        " reason, fetched_at, erp_key"
    ),
    "status_changes": (
        "platform, account, platform_order_id, consignment_id, waybill_no, from_status,"
        " to_status, occurred_at, detected_at, announced, shipment_id, first_sight, erp_key"
    ),
    "notifications": (
        "event_id, audience, channel, account, platform_order_id, consignment_id, waybill_no,"
        " reason, state, attempts, created_at, sent_at, last_error, shipment_id, erp_key"
    ),
    "erp_writebacks": (
        "erp_key, account, platform_order_id, waybill_no, outcome, signed_at, written_at,"
        " run_id, before, detail"
    ),
    "unknown_texts": "description, status, decided_by, seen, last_seen_at",
    "stalls": (
        "platform, account, platform_order_id, consignment_id, waybill_no, stage, since,"
        " threshold_hours, opened_at, cleared_at, alerted_at, shipment_id, erp_key"
    ),
    "alerts": (
        "alert_id, kind, account, subject, severity, opened_at, cleared_at, told_at, detail,"
        " muted_at"
    ),
    "acts": "act_id, acted_at, actor, kind, account, platform_order_id, subject, reason",
    "replays": (
        "run_id, dry_run, started_at, ended_at, orders, replies, events, not_rebuilt, unreadable,"
        " waiting"
    ),
    "replay_differences": (
        "run_id, dry_run, started_at, kind, account, platform_order_id, waybill_no, occurred_at,"
        " description, before, after"
    ),
    "quality_checks": (
        "check_name, severity, meaning, violations, first_rows, error, checked_at, since"
    ),
    "api_usage": "run_id, account, api, outcome, calls, seconds",
    "feeds": "account, feed, cursor_at, trusted_since, reported, missed, last_error",
    "runs": (
        "run_id, run_type, started_at, ended_at, due, polled, left_over, calls, events_new,"
        " events_duplicate, changes, signed, notices_sent, failed_orders, untracked, summary"
    ),
    "transit_times": (
        "carrier_code, carrier_name, origin_city, month, n, signed, to_delivery_p50,"
        " to_delivery_p80, to_delivery_p90, to_delivery_p95, p50, p80, p90, p95"
    ),
    "delivery_daily": (
        "day, account, carrier_code, carrier_name, shipped, picked_up, signed, failed, returned,"
        " exceptions"
    ),
    "carrier_scorecard": (
        "carrier_code, carrier_name, parcels, signed, failed, returned, exceptions, stalled,"
        " promised, on_time, signed_share, on_time_share, signed_p50, signed_p90"
    ),
    "freshness": (
        "day, account, changes, detection_p50, detection_p95, signatures_written,"
        " sign_to_erp_p50, sign_to_erp_p95, overdue_now"
    ),
    "cost_per_signed_order": (
        "month, account, calls, seconds, signed_orders, calls_per_signed_order"
    ),
    "erp_reconciliation": (
        "erp_key, account, platform_order_id, difference, status, signed_at, outcome, detail, since"
    ),
}
OUTDATED = "comment on schema tracking is '0001 another'"
ROLES = {"tracking_owner", "tracking_writer", "analytics_reader"}


@pytest.fixture
def warehouse(new_database: Callable[..., URL], warehouse_template: str) -> Engine:
    """A warehouse of one's own, whose schema may be spoilt."""
    return create_engine(new_database(warehouse_template), poolclass=NullPool)


@pytest.fixture
def empty(new_database: Callable[..., URL]) -> Engine:
    """A database without anything in it."""
    return create_engine(new_database(), poolclass=NullPool)


@pytest.fixture
def statements(warehouse: Engine) -> Iterator[list[str]]:
    """Grows with each statement sent to the warehouse."""
    sent: list[str] = []

    def note(*call: object) -> None:
        sent.append(str(call[2]))

    event.listen(warehouse, "before_cursor_execute", note)
    yield sent
    event.remove(warehouse, "before_cursor_execute", note)


def columns(engine: Engine, schema: str) -> dict[str, str]:
    query = text(
        "select table_name, string_agg(column_name, ', ' order by ordinal_position) as columns"
        " from information_schema.columns where table_schema = :schema group by table_name"
    )
    with engine.connect() as connection:
        return {name: listed for name, listed in connection.execute(query, {"schema": schema})}


def execute(engine: Engine, *commands: str) -> None:
    with engine.begin() as connection:
        for command in commands:
            connection.execute(text(command))


def test_the_views_have_the_columns_that_are_promised(warehouse):
    assert columns(warehouse, "analytics") == VIEWS


def test_times_in_the_views_carry_an_offset(warehouse):
    query = text(
        "select count(*) from information_schema.columns"
        " where table_schema in ('analytics', 'tracking') and data_type like 'timestamp without%'"
    )
    with warehouse.connect() as connection:
        assert connection.scalar(query) == 0


def test_a_second_run_is_a_single_select(warehouse, statements):
    create_tables.run(warehouse)

    (only,) = statements
    assert re.match(r"select\b", only)


def test_running_again_keeps_what_is_stored(warehouse):
    execute(
        warehouse,
        "insert into tracking.run (run_id, run_type, started_at) values ('a', 'manual', now())",
        OUTDATED,
    )

    create_tables.run(warehouse)

    with warehouse.connect() as connection:
        assert connection.scalar(text("select run_id from analytics.runs")) == "a"


def test_eight_at_once_leave_one_schema(empty):
    with ThreadPoolExecutor(8) as pool:
        versions = set(pool.map(create_tables.run, [empty] * 8))

    assert len(versions) == 1
    assert columns(empty, "analytics") == VIEWS


def test_a_view_whose_text_changed_is_made_again(warehouse, tmp_path):
    shutil.copytree(MIGRATIONS.parents[1], tmp_path / "plugins" / "shipment_tracking")
    shutil.copytree(include_folder() / "sql", tmp_path / "include" / "sql")
    changed = tmp_path / "include" / "sql" / "analytics" / "runs.sql"
    body = changed.read_text().replace("run.untracked,", "run.untracked as bad,")
    changed.write_text(body.replace("runs.untracked is", "runs.bad is"))
    url = warehouse.url.render_as_string(hide_password=False)
    code = (
        "import sys; from sqlalchemy import create_engine;"
        "from shipment_tracking.steps import create_tables;"
        "create_tables.run(create_engine(sys.argv[1]))"
    )

    subprocess.run(
        [sys.executable, "-c", code, url], env={"PYTHONPATH": f"{tmp_path}/plugins"}, check=True
    )
    assert columns(warehouse, "analytics")["runs"].endswith("failed_orders, bad, summary")

    create_tables.run(warehouse)
    assert columns(warehouse, "analytics") == VIEWS


def test_a_recreated_view_keeps_its_grants_and_dependent_views(warehouse):
    execute(
        warehouse,
        "grant select on analytics.runs to public",
        "create view public.report as select run_id from analytics.runs",
        "insert into tracking.run (run_id, run_type, started_at) values ('a', 'manual', now())",
        OUTDATED,
    )

    create_tables.run(warehouse)

    grants = text(
        "select count(*) from information_schema.role_table_grants"
        " where table_schema = 'analytics' and table_name = 'runs' and grantee = 'PUBLIC'"
    )
    with warehouse.connect() as connection:
        assert connection.scalar(text("select run_id from public.report")) == "a"
        assert connection.scalar(grants) == 1


def test_a_view_that_blocks_a_change_is_named_with_the_remedy(warehouse):
    execute(
        warehouse,
        "drop view analytics.runs",
        "create view analytics.runs as select run.run_id as id from tracking.run",
        "create view public.report as select id from analytics.runs",
        OUTDATED,
    )

    with pytest.raises(
        WarehouseRefusedError,
        match=r"analytics\.runs has .*: view report depends on view analytics\.runs\. Let their",
    ):
        create_tables.run(warehouse)

    execute(warehouse, "drop view public.report")
    create_tables.run(warehouse)
    assert columns(warehouse, "analytics") == VIEWS


@pytest.fixture
def owners_view(tmp_path: Path, monkeypatch) -> Callable[[str], None]:
    """Put a text of one's own for the view of runs into an owner's folder."""
    file = tmp_path / "sql" / "analytics" / "runs.sql"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    return file.write_text


@pytest.mark.parametrize("create", ["create", "create or replace"])
def test_an_owners_view_wins_until_its_file_is_gone(create, warehouse, owners_view, monkeypatch):
    body = f"{create} view analytics.runs as select run.run_id from tracking.run;"  # noqa: S608
    owners_view(f"-- Mine.\n{body}")

    create_tables.run(warehouse)
    assert columns(warehouse, "analytics") == VIEWS | {"runs": "run_id"}

    monkeypatch.delenv(OWNER_FOLDER)
    create_tables.run(warehouse)
    assert columns(warehouse, "analytics") == VIEWS


def test_a_percent_sign_in_an_owners_view_is_no_placeholder(warehouse, owners_view):
    owners_view("create view analytics.runs as select '%' as run_id;")

    create_tables.run(warehouse)

    assert columns(warehouse, "analytics")["runs"] == "run_id"


def test_a_mistake_in_an_owners_view_names_its_file(warehouse, owners_view):
    owners_view("create view analytics.runs as select run.id from tracking.run")

    with pytest.raises(StatementError, match=r"analytics/runs\.sql: column run\.id does not exist"):
        create_tables.run(warehouse)

    assert columns(warehouse, "analytics") == VIEWS


def test_a_newer_schema_is_refused(warehouse):
    execute(warehouse, "comment on schema tracking is '9999 of-a-newer-version'")

    with pytest.raises(WarehouseRefusedError, match="schema version 9999, newer than this code's"):
        create_tables.run(warehouse)


def test_another_database_than_postgresql_is_refused(erp):
    with pytest.raises(WarehouseRefusedError, match="the warehouse is sqlite; connection warehous"):
        create_tables.run(erp.engine)


@pytest.fixture
def poor(empty: Engine, postgres: str) -> Iterator[Engine]:
    """The empty database, seen by a user who may not create anything."""
    user = f"poor_{empty.url.database}"
    admin = create_engine(postgres, poolclass=NullPool)
    execute(admin, f"create role {user} login password 'poor'")
    yield create_engine(empty.url.set(username=user, password="poor"), poolclass=NullPool)
    execute(empty, f"drop owned by {user} cascade")
    execute(admin, f"drop role {user}")


def test_a_user_without_rights_is_told_the_commands_that_give_them(warehouse, empty, poor):
    with pytest.raises(WarehouseRefusedError) as raised:
        create_tables.run(poor)

    commands = re.findall(r"(?:create|grant)[^;]+;", str(raised.value).partition("run once:")[2])
    assert len(commands) == len(ROLES) + 1
    for command in commands:
        if not command.startswith("create role"):  # the roles of this server exist already
            execute(empty, command)
    create_tables.run(poor)
    assert columns(empty, "analytics") == VIEWS


def test_the_roles_may_do_what_they_are_for(warehouse):
    allowed = {
        "analytics_reader": ["select * from analytics.orders"],
        "tracking_writer": [
            "select * from analytics.orders",
            "insert into tracking.run (run_id, run_type, started_at) values ('a', 'b', now())",
            "insert into tracking.shipment (account, consignment_id) values ('a', 'LP1')",
            "delete from tracking.run",
        ],
        "tracking_owner": ["truncate tracking.run", "select * from analytics.orders"],
    }

    assert set(allowed) == ROLES
    for role, commands in allowed.items():
        execute(warehouse, f"set local role {role}", *commands)


def test_analysts_may_read_every_view(warehouse):
    views = [f"select * from analytics.{view}" for view in VIEWS]  # noqa: S608

    execute(warehouse, "set local role analytics_reader", *views)


@pytest.mark.parametrize("table", ["tracked_order", "token"])
def test_analysts_may_not_read_our_tables(table, warehouse):
    with pytest.raises(ProgrammingError, match="permission denied"):
        execute(warehouse, "set local role analytics_reader", f"select * from tracking.{table}")  # noqa: S608
