"""A simulation for each test, which leaves nothing behind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from .driver import Simulation


@pytest.fixture
def simulate(warehouse: Engine, tmp_path: Path) -> Iterator[Callable[..., Simulation]]:
    """Begins a simulation of a seed."""
    with ExitStack() as stack:

        def begin(seed: int, **changes: Any) -> Simulation:
            return stack.enter_context(Simulation(seed, warehouse, tmp_path, **changes))

        yield begin
