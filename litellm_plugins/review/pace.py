"""How often one caller may speak: pure state, the time is handed in."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from litellm_plugins.errors import PluginError

_MOST_CALLERS = 10_000  # remembered; one who is forgotten begins with all that a minute holds


class TooOften(PluginError):
    """A key says more than it may."""

    code = "rate_limit_exceeded"
    retryable = True
    http_status = 429


class Pace:
    """So many a minute of each caller, as a bucket that fills again evenly; one for each worker."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was so

    def keep(self, caller: str) -> None:
        """Count one. Raises: TooOften."""
        now = self._clock()
        left, then = self._left.pop(caller, (float(self._most), now))
        left = min(self._most, left + (now - then) * self._most / 60)
        if left < 1:
            self._left[caller] = (left, now)
            wait_s = math.ceil((1 - left) * 60 / self._most)
            raise TooOften(f"a key may say {self._most} things a minute: try again in {wait_s} s")
        self._left[caller] = (left - 1, now)
        if len(self._left) > _MOST_CALLERS:
            self._left.popitem(last=False)
