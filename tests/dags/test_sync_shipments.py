"""The whole DAG on the sandbox platform, a demo ERP and a real PostgreSQL, against the truth."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, text

from sandbox.erp import DemoErp
from sandbox.witness import (
    differences,
    erp_differences,
    leaks,
    stall_differences,
    told_differences,
)

if TYPE_CHECKING:
    from airflow.models.dagbag import DagBag

HALF_HOUR = timedelta(minutes=30)
Count = Callable[[str], int]


def signed_at_the_erp(pipeline: Any) -> int:
    with pipeline.erp.engine.connect() as connection:
        ours = text("select count(*) from erp_order where status = 'SIGNED'")
        return int(connection.execute(ours).scalar_one())


def shown_at_the_erp(pipeline: Any) -> int:
    """Rows that show a trace, which nobody but us writes."""
    with pipeline.erp.engine.connect() as connection:
        ours = text("select count(*) from erp_order where logistics_status is not null")
        return int(connection.execute(ours).scalar_one())


def alerts_told(pipeline: Any) -> list[str]:
    """What ops heard of the pipeline's own troubles."""
    return [
        f"{item['reason']}: {item['kind']}, {item['subject']}"
        for delivery in pipeline.receiver.deliveries("ops")
        if delivery.body["reason"] == "alert"
        for item in delivery.body["items"]
    ]


def test_every_dag_file_is_read_without_an_error(dag_bag: "DagBag") -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {
        "prune_warehouse",
        "replay_traces",
        "report_daily",
        "sync_shipments",
        "sync_priority",
    }


def test_every_dag_tells_what_it_promises_and_who_owns_it(dag_bag: "DagBag") -> None:
    for dag in dag_bag.dags.values():
        assert "What it promises" in (dag.doc_md or "")
        assert dag.tags
        assert dag.max_active_runs == 1
        assert dag.catchup is False
        assert dag.dagrun_timeout is not None
        for task in dag.tasks:
            assert task.owner == "data-platform"
            assert task.execution_timeout is not None


def test_the_trigger_form_describes_every_param(dag_bag: "DagBag") -> None:
    params = dag_bag.dags["sync_shipments"].params

    assert set(params) >= {
        "only_account",
        "shipped_from",
        "shipped_to",
        "accept_closures",
        "dry_run",
    }
    assert all(params.get_param(name).description for name in params)


def test_n14_the_safest_switch_comes_first_in_every_form(dag_bag: "DagBag") -> None:
    assert {next(iter(dag.params)) for dag in dag_bag.dags.values()} == {"dry_run"}


def test_watch_hangs_below_every_task(dag_bag: "DagBag") -> None:
    for name in ("sync_shipments", "sync_priority"):
        dag = dag_bag.dags[name]
        others = {task.task_id for task in dag.tasks} - {"watch"}

        assert dag.get_task("watch").upstream_task_ids == others


def test_the_warehouse_follows_a_moving_world_to_its_truth(pipeline: Any, count: Count) -> None:
    moments = [pipeline.clock.now()]
    assert pipeline.run()["run"] == "success"
    first = count("tracking.trace_event")
    assert first > 0

    again = pipeline.run(after=HALF_HOUR / 3)
    assert again["run"] == "success"
    assert count("tracking.trace_event") == first

    pipeline.run(after=timedelta(hours=12))
    moments.append(pipeline.clock.now())
    assert count("tracking.trace_event") > first

    pipeline.sandbox.freeze(pipeline.clock.now() + timedelta(hours=8))
    for after in (8, 0.5, 24, 0.5):
        assert pipeline.run(after=timedelta(hours=after))["run"] == "success"
        moments.append(pipeline.clock.now())
    now = pipeline.clock.now()
    assert differences(pipeline.warehouse, pipeline.world, now) == []
    assert erp_differences(pipeline.erp.engine, pipeline.world, now) == []
    assert stall_differences(pipeline.warehouse, pipeline.world, now) == []
    notices = [
        each.body for each in pipeline.receiver.deliveries("ops") if "items" not in each.body
    ]
    assert told_differences(notices, pipeline.world, moments) == []
    assert leaks(pipeline.warehouse, pipeline.world) == []
    events = count("tracking.trace_event")
    replies = count("tracking.trace_reply")

    pipeline.run(after=HALF_HOUR)

    assert count("tracking.trace_event") == events
    assert count("tracking.trace_reply") == replies


