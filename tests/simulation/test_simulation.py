"""The promises under fault: what the next good run makes of anything that happened before."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shipment_tracking.sql import include_folder

from .driver import OWNER_FOLDER, Plan, Simulation, draw_plans

ROUNDS = 26
LEASE_CHECKS = (
    "            and tracked_order.lease_token = answer.lease_token\n",
    "    where\n        tracked_order.lease_owner = :owner\n"
    "        and tracked_order.lease_until >= clock_timestamp()\n",
)
ZOMBIES = [Plan(zombie="fetch_waybills"), Plan(), Plan(zombie="gather_traces"), Plan()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many soaked seeds as asked for."""
    if "soaked_seed" in metafunc.fixturenames:
        metafunc.parametrize("soaked_seed", range(metafunc.config.getoption("seeds")))


def told(life: Simulation) -> list[str]:
    """The broken promises, with what it takes to see them again."""
    return [str(violation) for violation in life.violations]


@pytest.fixture
def without_lease_checks(tmp_path: Path) -> Path:
    """An owner's folder whose statements write whatever a process brings, however late."""
    folder = tmp_path / "owner"
    shutil.copytree(OWNER_FOLDER, folder)
    for name in ("fetch_waybills_record.sql", "gather_traces_record.sql"):
        place = Path("sql", "warehouse", name)
        statement = (include_folder() / place).read_text(encoding="utf-8")
        for check in LEASE_CHECKS:
            assert check in statement
            statement = statement.replace(check, "")
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text(statement, encoding="utf-8")
    return folder


def test_a_world_under_fault_ends_as_if_nothing_had_happened(
    simulate: Callable[..., Simulation],
) -> None:
    life = simulate(7)

    life.live(draw_plans(7, rounds=10))
    life.end()

    assert told(life) == []


def test_a_process_that_was_thought_dead_writes_nothing(
    simulate: Callable[..., Simulation],
) -> None:
    life = simulate(1, orders=8)

    life.live(ZOMBIES)

    assert told(life) == []
    assert {process.step for process in life.processes.all if process.stopped} == {
        "fetch_waybills",
        "gather_traces",
    }


def test_without_its_lease_checks_the_simulation_fails(
    simulate: Callable[..., Simulation], without_lease_checks: Path
) -> None:
    life = simulate(1, orders=8, owner_folder=without_lease_checks)

    life.live(ZOMBIES)

    went_back = [
        violation.detail
        for violation in life.violations
        if violation.invariant == "nothing stored goes back in time"
    ]
    assert any("parcels_asked_at" in detail for detail in went_back)
    assert any("last_polled_at" in detail for detail in went_back)


@pytest.mark.soak
def test_many_worlds_under_fault_end_as_if_nothing_had_happened(
    simulate: Callable[..., Simulation], soaked_seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    life = simulate(soaked_seed)

    life.live(draw_plans(soaked_seed, ROUNDS))
    life.end()

    with capsys.disabled():
        print(f"\n{life.summary()}")
    assert told(life) == []
