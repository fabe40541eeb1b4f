"""What a red task says: its log ends with what to do, and the run's last task repeats it."""

import logging
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowNotFoundException

from shipment_tracking.errors import PersonNeededError, RedTasksError, ShipmentTrackingError
from shipment_tracking.hooks.connection_hook import about_database

log = logging.getLogger(__name__)

ERROR = "error"
"""The XCom in which a red task leaves its message."""


class SayWhatToDo(RetryPolicy):
    """
    Fail at once where trying again is useless, and end the log with the message alone.

    Airflow asks it right after it has logged the traceback, before the task's state is known to
    anybody, so that whoever sees the task red finds its message.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """Whether to try again; see ``RetryPolicy``."""
        message, is_expected = _read(exception)
        if context is not None and not isinstance(exception, RedTasksError):
            task = context["ti"]
            lane = task.rendered_map_index or (task.map_index if task.map_index >= 0 else None)
            found = {
                "key": _key(task.task_id, task.map_index),
                "task": task.task_id if lane is None else f"{task.task_id}[{lane}]",
                "error": message.partition("\n")[0],
            }
            task.xcom_push(key=ERROR, value=found)
        if is_expected:
            # Airflow has just begun a group that its UI folds; the message must not be in it.
            log.info("::endgroup::")
            for line in message.splitlines():
                log.error("%s", line)
        # Without a reason: Airflow would log it below the message.
        is_useless = isinstance(exception, PersonNeededError)
        return RetryDecision.fail() if is_useless else RetryDecision.default()


RETRY_POLICY = SayWhatToDo()


def red_tasks() -> RedTasksError:
    """Every red task of this run, lanes by their account, each with its message."""
    context = get_current_context()
    task, dag_run = context["ti"], context["dag_run"]
    above = sorted(context["task"].upstream_task_ids)
    said = {
        found["key"]: f"{found['task']}: {found['error']}"
        for found in task.xcom_pull(task_ids=above, key=ERROR)
        if found
    }
    lines = [
        said.get(key, f"{key}: died without a message, see its log")
        for key in _red_keys(task, dag_run)
    ]
    return RedTasksError("\n".join([f"{len(lines)} red:", *lines]))


def is_green(context: Any) -> bool:
    """Whether no task of this run is red, all others being done."""
    return not _red_keys(context["ti"], context["dag_run"])


def _red_keys(task: Any, dag_run: Any) -> list[str]:
    states = task.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])
    return sorted(key for key, state in states.get(dag_run.run_id, {}).items() if state == "failed")


def _read(exception: BaseException) -> tuple[str, bool]:
    """The message of an exception, and whether it is one that says what to do."""
    if isinstance(exception, (ShipmentTrackingError, AirflowNotFoundException)):
        return str(exception), True
    if message := about_database(exception):
        return message, True
    return f"{type(exception).__name__}: {exception}", False


def _key(task_id: str, map_index: int) -> str:
    """A task's name in the states that Airflow tells."""
    return task_id if map_index < 0 else f"{task_id}_{map_index}"
