"""
Every 30 minutes: where the parcels of the ERP's shipped orders are, and who is notified of it.

**What it promises.** Every shipped and unsigned order of the ERP is polled when the polling table
says, at the latest after half an hour while it is out for delivery or of high priority, and every
scan of its parcels is stored once. A signed order is written back to the ERP once, and what
people decide there stands. Every change of status is announced once to each channel that wants it,
and a stalled parcel gives one alarm. Ops hears once of each trouble of the pipeline itself, and of
its end. Nothing is lost when a task dies: what is due is state in the warehouse, so the next run
takes up the rest.

**Shadow mode.** Until the connection `erp_db` says `"write": "sql"` in its extra, everything is
gathered and loaded, but nothing is written to the ERP and nothing is sent. The last log lines and
return values of `mark_signed`, `show_trace`, `notify_changes`, `report_stalled` and `report_health`
say what would have been. Once it says so, the ERP gets everything that is still true; notices that
came due before are not sent.

**A red run.** The log of a red task ends with which connection, statement or order is meant and
what to do; the log of `watch` repeats it for every red task. One dead lane stops no other. Clear
the red task after fixing the cause, or wait for the next run: it catches up by itself.

**By hand.** The trigger form explains its params. `shipped_from` and `shipped_to` re-read what was
shipped in that time, signed orders too, and announce nothing; a backfill does the same for its
intervals. `dry_run` executes the writes to the ERP and rolls them back, and logs what a run would
write and send. The trigger dialog unpauses a paused DAG by default, and then a scheduled run starts
beside yours: in shadow mode it is harmless; with `"write": "sql"` it writes and sends: untick it.
"""

from typing import Any

from airflow.sdk import Asset, Context, dag, get_current_context, task, task_group
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import datetime, duration

from shipment_tracking import hooks, steps

ACCOUNT = "{{ task.op_kwargs.account }}"
TRACE_EVENTS = Asset(
    name="trace_events", uri="x-shipment-tracking://warehouse/tracking/trace_event"
)

MOST_UNTRACKED = 0.2
"""The share of the ERP's rows that may stay untracked in a green run."""

MOST_FAILED_CALLS = 0.2
"""The share of an account's last calls that may fail before ops is notified."""

FEWEST_CALLS = 20
"""Fewer last calls of an account say nothing of it."""

PRIORITY_DOC = """
Every 5 minutes: the same as `sync_shipments`, only for the ERP's orders of high priority.

**What it promises.** Every shipped and unsigned order of high priority is polled once per five
minutes. Both DAGs may run at once: they share quota and leases, and no order is polled twice within
four minutes. Orders that left the ERP's list are closed by `sync_shipments` only.

**A red run.** As in `sync_shipments`.
"""


def warehouse_was_refused(context: Context) -> bool:
    """Whether ``create_tables`` failed: then nothing may be loaded or sent, whatever is done."""
    return context["ti"].xcom_pull(task_ids="create_tables") is None


def tells_nobody(context: Context) -> bool:
    """Whether nothing may be sent: a backfill announces nothing."""
    return warehouse_was_refused(context) or hooks.this_run().is_backfill


