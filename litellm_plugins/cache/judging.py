"""Comparing answers with the help of a judge model, within a budget.

The judge is asked only where nothing cheaper is certain, never by the way of a request, and never twice for one label.
Whatever keeps it from giving a clear verdict (no answer, another reply than one word, no money left) leaves the label
to the comparison by embedding, as if there were no judge: so nobody can keep an answer from being compared by making
the judge babble.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.answers import certainly, contradict, text_of
from litellm_plugins.cache.judge import RULES, JudgeUnavailable, case_of, verdict_in
from litellm_plugins.cache.judge_budget import JudgeBudget
from litellm_plugins.cache.own_calls import OwnCalls, tab
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import JudgeOutcome

if TYPE_CHECKING:
    from litellm_plugins.cache.answers import AnswerComparer
    from litellm_plugins.cache.judge import Judge, JudgeSpend

_AT_ONCE = 4  # calls of a worker; by so many the budget may be overrun, and only so many answers wait in memory


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one case. Holds no text of anybody."""

    outcome: JudgeOutcome
    cost_nano_usd: int = 0
    took_s: float = 0.0
    reason: str = ""  # why there is none, where something broke or ran out
    detail: str = ""


class JudgingComparer:
    """An `AnswerComparer` that asks a judge where the one inside would have to go by likeness.

    Args:
        inner: decides where the judge is not asked, or gives no clear verdict.
        spend: what was spent, shared by all workers.
        budget_nano_usd: of a day, UTC. What is under way when it is reached is still paid for.
        timeout_s: a later verdict is not used; it is paid for all the same, and so counted.
        told: is told of each case.
        clock: UNIX seconds.
    """

    def __init__(
        self,
        inner: AnswerComparer,
        judge: Judge,
        *,
        spend: JudgeSpend,
        budget_nano_usd: int,
        timeout_s: float,
        told: Callable[[Judgement], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner, self._judge, self._timeout_s, self._told = inner, judge, timeout_s, told
        self._budget = JudgeBudget(spend, budget_nano_usd, clock=clock)
        self._calls: set[asyncio.Task[bool | None]] = set()
        self._out_of_money = ""  # the day on which that was told

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool | None:
        """See `AnswerComparer`. Without a question no judge is asked."""
        one, other = text_of(fresh), text_of(orjson.loads(cached))
        if question is None or not one or not other:
            return await self._inner.same(fresh, cached)
        certain = False if contradict(one, other) else certainly(one, other)
        if certain is not None:
            return certain
        case = case_of(question, one, other)
        judged = None if case is None else await self._judged(case)
        return await self._inner.same(fresh, cached) if judged is None else judged

    async def _judged(self, case: str) -> bool | None:
        if len(self._calls) >= _AT_ONCE:
            self._told(Judgement(JudgeOutcome.BUSY))
            return None
        # In a context of its own: nothing of the user's request (its trace, its call id) is to cling to this call.
        call = asyncio.create_task(self._call(case, tab()), context=contextvars.Context())
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        # Not cancelled when it is late: the provider would charge for it, and nobody would have counted it.
        await asyncio.wait({call}, timeout=self._timeout_s)
        return call.result() if call.done() else None

    async def _call(self, case: str, payer: OwnCalls | None) -> bool | None:
        loop = asyncio.get_running_loop()
        began, day = loop.time(), self._budget.today()
        try:
            if await self._budget.is_spent(day):
                self._told(self._budget_spent(day))
                return None
            said = await self._judge.ask(RULES, case)
        except (JudgeUnavailable, StoreUnavailable) as exc:
            self._told(Judgement(JudgeOutcome.FAILED, took_s=loop.time() - began, reason=exc.reason, detail=str(exc)))
            return None
        took_s = loop.time() - began
        verdict = verdict_in(said.text)
        outcome = JudgeOutcome.LATE if took_s > self._timeout_s else _OUTCOMES[verdict]
        if payer is not None:
            payer.add(said.cost_nano_usd)
        broken = await self._budget.count(day, said.cost_nano_usd)
        self._told(Judgement(outcome, said.cost_nano_usd, took_s, *broken))
        return None if outcome is JudgeOutcome.LATE else verdict

    def _budget_spent(self, day: str) -> Judgement:
        first, self._out_of_money = self._out_of_money != day, day
        detail = "until midnight (UTC) labels go by embedding alone"
        return Judgement(JudgeOutcome.BUDGET_SPENT, reason="budget_spent" if first else "", detail=detail)


_OUTCOMES = {True: JudgeOutcome.SAME, False: JudgeOutcome.DIFFERENT, None: JudgeOutcome.UNCLEAR}
