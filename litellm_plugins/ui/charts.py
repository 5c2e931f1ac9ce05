"""Columns over time as geometry: the template writes it as SVG, by attributes and classes alone. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

HEIGHT = 100.0
STEP = 10.0  # of a column, with its gap
_WIDTH = 8.0
_ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)  # times a power of ten
_LABELS = 4  # under the columns, so that they have room on a phone


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a column."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One stretch of time. `told` is what it says in words, `values` what a table says."""

    x: float
    label: str
    pieces: tuple[Piece, ...]
    told: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it, in a box of `width` by `HEIGHT`, which is stretched to whatever room there is."""

    columns: tuple[Column, ...]
    kinds: tuple[str, ...]
    width: float
    top: str  # what the upper line stands for
    middle: str
    labels: tuple[str, ...]

    @property
    def column_width(self) -> float:
        """Of each."""
        return _WIDTH

    @property
    def has_any(self) -> bool:
        """Whether there is anything to see."""
        return any(column.pieces for column in self.columns)


def columns(
    series: Mapping[str, Sequence[float]],
    labels: Sequence[str],
    *,
    write: Callable[[float], str],
    write_scale: Callable[[float], str] | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
    most: float = 0.0,
) -> Chart:
    """Stacked, in the order of `series`: for each kind a value per label, none below 0.

    `names` is what kinds are called in words, `write_scale` how the lines' values are written, if not as all others.
    `most` is what the upper line stands for; 0: a round number above the highest column.
    """
    kinds = tuple(series)
    sums = [sum(series[kind][at] for kind in kinds) for at in range(len(labels))]
    top = most or round_above(max(sums, default=0.0))
    drawn = []
    for at, label in enumerate(labels):
        values = [series[kind][at] for kind in kinds]
        written = tuple(write(value) for value in values)
        told = ", ".join(
            f"{names.get(kind, kind)} {each}" for kind, value, each in zip(kinds, values, written, strict=True) if value
        )
        drawn.append(Column(at * STEP, label, _stacked(kinds, values, top), f"{label}: {told or write(0)}", written))
    width = max(1, len(labels)) * STEP
    on_scale = write_scale or write
    return Chart(tuple(drawn), kinds, width, on_scale(top), on_scale(top / 2), _some(labels))


def round_above(value: float) -> float:
    """The first round number that is no smaller."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return float(next(each * unit for each in _ROUND if each * unit >= value * (1 - 1e-9)))


def _stacked(kinds: Sequence[str], values: Sequence[float], top: float) -> tuple[Piece, ...]:
    pieces, below = [], 0.0
    for kind, value in zip(kinds, values, strict=True):
        height = min(HEIGHT - below, HEIGHT * value / top)
        if height > 0:
            pieces.append(Piece(kind, round(HEIGHT - below - height, 2), round(height, 2)))
            below += height
    return tuple(pieces)


def _some(labels: Sequence[str]) -> tuple[str, ...]:
    """The first, the last, and some between at even distances."""
    if len(labels) <= _LABELS:
        return tuple(labels)
    return tuple(labels[round(at * (len(labels) - 1) / (_LABELS - 1))] for at in range(_LABELS))
