"""Repeatable choices that follow from a seed, the same on every Python version."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """An endless row of choices. Two with the same seed make the same choices."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._drawn = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        self._drawn += 1
        return zlib.crc32(self._seed + self._drawn.to_bytes(4, "big")) % limit

    def choice(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]