class TestWithShopsOfTaobaoAndTmall:
    @pytest.fixture
    def accounts(self) -> dict[str, int]:
        return {"platform_1688": 8, "platform_taobao": 16, "platform_tmall": 16}

    def test_purchases_and_sales_end_as_their_truth_side_by_side(
        self, pipeline: Any, count: Count
    ) -> None:
        moments = [pipeline.clock.now()]
        pipeline.sandbox.freeze(moments[0] + timedelta(hours=20))
        for after in (0, 20, 0.5, 24, 0.5):
            states = pipeline.run(after=timedelta(hours=after))
            assert states["run"] == states["lane.gather_traces[platform_tmall]"] == "success"
            moments.append(pipeline.clock.now())

        now = pipeline.clock.now()
        assert differences(pipeline.warehouse, pipeline.world, now) == []
        assert erp_differences(pipeline.erp.engine, pipeline.world, now) == []
        assert stall_differences(pipeline.warehouse, pipeline.world, now) == []
        notices = pipeline.receiver.notices("ops")
        assert told_differences(notices, pipeline.world, moments) == []
        assert leaks(pipeline.warehouse, pipeline.world) == []
        for account in ("platform_taobao", "platform_tmall"):
            assert (
                count(f"analytics.orders where account = '{account}' and signed_at is not null") > 0
            )


def test_without_lanes_the_run_is_green_and_loads_what_is_there(
    pipeline: Any, count: Count
) -> None:
    pipeline.run()
    with pipeline.warehouse.begin() as connection:
        connection.execute(text("update tracking.tracked_order set closed_at = now()"))
        connection.execute(text("update tracking.erp_row set closed_at = now()"))
        connection.execute(text("update tracking.trace_reply set loaded_at = null"))

    states = pipeline.run()

    assert states["run"] == "success"
    assert states["load_traces"] == "success"
    assert count("tracking.trace_reply where loaded_at is null") == 0


