"""What the cache's own calls for a request cost: the embedding of its question, a judge's verdict on its answer.

They are made far below the request, some of them when it is long answered. So the request's tab is put where such a
call finds it, and whoever keeps the request's account reads the tab, or is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class OwnCalls:
    """The tab of one request."""

    __slots__ = ("_also", "_nano_usd", "_told", "for_history_nano_usd", "total_nano_usd")

    def __init__(self) -> None:
        self._nano_usd = 0
        self.total_nano_usd = 0  # of all that was ever put on it, taken or not
        self.for_history_nano_usd = 0  # of that, for summaries of old turns
        self._told: Callable[[OwnCalls], None] | None = None
        self._also: Callable[[int, bool], None] | None = None

    def add(self, nano_usd: int, *, for_history: bool = False) -> None:
        """A call was made for the request."""
        self._nano_usd += nano_usd
        self.total_nano_usd += nano_usd
        if for_history:
            self.for_history_nano_usd += nano_usd
        if self._also is not None and nano_usd:
            self._also(nano_usd, for_history)
        if self._told is not None and self._nano_usd:
            self._told(self)

    def take(self) -> int:
        """Nano-dollars since it was taken last."""
        taken, self._nano_usd = self._nano_usd, 0
        return taken

    def give_back(self, nano_usd: int) -> None:
        """Of what was taken: whoever took it has not paid it after all."""
        self._nano_usd += nano_usd

    def from_now_on(self, told: Callable[[OwnCalls], None]) -> None:
        """Have `told` called with it whenever there is something to take; at once, if there is already."""
        self._told = told
        if self._nano_usd:
            told(self)

    def tell_more(self, told: Callable[[int, bool], None]) -> None:
        """Have `told` called with each amount that comes from now on, whoever takes it; true: for history."""
        self._also = told


_tab: ContextVar[OwnCalls | None] = ContextVar("litellm_plugins_own_calls", default=None)


def tab() -> OwnCalls | None:
    """Of the request that is being worked for; None: of nobody's."""
    return _tab.get()


@contextmanager
def put_on(own: OwnCalls) -> Iterator[None]:
    """What is called meanwhile, and by tasks that begin meanwhile, goes on that tab."""
    token = _tab.set(own)
    try:
        yield
    finally:
        _tab.reset(token)
