"""
By hand: the platforms' stored replies are read again by the rules of today, without any call.

**What it is for.** After a line was added to `texts.csv`, or an upgrade brought better rules,
stored scans still have the status they were given when they were loaded. A replay reads them again:
scans, parcels and orders then stand as if the same replies were polled now.

**It only tells at first.** `dry_run` is ticked: every chunk of orders is loaded and taken back. The
log lists what would change, the return value counts it, and `analytics.replay_differences` keeps
all of it. Untick `dry_run` to apply it.

**What it promises.** No platform is called, nothing is announced, nothing is deleted, and the ERP
is not touched by this DAG. What follows from the new state follows in the next `sync_shipments`: a
signature that appears is written to the ERP, and one that was confirmed and falls gives the alarm
`sign_withdrawn`. It may run beside `sync_shipments`. What no stored reply holds any more, since
`prune_warehouse` deleted it, is counted (`not_rebuilt`) and stays as it is.

**A red run.** The warehouse was away, or `texts.csv` has a mistake: the log says which line. Clear
the task: it goes on behind the last order that was done.
"""

from airflow.sdk import dag, task
from pendulum import duration

from shipment_tracking import hooks, steps


@dag(
    schedule=None,
    start_date=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=duration(hours=20),
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": duration(seconds=30),
        "retry_policy": hooks.RETRY_POLICY,
        "execution_timeout": duration(hours=6),
    },
    params=hooks.REPLAY_PARAMS,
    description="Reads stored replies again by the rules of today, without any call",
    doc_md=__doc__,
    tags=["logistics", "maintenance", "shipments"],
)
def replay_traces() -> None:
    @task(multiple_outputs=False)
    def replay_traces() -> dict[str, int | bool]:
        """Stored replies are read by the rules of today, or what would change is listed."""
        counts = steps.replay_traces.run(hooks.warehouse(), **hooks.replay(), now=hooks.now())
        return hooks.measured(counts)

    replay_traces()


replay_traces()
