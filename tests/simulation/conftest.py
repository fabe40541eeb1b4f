"""A simulation for each test, which leaves nothing behind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from .driver import LIFE, Simulation


class Teller:
    """Prints how a soaked simulation went, or why it broke off, as soon as it is over."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None or "soak" not in report.keywords:
            return
        if report.when == "call" and LIFE in dict(report.user_properties):
            terminal.write(f"\n{dict(report.user_properties)[LIFE]}\n")
        elif report.failed:
            terminal.write(f"\n{report.nodeid}\n{report.longreprtext}\n")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Teller(config))


@pytest.fixture
def simulate(warehouse: Engine, tmp_path: Path) -> Iterator[Callable[..., Simulation]]:
    """Begins a simulation of a seed."""
    with ExitStack() as stack:

        def begin(seed: int, **changes: Any) -> Simulation:
            return stack.enter_context(Simulation(seed, warehouse, tmp_path, **changes))

        yield begin
