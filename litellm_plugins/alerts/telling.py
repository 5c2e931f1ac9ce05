"""Puts messages into the outbox, for each receiver; what was put a moment ago is not asked for again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from litellm_plugins.alerts.message import Message
from litellm_plugins.alerts.outbox import Item, Outbox

_MOST = 10_000  # keys that are known to be in the outbox
_KNOWN_MS = 300_000  # for so long nobody asks the outbox again


class Teller:
    """One for each worker. `put` is called once something new lies in the outbox."""

    def __init__(self, outbox: Outbox, targets: Sequence[str], *, put: Callable[[], None] = lambda: None) -> None:
        self._outbox, self._targets, self._put = outbox, tuple(targets), put
        self._known: OrderedDict[str, int] = OrderedDict()

    def knows(self, message: Message) -> bool:
        """Whether it was put a moment ago, for everybody."""
        return all(self._known.get(f"{target}|{message.key}", 0) > message.at_ms for target in self._targets)

    async def tell(self, message: Message) -> bool:
        """Whether it was new to any receiver. Raises: StoreUnavailable."""
        new = False
        for target in self._targets:
            key = f"{target}|{message.key}"
            if self._known.get(key, 0) > message.at_ms:
                continue
            item = Item(key, message.id, target, message.payload, message.until_ms)
            if await self._outbox.put(item, now_ms=message.at_ms):
                new = True
                self._put()
            self._known[key] = message.at_ms + _KNOWN_MS
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return new
