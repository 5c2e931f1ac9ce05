"""Who guesses waits: longer with each wrong guess from one address. Pure state, the time is handed in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_FREE = 3  # a key is mistyped
_LONGEST_S = 60.0
_FORGOTTEN_AFTER_S = 900.0
_MOST = 10_000  # addresses


class Attempts:
    """One for each worker."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and when the last was

    def wait_s(self, address: str) -> float:
        """For how long this address is not listened to; 0: it is."""
        many, then = self._failed.get(address, (0, 0.0))
        if many < _FREE:
            return 0.0
        return max(0.0, then + min(_LONGEST_S, 2.0 ** (many - _FREE)) - self._clock())

    def failed(self, address: str) -> None:
        """It guessed wrong."""
        now = self._clock()
        many, then = self._failed.pop(address, (0, now))
        self._failed[address] = (1 if now - then > _FORGOTTEN_AFTER_S else many + 1, now)
        if len(self._failed) > _MOST:
            self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """It knew."""
        self._failed.pop(address, None)
