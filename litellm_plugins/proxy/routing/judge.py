"""Asking a cheap model which tier a conversation needs: remembered, bounded in time and number, paid by the request.

Whatever keeps it from naming a tier leaves the decision to the heuristic; the reason is told.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from litellm_plugins.cache.judge import JudgeUnavailable
from litellm_plugins.cache.own_calls import OwnCalls, tab
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.routing.judge import place_in
from litellm_plugins.storage.circuit import Circuit

if TYPE_CHECKING:
    from litellm_plugins.cache.judge import Judge
    from litellm_plugins.cache.judge_budget import JudgeBudget
    from litellm_plugins.settings.route_judge import RouteJudge

LATE, BUSY, FAILED, UNCLEAR = "judge_late", "judge_busy", "judge_failed", "judge_unclear"
SPENT = "judge_budget_spent"


@dataclass(frozen=True, slots=True)
class Named:
    """What came of asking: the place of the tier, or why there is none. Holds no text of anybody."""

    place: int | None
    reason: str = ""
    detail: str = ""


class TierJudge:
    """One for all requests of a worker."""

    def __init__(
        self,
        settings: RouteJudge,
        judge: Judge,
        *,
        budget: JudgeBudget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._judge, self._budget, self._clock = settings, judge, budget, clock
        self._known: OrderedDict[bytes, tuple[float, Named]] = OrderedDict()  # least recently used first
        self._calls: dict[bytes, asyncio.Task[Named]] = {}
        self._circuit = Circuit(clock=clock)

    async def ask(self, rules: str, case: str, tiers: int, *, tenant: str) -> Named:
        """Which of `tiers` it is. What one tenant had judged is remembered for that tenant alone."""
        key = hashlib.sha256("\0".join((tenant, rules, case)).encode("utf-8", "surrogatepass")).digest()
        known = self._remembered(key)
        if known is not None:
            return known
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) >= self._settings.at_once:
                return Named(None, BUSY)
            if (refusal := self._circuit.refusal()) is not None:
                return Named(None, refusal, "not asked: it failed a moment ago")
            # In a context of its own: nothing of the user's request (its trace, its call id) is to cling to this call.
            call = asyncio.create_task(self._call(key, rules, case, tiers, tab()), context=contextvars.Context())
            self._calls[key] = call
            call.add_done_callback(partial(self._over, key))
        # Not cancelled when it is late: the provider charges for it, and the next such question has its verdict.
        await asyncio.wait({call}, timeout=self._settings.timeout_s)
        if call.done():
            return call.result()
        self._circuit.failed(LATE, at_once=False)
        return Named(None, LATE)

    async def _call(self, key: bytes, rules: str, case: str, tiers: int, payer: OwnCalls | None) -> Named:
        began, day = self._clock(), "" if self._budget is None else self._budget.today()
        try:
            if self._budget is not None and await self._budget.is_spent(day):
                return Named(None, SPENT, "until midnight (UTC) the heuristic decides")
            said = await self._judge.ask(rules, case)
        except (JudgeUnavailable, StoreUnavailable) as exc:
            self._circuit.failed(FAILED, at_once=False)
            return Named(None, FAILED, str(exc))
        if self._clock() - began <= self._settings.timeout_s:
            self._circuit.succeeded()
        if payer is not None:
            payer.add(said.cost_nano_usd)
        if self._budget is not None:
            await self._budget.count(day, said.cost_nano_usd)
        place = place_in(said.text, tiers)
        named = Named(place, "" if place is not None else UNCLEAR)
        self._known[key] = (self._clock() + self._settings.remember_s, named)
        while len(self._known) > self._settings.remember:
            self._known.popitem(last=False)
        return named

    def _remembered(self, key: bytes) -> Named | None:
        until, named = self._known.get(key, (0.0, None))
        if named is None:
            return None
        if self._clock() >= until:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return named

    def _over(self, key: bytes, _: asyncio.Task[Named]) -> None:
        self._calls.pop(key, None)
