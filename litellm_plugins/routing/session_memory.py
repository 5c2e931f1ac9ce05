"""The conversations that a worker has seen of late, bounded; whoever has not been asked for the longest goes first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from litellm_plugins.routing.session import Held

_MOST = 20_000  # some 5 MB


class SessionMemory:
    """By name, for as long as each is held."""

    def __init__(self, *, most: int = _MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._held: OrderedDict[bytes, Held] = OrderedDict()

    def keep(self, name: bytes, tier: str, model: str, tokens: int, ttl_s: float) -> None:
        """In place of what was held by that name."""
        self._held[name] = Held(tier, model, tokens, self._clock() + ttl_s)
        self._held.move_to_end(name)
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def forget(self, name: bytes) -> None:
        """Where it went is not known."""
        self._held.pop(name, None)

    def first(self, names: Iterable[bytes]) -> tuple[bytes, Held] | None:
        """The first of them that is held still."""
        now = self._clock()
        for name in names:
            held = self._held.get(name)
            if held is not None and held.until_s > now:
                self._held.move_to_end(name)
                return name, held
        return None
