"""Geometry of the charts, which the templates draw as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 220
LEFT, BOTTOM, TOP = 48, 24, 10
LABEL_EVERY = 90
"""Pixels between two labels below the columns."""
ROW = 40
ROW_WIDTH, NAME_WIDTH = 480, 150
"""Lying bars are narrow, so that a phone shows the whole of them in a legible size."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; ``series`` is its place among those of one label."""

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale, or a label below the columns."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw; ``shown`` is what stands below the label of each row."""

    width: float
    height: float
    bars: list[Bar]
    scale: list[Tick]
    labels: list[Tick]
    shown: list[Tick]


Series = Sequence[tuple[str, Sequence[float]]]
"""A label and its values, one of each series."""


def columns(data: Series) -> Chart:
    """Upright bars side by side, with a scale of round numbers."""
    top = nice_top(max((value for _, values in data for value in values), default=0))
    height = HEIGHT - TOP - BOTTOM
    step = (WIDTH - LEFT) / max(len(data), 1)
    bars, labels = [], []
    every = ceil(LABEL_EVERY / step)
    for place, (label, values) in enumerate(data):
        width = step * 0.8 / max(len(values), 1)
        for series, value in enumerate(values):
            tall = value / top * height
            x = LEFT + place * step + step * 0.1 + series * width
            bars.append(Bar(x, TOP + height - tall, width, tall, series, label, value))
        if place % every == 0:
            labels.append(Tick(LEFT + (place + 0.5) * step, label))
    scale = [Tick(TOP + height - height * part / 4, number(top * part / 4)) for part in range(5)]
    return Chart(WIDTH, HEIGHT, bars, scale, labels, [])


def rows(data: Series, unit: str = "") -> Chart:
    """Lying bars, the values of a label over each other, the largest value behind."""
    top = max((value for _, values in data for value in values), default=0) or 1
    room = ROW_WIDTH - NAME_WIDTH
    bars, labels, shown = [], [], []
    for place, (label, values) in enumerate(data):
        y = place * ROW
        for series, value in sorted(enumerate(values), key=lambda found: (-found[1], -found[0])):
            bars.append(Bar(NAME_WIDTH, y + 7, value / top * room, 26, series, label, value))
        labels.append(Tick(y + 17, label))
        shown.append(Tick(y + 33, " / ".join(map(number, values)) + unit))
    return Chart(ROW_WIDTH, max(len(data), 1) * ROW, bars, [], labels, shown)


def nice_top(most: float) -> float:
    """A round number that is not smaller, at least 4, and parts evenly in four."""
    if most <= 4:
        return 4
    size = 10.0 ** floor(log10(most))
    return next(size * part for part in (1, 1.2, 1.6, 2, 4, 6, 8, 10) if size * part >= most)


def number(value: float) -> str:
    """A number as people read it: no needless decimals, thousands apart."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
