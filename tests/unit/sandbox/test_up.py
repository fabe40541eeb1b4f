"""What `make up` gives Airflow to begin with."""

import pytest

from sandbox.defaults import ACCOUNTS
from sandbox.up import platform_connections


@pytest.mark.parametrize(("qps", "promised"), [(15.0, 15.0), (0.0, 1000)])
def test_connections_promise_what_the_platform_accepts(qps: float, promised: float) -> None:
    found = platform_connections("http://127.0.0.1:1", qps)

    assert list(found) == list(ACCOUNTS)
    assert {each["extra"]["qps"] for each in found.values()} == {promised}
