"""A sink that counts finished calls: into a bounded queue at once, summed into the store every few seconds."""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.insight.bounding import Bounds
from litellm_plugins.insight.routes import RouteSums, RouteWords, route_sums
from litellm_plugins.insight.store import Batch, UsageStore
from litellm_plugins.insight.usage import FAILED, Example, Sums, Words, hour_of, saved_beside
from litellm_plugins.settings.insight import Insight
from litellm_plugins.telemetry import queue
from litellm_plugins.telemetry.events import CallFinished, Event, OwnSpent

_LOG = logging.getLogger(__name__)
QUEUE = "usage"
_REFUSED = "refused"  # why a call was dropped: the store takes others
_UNKNOWN_FAULT = "store_error"  # a driver's error of no name: perhaps what it was given is at fault
_ITEMS = 20_000
_AT_ONCE = 2_000
_TRIED_FOR_S = 900.0  # with one batch; then it is dropped, and counted as that
_EXAMPLES_AN_HOUR = 500
_OF_ONE_KIND = 3  # examples in an hour, and those much dearer than any before
_DEARER = 1.5
_LENGTH = 128  # of a word


Counted = CallFinished | OwnSpent


@dataclass(slots=True)
class _Part:
    """Calls that are added at once, and how; the latter once it is known."""

    calls: Sequence[Counted]
    batch: Batch | None = None


