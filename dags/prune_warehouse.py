"""
Every night: what nobody needs any more is deleted from the warehouse.

**What it promises.** Open orders keep everything but replies that a newer one has replaced. Of an
order that was closed long ago the parcels go, with their scans, changes, notices and replies; its
row in `analytics.orders` stays, and so does all that was ever written to the ERP. If it comes back,
it is tracked anew, announces nothing of the past and is not signed a second time. Everything is
deleted in small transactions beside the half-hourly run, which waits for none of them for long.

**It is paused until its owner switches it on,** since what it deletes cannot be brought back.
Before that, `airflow dags test prune_warehouse -c '{"dry_run": true}'` says what would be deleted;
to trigger it would not do, since a paused DAG starts no run.

**A red run.** The warehouse was away. Clear the task, or wait for the next night: it takes up the
rest. A green run with `left_over` ran out of its twenty minutes; the next one goes on.
"""

from airflow.sdk import dag, task
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import datetime, duration

from shipment_tracking import hooks, steps


@dag(
    schedule=CronDataIntervalTimetable("15 3 * * *", timezone="Asia/Shanghai"),
    start_date=datetime(2026, 1, 1, tz="Asia/Shanghai"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=duration(minutes=60),
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": duration(seconds=30),
        "execution_timeout": duration(minutes=30),
    },
    params=hooks.PRUNE_PARAMS,
    description="Deletes from the warehouse what is older than it is kept",
    doc_md=__doc__,
    tags=["logistics", "maintenance", "shipments"],
)
def prune_warehouse() -> None:
    @task(multiple_outputs=False)
    def prune_warehouse() -> dict[str, int | list[str]]:
        """What is older than it is kept is gone, or would be."""
        return steps.prune_warehouse.run(
            hooks.warehouse(), **hooks.retention(), now=hooks.now(), budget=duration(minutes=20)
        )

    prune_warehouse()


prune_warehouse()
