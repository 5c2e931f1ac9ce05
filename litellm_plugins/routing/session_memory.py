"""The conversations that a worker knows of, bounded; whoever has not been asked for the longest goes first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from litellm_plugins.routing.session import Held

_MOST = 20_000  # some 5 MB
_MOST_TOLD = 2_000  # at once: the newest


class SessionMemory:
    """By name, for as long as each is held. `clock` is in UNIX seconds: workers tell each other until when."""

    def __init__(self, *, most: int = _MOST, clock: Callable[[], float] = time.time) -> None:
        self._most, self.clock = most, clock
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._news: OrderedDict[bytes, Held] = OrderedDict()

    def keep(self, name: bytes, tier: str, model: str, tokens: int, ttl_s: float) -> None:
        """In place of what was held by that name. Without a tier it is not known where it went."""
        held = Held(tier, model, tokens, self.clock() + ttl_s)
        self._put(name, held)
        self._news[name] = held
        self._news.move_to_end(name)
        while len(self._news) > _MOST_TOLD:
            self._news.popitem(last=False)

    def news(self) -> dict[bytes, Held]:
        """What was kept since this was asked last; the newest of very much."""
        told, self._news = dict(self._news), OrderedDict()
        return told

    def learn(self, told: Mapping[bytes, Held]) -> None:
        """What another worker kept; whoever kept it later is right."""
        now = self.clock()
        for name, held in islice(told.items(), _MOST_TOLD):
            known = self._held.get(name)
            if held.until_s > now and (known is None or known.until_s < held.until_s):
                self._put(name, held)

    def first(self, names: Iterable[bytes]) -> tuple[bytes, Held] | None:
        """The first of them that is held still."""
        now = self.clock()
        for name in names:
            held = self._held.get(name)
            if held is not None and held.tier and held.until_s > now:
                self._held.move_to_end(name)
                return name, held
        return None

    def _put(self, name: bytes, held: Held) -> None:
        self._held[name] = held
        self._held.move_to_end(name)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
