"""What a prompt's beginning is known by: hashes of its lines, of long ones a sample. Pure.

A sample keeps the hashes that end in so many zero bits (FracMinHash: Irber et al. 2022,
doi:10.1101/2022.01.11.475838), so that two of them, of prompts of any lengths, have as large a share in common as the
prompts have, at the rate of the coarser one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_MOST = 64
_ALIKE = 0.5  # of the lines of the shorter beginning


@dataclass(frozen=True, slots=True)
class Sketch:
    """`level`: how many zero bits its hashes end in."""

    features: frozenset[bytes] = frozenset()
    level: int = 0

    def at(self, level: int) -> int:
        """How many there are at a coarser level."""
        return len(self.features) if level <= self.level else sum(_is_of(each, level) for each in self.features)

    def is_like(self, other: Sketch, shared: int) -> bool:
        """Where the two have so many in common."""
        level = max(self.level, other.level)
        return shared > 0 and shared >= _ALIKE * min(self.at(level), other.at(level))


def sketched(features: Iterable[bytes]) -> Sketch:
    """Of a beginning's lines; of many a sample."""
    kept, level = frozenset(features), 0
    while len(kept) > _MOST:
        level += 1
        kept = frozenset(each for each in kept if _is_of(each, level))
    return Sketch(kept, level)


def _is_of(feature: bytes, level: int) -> bool:
    return int.from_bytes(feature) % (1 << level) == 0
