"""One client request on its way through the host, as the event of its end will tell it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.amounts import NOTHING
from litellm_plugins.proxy.budgets.heard import Heard
from litellm_plugins.proxy.langfuse.said import Said

if TYPE_CHECKING:
    from litellm_plugins.budgets.amounts import Amounts
    from litellm_plugins.cache.own_calls import OwnCalls
    from litellm_plugins.model import StopRule
    from litellm_plugins.pipeline import Decision
    from litellm_plugins.proxy.budgets.held import Held
    from litellm_plugins.proxy.budgets.prices import Listing
    from litellm_plugins.proxy.calls.log import Logged
    from litellm_plugins.proxy.compression.replaced import Compressed, Shortened


@dataclass(frozen=True, slots=True)
class Fault:
    """What the host logs of a try that failed. Its hook of failures tells of most, and of the last of them only."""

    attempt: int
    exception: BaseException | None
    tell: Callable[[], None]  # to whoever waits for a hook


class Call:
    """Rides on the request's ticket, and goes with it: what nobody has reported by then is told as `gone`."""

    def __init__(
        self, decision: Decision, *, call_id: str, trace_id: str, at_s: float, lost: Callable[[Call], None]
    ) -> None:
        self.decision, self.call_id, self.trace_id, self.at_s = decision, call_id, trace_id, at_s
        self.started = time.perf_counter()
        self.owns: list[OwnCalls] = [decision.own]  # more than one where the host prepared it anew for a fallback
        self.held: Held | None = None
        self.kwargs: Mapping[str, Any] | None = None  # of the deployment that was asked last; let go of at the end
        self.compressed: Compressed | None = None  # as it went to a deployment
        self.history: Shortened | None = None  # the same
        self.prompt_cache_nano_usd: dict[str, int] = {}  # by the host's ids of a call and its answer
        self.left_at: list[Listing] = []  # deployments that were left while they worked: they have read the prompt
        self.attempts = 0
        self.route = ""  # of `Request`; a fallback is a part of it
        self.answered = self.streams = self.over = False
        self.stopped: StopRule | None = None  # why its stream was ended early
        self.failed_as: tuple[str, str, str] | None = None  # ending, reason and fault, as its client was told
        self.wants_usage = False  # its client asks to be told in its stream what it used
        self.answering = False  # the front route is at it: it knows whether there is still a client
        self.end: Callable[[], None] | None = None  # that waits for it
        self.gone = self.was_waited_for = False
        self.before = NOTHING  # paid for answers that were not served, where no budget knows
        self.awaited: set[str] = set()  # the tickets of such answers of which the host is still to tell
        self.tried: list[Logged] = []  # what it told of them
        self.hears_latest = False  # of several calls that were made for it
        self.has_asked_another = False  # to give a better answer
        self.said = Said()  # by the host, of what it cost
        self.paid: Amounts | None = None  # once it is over, for all calls that were made for it
        self.when_over: list[Callable[[], None]] = []
        self.fault: Fault | None = None  # that the host has logged last
        self._heard: Heard | None = None
        self._lost = lost

    @property
    def heard(self) -> Heard:
        """What was overheard of its stream."""
        if self.served_by is not None:
            return self.served_by.heard
        if self._heard is None:
            self._heard = Heard()
        return self._heard

    @property
    def served_by(self) -> Held | None:
        """What is held for the call whose answer its client gets."""
        return self.held.latest if self.held is not None and self.hears_latest else self.held

    @contextmanager
    def asking_another(self) -> Iterator[None]:
        """Another call is made for it, and listened to in place of the one before; unless it fails."""
        before = self.hears_latest, self._heard
        self.hears_latest, self._heard, self.has_asked_another = True, None, True
        try:
            yield
        except BaseException:
            self.hears_latest, self._heard = before
            raise

    @property
    def last_fault(self) -> Fault | None:
        """Of the last try; None: it has not failed, as far as the host has logged."""
        return self.fault if self.fault is not None and self.fault.attempt == self.attempts else None

    @property
    def is_going_on(self) -> bool:
        """Whether a call that was made for it is still to be settled, or told."""
        return bool(self.awaited) or (self.held is not None and self.held.is_going_on)

    @property
    def own_nano_usd(self) -> int:
        """What the pack's own calls for it have cost so far."""
        return sum(own.total_nano_usd for own in self.owns)

    @property
    def summaries_nano_usd(self) -> int:
        """What summaries of its old turns have cost so far, as a part of that."""
        return sum(own.for_history_nano_usd for own in self.owns)

    def again(self, decision: Decision) -> None:
        """The host prepares it anew, for a fallback."""
        self.decision, self.held = decision, None
        self.owns.append(decision.own)

    def __del__(self) -> None:
        """Nobody is left who could say how it ended."""
        if not self.over:
            self._lost(self)