def pipeline() -> None:
    """The tasks of a DAG; its params say which orders they are about."""

    @task
    def create_tables() -> str:
        """The warehouse has the schema this code works with."""
        return steps.create_tables.run(hooks.warehouse())

    @task
    def extract_orders() -> list[str]:
        """The ERP's rows are taken over; returns the accounts that have work."""
        return steps.extract_orders.run(
            hooks.erp(),
            hooks.warehouse(),
            hooks.this_run(),
            knows_account=hooks.is_account,
            now=hooks.now(),
        )

    @task.skip_if(warehouse_was_refused, skip_message="create_tables failed")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def check_inputs() -> dict[str, int]:
        """The ERP's rows can be tracked, and the text of every notice can be written."""
        return steps.check_inputs.run(
            hooks.warehouse(), hooks.this_run(), now=hooks.now(), most_untracked=MOST_UNTRACKED
        )

    @task.skip_if(hooks.is_green, skip_message="no task is red")
    @task(trigger_rule="all_done", retries=0)
    def watch() -> None:
        """Red when any task is, so that a dead lane does not end in a green run; lists them."""
        raise hooks.red_tasks()

    alarm = watch()

    @task_group
    def lane(account: str) -> None:
        @task(map_index_template=ACCOUNT, multiple_outputs=False)
        def fetch_waybills(account: str) -> dict[str, int | list[str]]:
            """The parcels of this account's orders are known."""
            with hooks.lane(account) as lane:
                return steps.fetch_waybills.run(lane)

        @task(map_index_template=ACCOUNT, multiple_outputs=False)
        def gather_traces(account: str) -> dict[str, int | list[str]]:
            """What is new in this account's traces is kept, to be loaded."""
            with hooks.lane(account) as lane:
                return hooks.measured(steps.gather_traces.run(lane))

        fetched, gathered = fetch_waybills(account=account), gather_traces(account=account)
        fetched >> gathered
        [fetched, gathered] >> alarm

    @task.skip_if(warehouse_was_refused, skip_message="create_tables failed")
    @task(trigger_rule="all_done", outlets=[TRACE_EVENTS], multiple_outputs=False)
    def load_traces() -> dict[str, int]:
        """Every scan is stored once, with the changes and notices it leads to."""
        counts = steps.load_traces.run(hooks.warehouse(), hooks.this_run(), now=hooks.now())
        get_current_context()["outlet_events"][TRACE_EVENTS].extra = {**counts}
        return hooks.measured(counts)

    @task.skip_if(warehouse_was_refused, skip_message="create_tables failed")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def check_quality() -> dict[str, int]:
        """The warehouse holds what it promises."""
        return steps.check_quality.run(hooks.warehouse(), now=hooks.now())

    @task.skip_if(warehouse_was_refused, skip_message="create_tables failed")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def mark_signed() -> dict[str, int]:
        """Every signed order is signed at the ERP, unless a person decided otherwise."""
        counts = steps.mark_signed.run(
            hooks.warehouse(), hooks.erp(), hooks.acting_run(), now=hooks.now()
        )
        return hooks.measured(counts)

    @task.skip_if(warehouse_was_refused, skip_message="create_tables failed")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def show_trace() -> dict[str, int]:
        """The ERP shows where every open order is."""
        counts = steps.show_trace.run(hooks.warehouse(), hooks.erp(), hooks.acting_run())
        return hooks.measured(counts)

    @task.skip_if(tells_nobody, skip_message="create_tables failed, or this is a backfill")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def notify_changes() -> dict[str, int]:
        """Everybody who wants to know has heard what changed, once."""
        counts = steps.notify_changes.run(
            hooks.warehouse(),
            hooks.acting_run(),
            open_erp=hooks.erp,
            channels=hooks.channels,
            owner=hooks.lease_owner(),
            now=hooks.now(),
        )
        return hooks.measured(counts)

    @task.skip_if(tells_nobody, skip_message="create_tables failed, or this is a backfill")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def report_stalled() -> dict[str, int]:
        """Every stalled parcel has given one alarm."""
        counts = steps.report_stalled.run(
            hooks.warehouse(),
            hooks.acting_run(),
            channels=hooks.channels,
            owner=hooks.lease_owner(),
            now=hooks.now(),
        )
        return hooks.measured(counts)

    @task.skip_if(tells_nobody, skip_message="create_tables failed, or this is a backfill")
    @task(trigger_rule="all_done", multiple_outputs=False)
    def report_health() -> dict[str, int]:
        """Ops has heard once of each trouble of the pipeline itself, and once of its end."""
        with hooks.measured_run():
            counts = steps.report_health.run(
                hooks.warehouse(),
                hooks.acting_run(),
                channels=hooks.channels,
                owner=hooks.lease_owner(),
                now=hooks.now(),
                most_failed_calls=MOST_FAILED_CALLS,
                fewest_calls=FEWEST_CALLS,
            )
            return hooks.measured(counts)

    tables = create_tables()
    accounts = extract_orders()
    checked = check_inputs()
    loaded = load_traces()
    quality = check_quality()
    signed, shown = mark_signed(), show_trace()
    notified, reported, healthy = notify_changes(), report_stalled(), report_health()
    after_load = [signed, quality, notified, reported]
    tables >> accounts >> lane.expand(account=accounts) >> loaded >> after_load
    signed >> shown
    accounts >> checked
    [checked, quality, shown, notified, reported] >> healthy
    # Trigger rules look no further up than one task, so the alarm hangs below each of them.
    checks = [checked, quality, healthy]
    [tables, accounts, loaded, signed, shown, notified, reported, *checks] >> alarm


SHARED: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tz="Asia/Shanghai"),
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": duration(seconds=30),
        "retry_policy": hooks.RETRY_POLICY,
        "execution_timeout": duration(minutes=30),
    },
    "tags": ["erp", "logistics", "shipments"],
}


@dag(
    schedule=CronDataIntervalTimetable("*/30 * * * *", timezone="Asia/Shanghai"),
    dagrun_timeout=duration(minutes=60),
    params=hooks.PARAMS,
    description="Follows the parcels of shipped orders, signs them at the ERP and tells people",
    doc_md=__doc__,
    **SHARED,
)
def sync_shipments() -> None:
    pipeline()


@dag(
    schedule=CronDataIntervalTimetable("*/5 * * * *", timezone="Asia/Shanghai"),
    is_paused_upon_creation=True,
    dagrun_timeout=duration(minutes=20),
    params=hooks.PRIORITY_PARAMS,
    description="The same for orders of high priority only, more often; closes nothing",
    doc_md=PRIORITY_DOC,
    **SHARED,
)
def sync_priority() -> None:
    pipeline()


sync_shipments()
sync_priority()
