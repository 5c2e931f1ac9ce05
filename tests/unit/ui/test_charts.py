"""Columns as geometry."""

from __future__ import annotations

import pytest

from litellm_plugins.ui import words
from litellm_plugins.ui.charts import HEIGHT, columns, round_above


@pytest.mark.parametrize(("value", "above"), [(0, 1), (0.3, 0.3), (1, 1), (1.01, 1.5), (7, 8), (42, 50), (501, 600)])
def test_the_upper_line_is_a_round_number(value: float, above: float) -> None:
    assert round_above(value) == pytest.approx(above)


def test_pieces_stand_on_one_another_and_none_leaves_the_box() -> None:
    chart = columns({"exact": [1.0, 0.0], "semantic": [3.0, 5.0]}, ["a", "b"], write=words.usd)
    first, second = chart.columns
    assert (chart.top, chart.middle) == ("$5.00", "$2.50")
    assert [(piece.kind, piece.y, piece.height) for piece in first.pieces] == [
        ("exact", 80.0, 20.0),
        ("semantic", 20.0, 60.0),
    ]
    assert [(piece.y, piece.height) for piece in second.pieces] == [(0.0, HEIGHT)]
    assert second.told == "b: semantic $5.00"


def test_more_than_the_upper_line_is_cut_there() -> None:
    chart = columns({"exact": [0.8], "semantic": [0.8]}, ["a"], write=words.percent, most=1.0)
    assert sum(piece.height for piece in chart.columns[0].pieces) == pytest.approx(HEIGHT)


def test_half_of_a_scale_is_written_in_full() -> None:
    chart = columns(
        {"exact": [0.14]}, ["a"], write=words.percent, write_scale=words.percent_in_full, names={"exact": "same"}
    )
    assert (chart.top, chart.middle) == ("15%", "7.5%")
    assert chart.columns[0].told == "a: same 14%"


def test_nothing_is_said_to_be_nothing() -> None:
    assert not columns({}, ["a", "b"], write=words.usd).has_any
    assert not columns({"exact": [0.0, 0.0]}, ["a", "b"], write=words.usd).has_any


def test_few_labels_are_written_below() -> None:
    chart = columns({"exact": [1.0] * 30}, [str(day) for day in range(30)], write=words.usd)
    assert chart.labels == ("0", "10", "19", "29")
