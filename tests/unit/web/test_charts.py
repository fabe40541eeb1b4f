"""Bars are as long as their values, and scales end at round numbers."""

import pytest

from shipment_tracking.web.charts import columns, nice_top, number, rows


def test_columns_are_as_tall_as_their_values():
    chart = columns([("a", (10, 20)), ("b", (0, 40))])

    heights = [bar.height for bar in chart.bars]
    assert heights[1] == pytest.approx(2 * heights[0])
    assert heights[2] == 0
    assert [tick.label for tick in chart.scale] == ["0", "10", "20", "30", "40"]
    assert all(bar.x + bar.width <= chart.width for bar in chart.bars)


def test_many_columns_share_few_labels():
    assert len(columns([(str(day), (1,)) for day in range(30)]).labels) < 10


def test_the_longest_bar_of_a_row_is_drawn_first():
    chart = rows([("a", (3, 9)), ("b", (5, 5))])

    assert [(bar.label, bar.series) for bar in chart.bars] == [
        ("a", 1),
        ("a", 0),
        ("b", 1),
        ("b", 0),
    ]
    assert chart.shown[0].label == "3 / 9"


@pytest.mark.parametrize("draw", [columns, rows])
def test_no_data_is_an_empty_chart(draw):
    assert draw([]).bars == []


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (3, 4), (5, 6), (17, 20), (101, 120), (999, 1000), (3651, 4000)]
)
def test_a_scale_ends_at_a_round_number(most, top):
    assert nice_top(most) == top


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1.25, "1.2"), (12.6, "13"), (1e4, "10,000")],
)
def test_numbers_are_short(value, shown):
    assert number(value) == shown
