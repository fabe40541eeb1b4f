"""What a benchmark finds out: figures beside their limit or rival, as a table and as JSON."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One line of the table.

    :param beside: the limit or the rival, measured in the same run; None where there is none.
    :param target: what the ratio, or else the value, must be at most or (``at_least``) at least.
    :param spread: smallest and largest of several runs, whose median the value is.
    """

    part: str
    name: str
    value: float
    unit: str
    beside: float | None = None
    beside_name: str = ""
    target: float | None = None
    at_least: bool = False
    spread: tuple[float, float] | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a share of what stands beside it."""
        return self.value / self.beside if self.beside else None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged >= self.target if self.at_least else judged <= self.target


def of_runs(part: str, name: str, values: Iterable[float], unit: str, **fields: Any) -> Figure:
    """The median of several runs with its spread."""
    found = sorted(values)
    return Figure(part, name, median(found), unit, spread=(found[0], found[-1]), **fields)


def table(figures: Iterable[Figure]) -> str:
    """The figures as text, a part after the other."""
    lines: list[str] = []
    part = ""
    for figure in figures:
        if figure.part != part:
            part = figure.part
            lines.append(f"\n{part}")
        lines.append(f"  {_line(figure)}")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    return {
        "processors": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def as_json(figures: Iterable[Figure]) -> str:
    """The figures and the machine, for other programs."""
    told = [asdict(each) | {"ratio": each.ratio, "is_met": each.is_met} for each in figures]
    return json.dumps({"machine": machine(), "figures": told}, indent=1)


def _line(figure: Figure) -> str:
    told = f"{figure.name:<52} {_number(figure.value):>9} {figure.unit:<14}"
    if figure.spread and figure.spread[0] != figure.spread[1]:
        told += f" [{_number(figure.spread[0])} .. {_number(figure.spread[1])}]"
    if figure.ratio is not None:
        told += f" = {figure.ratio:.2f} of {_number(figure.beside or 0)} ({figure.beside_name})"
    if figure.target is not None:
        sign = ">=" if figure.at_least else "<="
        told += f" target {sign} {_number(figure.target)}: {'met' if figure.is_met else 'NOT MET'}"
    return told + (f"  {figure.note}" if figure.note else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
