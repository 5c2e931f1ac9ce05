"""Remembers what was served to whom, and takes in what end users say of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from litellm_plugins.errors import NotFound
from litellm_plugins.review.feedback import About, Said, Served, feedback_on, read, word
from litellm_plugins.telemetry.queue import BoundedQueue, Bounds
from litellm_plugins.telemetry.sinks.langfuse_spans import trace_id_of

if TYPE_CHECKING:
    from litellm_plugins.proxy.review.feedback_scores import Scores
    from litellm_plugins.review.feedback import FeedbackStore
    from litellm_plugins.review.pace import Pace
    from litellm_plugins.telemetry.events import Event

_BOUNDS = Bounds(items=20_000, batch=500, every_s=0.5, tries=3)
# An answer is remembered within a moment, by whichever worker gave it.
_LOOKS, _BETWEEN_S = 4, 0.4
_GOOD = 0.5  # a score from here on is a thumb up


class Heard(Protocol):
    """Who does something about what end users say."""

    async def __call__(self, names: Sequence[str], *, is_up: bool, tenant: str, served_at_s: float) -> tuple[str, ...]:
        """A thumb on the answer of these ids, which `tenant` was given then (UNIX seconds); what it did."""


class FeedbackDesk:
    """Remembers what was served to whom, and takes in what is said of it."""

    def __init__(
        self,
        store: FeedbackStore,
        scores: Scores,
        *,
        pace: Pace | None = None,
        keeps_comments: bool = True,
        heard: Heard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._scores, self._keeps_comments, self._clock = store, scores, keeps_comments, clock
        self._pace, self._heard = pace, heard
        self._served = BoundedQueue[Served]("served", store.serve, bounds=_BOUNDS)

    def start(self, tell: Callable[[Event], None]) -> None:
        """Begin to write in the background. Raises: RuntimeError where no loop runs."""
        self._served.start(tell)
        self._scores.queue.start(tell)

    async def aclose(self) -> None:
        """Write what is left."""
        await self._served.drain()
        await self._scores.aclose()

    def serve(self, served: Served) -> None:
        """Remember it, soon. Never waits."""
        self._served.put(replace(served, model_group=word(served.model_group), feature=word(served.feature)))

    async def take(self, given: Mapping[str, Any], *, by: str, tenant: str | None, traced: bool) -> dict[str, Any]:
        """Keep what is said. `tenant` is the speaker's, None for an admin.

        Raises: RequestError, TooOften, NotFound, NotTheirs, StoreUnavailable.
        """
        if self._pace is not None and tenant is not None:
            self._pace.keep(by)
        said = read(given)
        served = await self._find(said, tenant or "")
        feedback = feedback_on(said, served, by=by, tenant=tenant, at_s=self._clock())
        kept = feedback if self._keeps_comments else replace(feedback, comment="")
        is_new = await self._store.put(kept)
        effects: tuple[str, ...] = ()
        if self._heard is not None:
            names, is_up = (served.call_id, served.trace_id), feedback.value >= _GOOD
            effects = await self._heard(names, is_up=is_up, tenant=served.tenant, served_at_s=served.at_s)
        queued = traced and self._scores.put(feedback)
        return {
            "id": feedback.id,
            "trace_id": feedback.trace_id,
            "cache_id": feedback.cache_id or None,
            "value": feedback.value,
            "replaced": not is_new,
            "langfuse": "queued" if queued else "off",
            **({} if self._heard is None else {"effects": list(effects)}),
        }

    async def _find(self, said: Said, tenant: str) -> Served:
        target = said.target if said.about is About.CACHE else trace_id_of(said.target)
        names = {About.TRACE: (About.TRACE, About.CALL), About.CALL: (About.CALL,), About.CACHE: (About.CACHE,)}
        for look in range(_LOOKS):
            for about in names[said.about]:
                served = await self._store.find(about, target, tenant)
                if served is not None:
                    return served
            if look + 1 < _LOOKS:
                await asyncio.sleep(_BETWEEN_S)
        raise NotFound(f"no answer is known by that {said.about}: it was never given, or too long ago")