def test_a_dead_lane_is_red_the_others_land_and_it_catches_up(
    pipeline: Any, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.expire_token("platform_1688_east")
    pipeline.sandbox.platform.tokens.revoke_refresh_tokens()

    states = pipeline.run()

    assert states["run"] == "failed"
    assert states["lane.fetch_waybills[platform_1688_east]"] == "failed"
    assert states["lane.gather_traces[platform_1688]"] == "success"
    assert states["lane.gather_traces[platform_1688_south]"] == "success"
    assert states["load_traces"] == "success"
    assert (states["report_health"], states["watch"]) == ("success", "failed")
    assert count("analytics.trace_events where account = 'platform_1688'") > 0
    assert count("analytics.trace_events where account = 'platform_1688_east'") == 0
    assert alerts_told(pipeline) == ["alert: locked_out, platform_1688_east"]

    mended = pipeline.sandbox.connection("platform_1688_east")
    mended["extra"] |= pipeline.sandbox.replace_token("platform_1688_east")
    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688_EAST", json.dumps(mended))
    assert pipeline.run(after=HALF_HOUR)["run"] == "success"
    assert count("analytics.trace_events where account = 'platform_1688_east'") > 0
    assert alerts_told(pipeline)[1:] == ["alert_cleared: locked_out, platform_1688_east"]


def test_n6_a_lane_that_fails_all_night_is_told_once(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run()
    good = os.environ["AIRFLOW_CONN_PLATFORM_1688_EAST"]
    broken = json.loads(good)
    broken["extra"]["qps"] = "many"
    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688_EAST", json.dumps(broken))

    for after in (6, 0.5, 0.5):
        assert pipeline.run(after=timedelta(hours=after))["run"] == "failed"

    assert alerts_told(pipeline) == ["alert: not_polled, platform_1688_east"]

    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688_EAST", good)
    assert pipeline.run(after=HALF_HOUR)["run"] == "success"
    assert alerts_told(pipeline)[1:] == ["alert_cleared: not_polled, platform_1688_east"]


def test_tokens_that_end_in_mid_run_are_renewed_and_no_order_is_lost(
    pipeline: Any, count: Count
) -> None:
    for account in ("platform_1688", "platform_1688_east"):
        pipeline.sandbox.faults.add("token_expired", account=account, times=3)

    states = pipeline.run()

    assert states["run"] == "success"
    renewals = [call.account for call in pipeline.sandbox.calls if call.api == "getToken"]
    assert {"platform_1688", "platform_1688_east"} == set(renewals)
    assert count("analytics.orders where last_error like '%token%'") == 0
    assert differences(pipeline.warehouse, pipeline.world, pipeline.clock.now()) == []


def test_nothing_is_loaded_into_a_warehouse_that_was_refused(pipeline: Any, count: Count) -> None:
    pipeline.run()
    with pipeline.warehouse.begin() as connection:
        connection.execute(text("update tracking.trace_reply set loaded_at = null"))
        connection.execute(text("comment on schema tracking is '9999 of the future'"))

    states = pipeline.run(after=HALF_HOUR)

    assert states["run"] == "failed"
    assert states["create_tables"] == "failed"
    assert states["load_traces"] != "success"
    assert states["report_health"] == "skipped"
    assert count("tracking.trace_reply where loaded_at is not null") == 0


def test_a_run_for_one_account_leaves_the_others_alone(pipeline: Any, count: Count) -> None:
    states = pipeline.run(only_account="platform_1688_south")

    assert states["run"] == "success"
    assert count("analytics.orders where account <> 'platform_1688_south'") == 0
    assert count("analytics.trace_events where account = 'platform_1688_south'") > 0


def test_a_manual_run_over_past_days_loads_them_and_announces_nothing(
    pipeline: Any, count: Count
) -> None:
    start = pipeline.world.start

    states = pipeline.run(
        shipped_from=(start - timedelta(days=3)).isoformat(), shipped_to=start.isoformat()
    )

    assert states["run"] == "success"
    assert (states["notify_changes"], states["report_stalled"]) == ("skipped", "skipped")
    assert states["report_health"] == "skipped"
    assert pipeline.receiver.deliveries() == []
    assert count("analytics.erp_writebacks where outcome = 'signed'") > 0
    assert count("tracking.trace_event") > 0
    assert count("analytics.notifications where state <> 'suppressed'") == 0
    assert count("analytics.notifications where reason = 'backfill'") > 0


def test_n9_a_run_is_red_when_most_rows_are_not_tracked_and_the_rest_lands(
    pipeline: Any, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account in ("platform_1688_east", "platform_1688_south"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{account.upper()}")

    states = pipeline.run()

    assert (states["run"], states["check_inputs"]) == ("failed", "failed")
    assert (states["extract_orders"], states["load_traces"]) == ("success", "success")
    assert count("analytics.trace_events where account = 'platform_1688'") > 0


class TestOnServers:
    @pytest.fixture(params=["postgresql_shop", "mariadb_shop"])
    def erp_engine(self, request: pytest.FixtureRequest) -> Iterator[Engine]:
        engine = request.getfixturevalue(request.param)
        yield engine
        DemoErp(engine).drop()

    def test_signs_and_traces_are_written_to_the_erp(self, pipeline: Any) -> None:
        for after in (0, 0.5):
            assert pipeline.run(after=timedelta(hours=after))["run"] == "success"

        with pipeline.erp.engine.connect() as connection:
            shown = text("select count(*) from erp_order where latest_trace like '%%签收%%'")
            assert signed_at_the_erp(pipeline) > 5
            assert connection.execute(shown).scalar_one() > 5


def test_the_run_after_a_dry_run_writes_and_sends_everything(pipeline: Any, count: Count) -> None:
    pipeline.run()
    pipeline.run(after=timedelta(hours=12))
    told, signed = len(pipeline.receiver.deliveries()), signed_at_the_erp(pipeline)

    states = pipeline.run(after=timedelta(hours=6), dry_run=True)

    assert states["run"] == "success"
    assert count("tracking.erp_row where sign_event is not null and settled_event is null") > 0
    assert signed_at_the_erp(pipeline) == signed
    assert len(pipeline.receiver.deliveries()) == told
    assert pipeline.run(after=HALF_HOUR, dry_run=False)["run"] == "success"
    assert signed_at_the_erp(pipeline) > signed
    assert len(pipeline.receiver.deliveries()) > told
    assert count("tracking.erp_row where sign_event is not null and settled_event is null") == 0


def test_n1_shadow_mode_writes_and_sends_nothing(
    pipeline: Any, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = json.loads(os.environ["AIRFLOW_CONN_ERP_DB"])
    monkeypatch.setenv("AIRFLOW_CONN_ERP_DB", json.dumps(erp | {"extra": {}}))
    pipeline.run()
    assert pipeline.run(after=timedelta(hours=24))["run"] == "success"
    assert pipeline.run(after=timedelta(hours=12))["run"] == "success"

    assert count("tracking.erp_row where sign_event is not null and settled_event is null") > 0
    assert count("analytics.notifications where reason = 'shadow'") > 0
    assert count("analytics.erp_writebacks") == 0
    assert shown_at_the_erp(pipeline) == 0
    assert pipeline.receiver.deliveries() == []
    assert count("analytics.notifications where state = 'sent'") == 0

    shadowed = count("analytics.notifications where reason = 'shadow'")
    monkeypatch.setenv("AIRFLOW_CONN_ERP_DB", json.dumps(erp))
    by_people = signed_at_the_erp(pipeline)
    assert pipeline.run()["run"] == "success"
    assert signed_at_the_erp(pipeline) > by_people
    assert shown_at_the_erp(pipeline) > 0
    assert count("tracking.erp_row where sign_event is not null and settled_event is null") == 0
    assert count("analytics.notifications where reason = 'shadow'") == shadowed


def test_n5_watch_names_each_red_task_and_lane_with_its_message(
    pipeline: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.run()
    pipeline.sandbox.faults.add("token_expired", account="platform_1688_east", times=3)
    caplog.clear()

    pipeline.run(after=timedelta(hours=6))

    said = [record.message for record in caplog.records if record.name.endswith("error_hook")]
    assert "1 red:" in said
    lane = "lane.fetch_waybills[platform_1688_east]: "
    (line,) = [each for each in said if each.startswith(lane)]
    assert line.partition(": ")[2] == said[0]


def test_a_receiver_that_is_down_is_red_and_hears_all_once_it_is_back(
    pipeline: Any, count: Count
) -> None:
    pipeline.run()
    pipeline.receiver.go_down("south")

    states = pipeline.run(after=timedelta(hours=12))

    assert (states["run"], states["notify_changes"]) == ("failed", "failed")
    waiting = count("analytics.notifications where channel = 'south' and state = 'pending'")
    assert waiting > 0
    assert count("analytics.notifications where channel = 'ops' and state = 'pending'") == 0

    pipeline.receiver.come_back("south")
    assert pipeline.run(after=HALF_HOUR)["run"] == "success"
    assert count("analytics.notifications where channel = 'south' and state = 'pending'") == 0
    events = [notice["event_id"] for notice in pipeline.receiver.notices("south")]
    assert len(events) == len(set(events)) >= waiting
    assert {notice["account"] for notice in pipeline.receiver.notices("south")} == {
        "platform_1688_south"
    }


def test_half_an_interval_is_refused(pipeline: Any) -> None:
    states = pipeline.run(shipped_from="2026-03-01T00:00:00+08:00")

    assert states["extract_orders"] == "failed"


def test_a_simulated_clock_never_meets_a_real_gateway(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pipeline.sandbox.connection("platform_1688") | {"host": "https://gw.open.1688.com"}
    monkeypatch.setenv("AIRFLOW_CONN_PLATFORM_1688", json.dumps(real))

    states = pipeline.run()

    assert states["lane.fetch_waybills[platform_1688]"] == "failed"
    assert states["lane.gather_traces[platform_1688_south]"] == "success"


def test_the_run_is_summed_up_for_analysts_and_in_the_asset(pipeline: Any, count: Count) -> None:
    pipeline.run()

    with pipeline.warehouse.connect() as connection:
        row = connection.execute(text("select * from analytics.runs")).one()
        calls = connection.execute(text("select sum(calls) from analytics.api_usage")).scalar_one()

    assert row.due > 0
    assert row.polled > 0
    assert row.left_over == 0
    assert row.calls == calls == pipeline.sandbox.usage()["total"]
    assert row.events_new == count("tracking.trace_event")
    assert row.changes == count("analytics.status_changes")
    assert row.ended_at is not None
