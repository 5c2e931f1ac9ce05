"""A judge model's first opinion of served answers: kept beside them, and never acting by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.judge import Judge, JudgeUnavailable
from litellm_plugins.cache.judge_budget import JudgeBudget
from litellm_plugins.errors import PluginError, RequestError
from litellm_plugins.proxy.cache.host_judge import HostJudge
from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.given import limit_of
from litellm_plugins.review.items import Source
from litellm_plugins.review.opinions import RULES, case_of, verdict_in
from litellm_plugins.review.replay import one_each
from litellm_plugins.telemetry.events import StageFailed

if TYPE_CHECKING:
    from litellm_plugins.cache.judge import JudgeSpend
    from litellm_plugins.review.store import ItemStore
    from litellm_plugins.settings.judge import Judge as Wanted
    from litellm_plugins.telemetry.events import Event

STAGE = "review_judge"
_OF = " review"  # tells its spending from other judges'

Json = dict[str, Any]


class NoJudge(PluginError):
    """The settings name none."""

    code = "no_judge"
    http_status = 409


class HostOpinions:
    """One per worker. `judge` is asked in the place of the model that the settings name."""

    def __init__(
        self,
        wanted: Wanted | None,
        store: ItemStore,
        desk: ReviewDesk,
        spend: JudgeSpend,
        *,
        tell: Callable[[Event], None],
        judge: Judge | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._wanted, self._store, self._desk, self._tell = wanted, store, desk, tell
        self._judge = judge or (None if wanted is None else HostJudge(wanted.model))
        self._budget = None if wanted is None else JudgeBudget(spend, wanted.budget_nano_usd, of=_OF, clock=clock)

    async def run(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """`POST /plugins/review/judge`: about the queue, or with `judged` about what people have judged already.

        The first fault ends it; what was said until then is kept. Raises: NoJudge, RequestError, StoreUnavailable.
        """
        for name in given:
            if name not in ("limit", "judged"):
                raise RequestError(f"{name}: unknown; known here: limit, judged", param=name)
        if self._wanted is None or self._judge is None or self._budget is None:
            raise NoJudge("no judge is named: set review.judge.model")
        done: Json = {"right": 0, "wrong": 0, "unclear": 0, "no_text": 0, "cost_nano_usd": 0, "failed": ""}
        for id_ in await self._ids(limit_of(given), judged=bool(given.get("judged"))):
            item = await self._store.find(id_)
            case = None if item is None else case_of(item)
            if item is None or case is None:
                done["no_text"] += 1
                continue
            day = self._budget.today()
            if await self._budget.is_spent(day):
                return self._failed(done, "budget_spent", "until midnight (UTC)")
            try:
                said = await self._judge.ask(RULES, case)
            except JudgeUnavailable as exc:
                return self._failed(done, exc.reason, exc.detail)
            await self._budget.count(day, said.cost_nano_usd)
            done["cost_nano_usd"] += said.cost_nano_usd
            verdict = verdict_in(said.text)
            done["unclear" if verdict is None else str(verdict)] += 1
            if verdict is not None:
                await self._desk.judge(item.id, verdict, self._wanted.model, source=Source.JUDGE)
        return done

    async def _ids(self, limit: int, *, judged: bool) -> list[str]:
        """Of those without an opinion: a judge says a thing once."""
        if judged:
            known = await self._store.judged(since_s=0.0, team=None, tenant=None)
            return [i.id for i in one_each(known) if i.state.opinion is None][:limit]
        return [item["id"] for item in await self._desk.queue(limit) if item["opinion"] is None]

    def _failed(self, done: Json, reason: str, detail: str) -> Json:
        self._tell(StageFailed(STAGE, reason, detail))
        return {**done, "failed": reason}
