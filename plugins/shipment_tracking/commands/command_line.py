"""What our commands need of Airflow outside any task; used before Airflow is imported."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def airflow_within_reach() -> Iterator[None]:
    """
    Let Airflow read its connections, and leave no ``~/airflow`` behind where there is none.

    Where ``AIRFLOW_HOME`` is unset and ``~/airflow`` missing, Airflow's home is temporary: then
    connections come from the environment or a secrets backend.
    """
    # Outside a task Airflow opens its database only to what calls itself a server, as its own
    # command "airflow connections test" does.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    if "AIRFLOW_HOME" in os.environ or Path("~/airflow").expanduser().exists():
        yield
        return
    with TemporaryDirectory(prefix="airflow-home-") as home:
        os.environ["AIRFLOW_HOME"] = home
        try:
            yield
        finally:
            del os.environ["AIRFLOW_HOME"]
