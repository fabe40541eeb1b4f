"""What happens in each round of a simulation, drawn from its seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.defaults import ACCOUNTS
from sandbox.faults import KINDS, Latency

HALF_HOUR = 30
KEPT_DAYS = (0.25, 1.0)
PUSH_BACKS = ("http_429", "qos_200", "qos_400")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What happens in one round.

    :param minutes: by which the world goes on before it.
    :param faults: of the platform.
    :param disturb: share of processes that are killed or stopped.
    :param zombie: the step whose processes stand still from their first answer on, until the next
        round is over.
    :param erp: what the ERP's list is: ``whole``, ``empty``, or ``short`` of some rows; or the
        whole ERP is ``away``.
    :param dies: the commit at which each process that writes or sends is killed on its first try.
    :param deaf: channels that are down, and how.
    :param edits: of rows by people at the ERP, while the runs are at work.
    :param second: another live run at the same time: of one account or of all.
    :param priority: whether the orders of high priority have a run of their own.
    :param backfill: hours of shipping to read again.
    :param live: whether there is a live run of the schedule, and perhaps a second one.
    :param keep_days: how long pruning beside the runs keeps what it deletes; 0 is no pruning.
    :param steal: whether another program consumes what waits in an app's queue of messages.
    :param expire, renew: accounts whose token ends, or is replaced.
    :param cut: seconds after which the warehouse drops all connections.
    """

    minutes: int = HALF_HOUR
    faults: tuple[dict[str, Any], ...] = ()
    latency: Latency = field(default_factory=Latency)
    disturb: float = 0.0
    zombie: str = ""
    erp: str = "whole"
    dies: int = 0
    deaf: Mapping[str, str] = field(default_factory=dict)
    edits: int = 0
    second: str = ""
    priority: bool = False
    backfill: float = 0.0
    live: bool = True
    keep_days: float = 0.0
    steal: bool = False
    expire: str = ""
    renew: bool = False
    cut: float | None = None


def draw_plan(dice: random.Random) -> Plan:
    """A round with some of everything that may happen."""
    kinds = dice.sample(sorted(KINDS - {*PUSH_BACKS, "token_expired"}), dice.randint(0, 4))
    faults = [
        {"kind": kind, "probability": dice.uniform(0.02, 0.25), "seconds": 0.3} for kind in kinds
    ]
    if dice.random() < 0.15:
        faults.append({"kind": dice.choice(PUSH_BACKS), "times": dice.randint(1, 2)})
    if dice.random() < 0.08:
        faults.append({"kind": "token_expired", "times": 1})
    return Plan(
        minutes=HALF_HOUR * dice.choice((1, 1, 1, 2, 2, 3, 4, 9)),
        faults=tuple(faults),
        latency=Latency(dice.choice((0, 5, 30)), 250, dice.choice((0, 0.02))),
        disturb=dice.choice((0.0, 0.2, 0.4)),
        zombie=dice.choice((*["" for _ in range(10)], "fetch_waybills", "gather_traces")),
        erp=dice.choice((*["whole" for _ in range(14)], "short", "empty", "away")),
        deaf={
            channel: dice.choice(("status", "status", "reset", "lost"))
            for channel in ("ops", "shop", "buyers")
            if dice.random() < 0.25
        },
        edits=dice.choice((0, 0, 1, 3)),
        second=dice.choice(("", "", "", "", "all", "one")),
        priority=dice.random() < 0.3,
        backfill=dice.uniform(6, 40) if dice.random() < 0.25 else 0,
        live=dice.random() < 0.9,
        keep_days=dice.uniform(*KEPT_DAYS) if dice.random() < 0.25 else 0,
        steal=dice.random() < 0.1,
        expire=dice.choice((*["" for _ in range(30)], *ACCOUNTS)),
        renew=dice.random() < 0.5,
        cut=dice.uniform(0, 1) if dice.random() < 0.06 else None,
    )


def draw_plans(seed: int, rounds: int) -> list[Plan]:
    """The rounds of a seed; its list of the ERP is wholly wrong at least once."""
    dice = random.Random(f"{seed}/plans")
    plans = [draw_plan(dice) for _ in range(rounds)]
    plans[rounds // 2] = replace(plans[rounds // 2], erp="empty")
    alone = {"live": True, "second": "", "priority": False}
    return [replace(plan, **alone) if plan.erp == "empty" else plan for plan in plans]
