"""One sum of a day by several sinks, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A sum, and what the log says of the same requests, where a sink does not hear of all.

    `slack`: how far they may be apart, by what docs/budget-calls.md promises of streams that broke.
    """

    found: int
    wanted: int
    slack: int = 0

    @property
    def agrees(self) -> bool:
        """Whether it is what the log says."""
        return abs(self.found - self.wanted) <= self.slack


@dataclass(frozen=True, slots=True)
class Row:
    """One sum by every sink that has it."""

    name: str
    unit: str  # calls, nano-dollars, tokens
    cells: Mapping[str, Cell]

    @property
    def agrees(self) -> bool:
        """Whether all of them say the same."""
        return all(cell.agrees for cell in self.cells.values())
