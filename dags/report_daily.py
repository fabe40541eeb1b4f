"""
Every morning at 08:00: yesterday's parcels in one report, as a mail, a robot's message and files.

**What it promises.** The report has what was shipped, picked up and signed yesterday (Shanghai's
day), exceptions, the slowest carriers, stalls by stage, the pipeline's own health, and where the
warehouse and the ERP differ. Each channel of `notify_ops` that says `"report"` gets it once a day,
however often a task dies or is cleared. The files (HTML, XLSX, CSVs) are written whole or not at
all, into the folder or object store that the Airflow Variable `shipment_tracking_reports` names,
else into `shipment_reports` below Airflow's home.

**Shadow mode.** Until the connection `erp_db` says `"write": "sql"` in its extra, nothing is sent:
the log of `send_report` says who would get it. The files are written.

**A red run.** The end of the log says which channel or folder is meant and what to do. The two
tasks do not wait for each other. Clear the red one after fixing the cause: a channel that had the
report gets it no second time. What could not be sent for six days is given up.

**By hand.** The param `day` writes the files of a past day again. A backfill does so for each of
its days and sends nothing. The DAG is paused at first. Unpausing it the first time starts no run;
unpausing it after a pause sends the last report that is due.
"""

from airflow.sdk import dag, task
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import duration

from shipment_tracking import hooks, steps


@dag(
    # With a start date, or `False` here within 10 % of a day, unpausing would start the run of
    # this morning: https://github.com/apache/airflow/pull/64162.
    schedule=CronTriggerTimetable(
        "0 8 * * *", timezone="Asia/Shanghai", run_immediately=duration(0)
    ),
    start_date=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    dagrun_timeout=duration(hours=2),
    default_args={
        "owner": "data-platform",
        "retries": 3,
        "retry_delay": duration(minutes=5),
        "retry_policy": hooks.RETRY_POLICY,
        "execution_timeout": duration(minutes=20),
    },
    params=hooks.REPORT_PARAMS,
    description="Yesterday in one report: a mail, a robot's message, XLSX and CSVs",
    doc_md=__doc__,
    tags=["logistics", "reports", "shipments"],
)
def report_daily() -> None:
    @task(multiple_outputs=False)
    def write_report() -> dict[str, int | str]:
        """The day's report lies in its folder as HTML, XLSX and CSVs."""
        return steps.write_report.run(
            hooks.warehouse(),
            day=hooks.report_day(),
            language=hooks.report_language(),
            folder=hooks.report_folder(),
        )

    @task.skip_if(hooks.is_backfill, skip_message="a backfill sends nothing")
    @task(multiple_outputs=False)
    def send_report() -> dict[str, int]:
        """Every channel that wants the day's report has had it once."""
        return steps.send_report.run(
            hooks.warehouse(),
            hooks.acting_run(),
            day=hooks.report_day(),
            place=hooks.report_folder().place,
            channels=hooks.channels,
            owner=hooks.lease_owner(),
            now=hooks.now(),
        )

    write_report()
    send_report()


report_daily()
