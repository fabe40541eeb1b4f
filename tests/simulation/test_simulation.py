"""The promises under fault: what the next good run makes of anything that happened before."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.platform_1688 import ORDERS, TRACES
from sandbox.platform_taobao import CONSUME, REFRESH, TRACE_SEARCH, TRADES
from shipment_tracking.statements import include_folder

from .dag import SENDS, WRITES
from .driver import LIFE, Simulation
from .invariants import pruned
from .plans import Plan, draw_plans

ROUNDS = 26
LEASE_CHECKS = (
    "        and leased.lease_token = given.token\n",
    "where\n    not :only_live\n"
    "    or (leased.lease_owner = :owner and leased.lease_until >= clock_timestamp())\n",
)
DEATHS = [Plan(minutes=480, dies=commit) for commit in range(1, 9)]
ZOMBIES = [Plan(zombie="fetch_waybills"), Plan(), Plan(zombie="gather_traces"), Plan()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many soaked seeds as asked for."""
    if "soaked_seed" in metafunc.fixturenames:
        metafunc.parametrize("soaked_seed", range(metafunc.config.getoption("seeds")))


def told(life: Simulation) -> list[str]:
    """The broken promises, with what it takes to see them again."""
    return [str(violation) for violation in life.violations]


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of statements with a mistake."""
    folder = tmp_path / "queries"
    folder.mkdir()

    def replace(name: str, *mistakes: tuple[str, str]) -> Path:
        module, _, own = name.partition(".")
        shipped = (include_folder() / "sql" / "warehouse" / f"{module}.sql").read_text("utf-8")
        before, mark, after = shipped.partition(f"-- name: {own}\n")
        statement, end, rest = after.partition("\n\n\n-- name: ")
        for right, wrong in mistakes:
            assert right in statement
            statement = statement.replace(right, wrong)
        text = before + mark + statement + end + rest
        (folder / f"{module}.sql").write_text(text, encoding="utf-8")
        return folder

    return replace


def test_a_world_under_fault_ends_as_if_nothing_had_happened(
    simulate: Callable[..., Simulation],
) -> None:
    life = simulate(9)
    plans = draw_plans(9, rounds=10)
    plans[3] = replace(plans[3], expire="platform_taobao")
    plans[9] = Plan(minutes=24 * 60, keep_days=0.25)

    life.live(plans)
    life.end()

    assert told(life) == []
    used = {TRACES, TRACE_SEARCH, REFRESH, ORDERS, CONSUME, TRADES}
    assert used <= {call.api for call in life.sandbox.calls}
    assert {"live", "priority", "backfill", "prune"} <= {
        process.run_id.partition("_")[0] for process in life.processes.all
    }
    assert pruned(life.warehouse)


def test_a_process_that_was_thought_dead_writes_nothing(
    simulate: Callable[..., Simulation],
) -> None:
    life = simulate(1, orders=6)

    life.live(ZOMBIES)

    assert told(life) == []
    assert {process.step for process in life.processes.all if process.stopped} == {
        "fetch_waybills",
        "gather_traces",
    }


def test_without_its_lease_checks_the_simulation_fails(
    simulate: Callable[..., Simulation], plant: Callable[..., Path]
) -> None:
    folder = plant("leases.fence", *((check, "") for check in LEASE_CHECKS))
    life = simulate(1, orders=6, queries=folder)

    life.live(ZOMBIES)

    went_back = [
        violation.detail
        for violation in life.violations
        if violation.invariant == "nothing stored goes back in time"
    ]
    assert any("parcels_asked_at" in detail for detail in went_back)
    assert any("last_polled_at" in detail for detail in went_back)


def test_a_kill_between_commits_loses_and_repeats_nothing(
    simulate: Callable[..., Simulation],
) -> None:
    life = simulate(3, orders=8)

    life.live(DEATHS)
    life.end()

    assert told(life) == []
    assert {process.step for process in life.processes.all if process.killed} == {*WRITES, *SENDS}


def test_mistakes_in_writing_and_sending_make_the_simulation_fail(
    simulate: Callable[..., Simulation], plant: Callable[..., Path]
) -> None:
    """A notice is called sent before it is; our own write is taken for somebody else's."""
    plant(
        "outbox.address", ("        'pending',\n        wanted", "        'sent',\n        wanted")
    )
    folder = plant("writebacks.begin", ("else known.before", "else excluded.before"))
    life = simulate(3, orders=8, queries=folder)

    life.live(DEATHS[:6])
    life.judge()

    assert any("is said to be sent, and never arrived" in found for found in told(life))
    assert any("outcomes: ['already']" in found for found in told(life))


@pytest.mark.soak
def test_many_worlds_under_fault_end_as_if_nothing_had_happened(
    simulate: Callable[..., Simulation],
    soaked_seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    life = simulate(soaked_seed)

    life.live(draw_plans(soaked_seed, ROUNDS))
    life.end()

    record_property(LIFE, "\n".join([life.summary(), *told(life)]))
    assert told(life) == []