class UsageRecorder:
    """One for each worker. A batch whose reply was lost is given again under the same id, and counts once.

    What a store refuses that takes other things is halved until the call at fault stands alone, which is dropped.
    """

    def __init__(self, store: UsageStore, settings: Insight, *, clock_ms: Callable[[], int] | None = None) -> None:
        self._store, self._end_users = store, settings.end_users
        self._clock_ms = clock_ms or (lambda: time.time_ns() // 1_000_000)
        self._bounds, self._picker = Bounds(settings.top, settings.rows_per_hour), _Picker()
        self._first: Counted | None = None  # of what is in hand
        self._parts: list[_Part] = []  # of it, what is left; the last is next
        self._has_told = False
        tries = max(3, int(_TRIED_FOR_S / settings.flush_s))
        bounds = queue.Bounds(items=_ITEMS, batch=_AT_ONCE, every_s=settings.flush_s, tries=tries)
        self.queue: queue.BoundedQueue[Counted] = queue.BoundedQueue(QUEUE, self._add, bounds=bounds)

    def record(self, event: Event) -> None:
        """Keeps `Sink`."""
        if isinstance(event, CallFinished | OwnSpent):
            self.queue.put(event)

    async def _add(self, calls: Sequence[Counted]) -> None:
        if self._first is not calls[0]:
            self._first, self._parts = calls[0], [_Part(calls)]
        while self._parts:
            part = self._parts[-1]
            fault = await self._refusal(part)
            self._parts.pop()
            if fault is not None and len(part.calls) > 1:
                middle = len(part.calls) // 2
                self._parts += [_Part(part.calls[middle:]), _Part(part.calls[:middle])]
            elif fault is not None:
                self._drop(fault)
        self._first = None

    async def _refusal(self, part: _Part) -> Exception | None:
        """Why it cannot be added, ever; None: it is. Raises: what says that the store cannot do anything now."""
        try:
            part.batch = part.batch or self._batch(part.calls)
        except Exception as exc:  # noqa: BLE001 - whatever a call holds, others wait behind it
            return exc
        try:
            await self._store.add(part.batch, now_ms=self._clock_ms())
        except Exception as exc:
            if isinstance(exc, StoreUnavailable) and exc.reason != _UNKNOWN_FAULT:
                raise
            await self._store.add(Batch(uuid.uuid4().hex, {}), now_ms=self._clock_ms())  # or it is not the calls
            return exc
        return None

    def _drop(self, fault: Exception) -> None:
        self.queue.drop(_REFUSED)
        if not self._has_told:
            self._has_told = True
            kind = type(fault.__cause__ or fault).__name__  # its words may be a client's
            _LOG.warning("a call that cannot be counted was dropped (%s); further ones are dropped silently", kind)

    def _batch(self, told: Sequence[Counted]) -> Batch:
        sums: dict[tuple[int, Words], Sums] = {}
        routes: dict[tuple[int, RouteWords], RouteSums] = {}
        examples = []
        for each in told:
            call = each.call if isinstance(each, OwnSpent) else each
            at_ms = int(call.at_s * 1_000)
            hour = hour_of(at_ms)
            words = self._bounds.bounded(hour, self._words(call))
            prompt_cache = each.prompt_cache_nano_usd if isinstance(each, CallFinished) else 0
            of_history = _of_history(each)
            for under, one in saved_beside(words, _sums(each), prompt_cache_nano_usd=prompt_cache, history=of_history):
                before = sums.get((hour, under))
                sums[hour, under] = one if before is None else before.plus(one)
            if each is call and call.route:
                at = (hour, (_kept(call.route), call.ending))
                routes[at] = routes.get(at, RouteSums()).plus(route_sums(call))
            if each is call and call.trace_id and self._picker.wants(call, hour):
                examples.append(_example(call, at_ms))
        return Batch(uuid.uuid4().hex, sums, tuple(examples), routes)

    def _words(self, call: CallFinished) -> Words:
        return (
            call.endpoint,
            call.feature,
            call.team,
            call.user,
            call.end_user if self._end_users else "",
            call.key,
            call.model_group,
            call.model,
            call.deployment,
            call.provider,
            str(call.layer),
            call.ending,
        )


class _Picker:
    """Of each kind of call a few in an hour, and the dearest."""

    def __init__(self) -> None:
        self._hour, self._taken = -1, 0
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._dearest: dict[tuple[str, ...], int] = {}

    def wants(self, call: CallFinished, hour: int) -> bool:
        """Whether to keep this one."""
        if hour > self._hour:
            self._hour, self._taken = hour, 0
            self._counts.clear()
            self._dearest.clear()
        kind = (call.feature, call.team, call.model_group, "failed" if call.ending in FAILED else "")
        dearer = call.spent_nano_usd > _DEARER * self._dearest.get(kind, 0)
        if self._taken >= _EXAMPLES_AN_HOUR or (self._counts[kind] >= _OF_ONE_KIND and not dearer):
            return False
        self._taken += 1
        self._counts[kind] += 1
        self._dearest[kind] = max(call.spent_nano_usd, self._dearest.get(kind, 0))
        return True


def _sums(call: Counted) -> Sums:
    if isinstance(call, OwnSpent):  # in the hour and under the words of the request that it was for
        return Sums(own_nano_usd=call.nano_usd)
    return Sums(
        requests=1,
        prompt_tokens=call.prompt_tokens,
        cached_prompt_tokens=call.cached_prompt_tokens,
        completion_tokens=call.completion_tokens,
        spent_nano_usd=call.spent_nano_usd,
        own_nano_usd=call.own_nano_usd,
        saved_nano_usd=call.saved_nano_usd,
        saved_tokens=call.saved_tokens,
        took_ms=round(call.took_ms),
        first_token_ms=0 if call.first_token_ms is None else round(call.first_token_ms),
        first_tokens=int(call.first_token_ms is not None),
        attempts=call.attempts,
    )


def _of_history(call: Counted) -> Sums:
    """What leaving out old turns saved."""
    if isinstance(call, OwnSpent):  # a summary that came late
        return Sums(saved_nano_usd=-call.nano_usd if call.for_history else 0)
    return Sums(saved_nano_usd=call.history_nano_usd, saved_tokens=call.history_tokens)


def _example(call: CallFinished, at_ms: int) -> Example:
    return Example(
        at_ms=at_ms,
        trace_id=_kept(call.trace_id),
        call_id=_kept(call.call_id),
        feature=_kept(call.feature),
        team=_kept(call.team),
        user=_kept(call.user),
        key=_kept(call.key),
        model_group=_kept(call.model_group),
        model=_kept(call.model),
        ending=call.ending,
        spent_nano_usd=call.spent_nano_usd,
        prompt_tokens=call.prompt_tokens,
    )


def _kept(word: str) -> str:
    return word[:_LENGTH].encode("utf-8", "replace").decode()
