"""
Every night: what nobody needs any more is deleted from the warehouse.

**What it promises.** Open orders keep everything but replies that a newer one has replaced. Of an
order that was closed long ago the parcels go, with their scans, changes, notices and replies; its
row in `analytics.orders` stays, and so does all that was ever written to the ERP. If it comes back,
it is tracked anew, announces nothing of the past and is not signed a second time. Everything is
deleted in small transactions beside the half-hourly run, which waits for none of them for long.

**It deletes only once its owner has confirmed it,** since what it deletes cannot be brought back:
with `"prune": "delete"` in the extra of the connection `warehouse_db`. Until then each run only
counts and says so in its last log line and return value (`nothing_deleted`). It is paused at
first, and a scheduled run that starts more than an hour late, as after unpausing, only counts. The
param `dry_run` counts too, whatever is confirmed.

**A red run.** The warehouse was away. Clear the task, or wait for the next night: it takes up the
rest. A green run with `left_over` ran out of its twenty minutes; the next one goes on.
"""

from airflow.sdk import dag, task
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import duration

from shipment_tracking import hooks, steps


@dag(
    # With a start date, or `False` here within 10 % of a day, unpausing would start the run of
    # last night: https://github.com/apache/airflow/pull/64162.
    schedule=CronTriggerTimetable(
        "15 3 * * *", timezone="Asia/Shanghai", run_immediately=duration(0)
    ),
    start_date=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=duration(minutes=60),
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": duration(seconds=30),
        "retry_policy": hooks.RETRY_POLICY,
        "execution_timeout": duration(minutes=30),
    },
    params=hooks.PRUNE_PARAMS,
    description="Deletes from the warehouse what is older than it is kept",
    doc_md=__doc__,
    tags=["logistics", "maintenance", "shipments"],
)
def prune_warehouse() -> None:
    @task(multiple_outputs=False)
    def prune_warehouse() -> dict[str, int | str | list[str]]:
        """What is older than it is kept is gone, or counted."""
        return steps.prune_warehouse.run(
            hooks.warehouse(), **hooks.retention(), now=hooks.now(), budget=duration(minutes=20)
        )

    prune_warehouse()


prune_warehouse()
