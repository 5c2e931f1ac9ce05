"""The review loop in the running proxy: recorder, desk, effects and report put together. One per worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm_plugins.errors import RequestError
from litellm_plugins.proxy.review.effects import HostEffects
from litellm_plugins.proxy.review.noted import noted_in
from litellm_plugins.proxy.review.opinions import HostOpinions
from litellm_plugins.proxy.review.promotions import note_scorers, promotions, word_of
from litellm_plugins.proxy.review.recording import Recorder
from litellm_plugins.proxy.review.sync import HostSync, reason_of
from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.given import kind_of, limit_of
from litellm_plugins.review.items import Why
from litellm_plugins.review.outcomes import is_whole, rows
from litellm_plugins.review.promotions import before_after
from litellm_plugins.review.rates import factors
from litellm_plugins.review.report import report
from litellm_plugins.review.resuming import Resuming
from litellm_plugins.review.sweeping import TextSweep
from litellm_plugins.review.taking_over import SAMPLE_DAYS
from litellm_plugins.routing.significance import proportions
from litellm_plugins.settings import promised_rates
from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import AnomalyFound, Event, StageFailed
from litellm_plugins.telemetry.sinks.langfuse_spans import trace_id_of

if TYPE_CHECKING:
    from litellm_plugins.cache.admin.audit import Journal
    from litellm_plugins.cache.judge import JudgeSpend
    from litellm_plugins.cache.reviewed import Reviewed
    from litellm_plugins.cache.verifier.standing import Standing
    from litellm_plugins.proxy.review.replay import HostReplay
    from litellm_plugins.review.store import ItemStore
    from litellm_plugins.review.sync_store import SyncStore
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry

_FOLLOW_EVERY_S = 10.0
_REST = 25  # times as long as the last look took: of a store with a million items it takes long
_LONGEST_DAYS = 3_650.0

Json = dict[str, Any]


class HostReview:
    """What the routes, the page and the stages see of it."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        settings: Settings,
        store: ItemStore,
        cache: Reviewed | None,
        telemetry: Telemetry,
        *,
        space: Callable[[], str],
        sync: SyncStore,
        replay: HostReplay,
        judge_spend: JudgeSpend,
        journal: Journal,
        standing: Callable[[], Awaitable[Standing]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._telemetry, self._clock = store, telemetry, clock
        self._journal, self._routing = journal, settings.routing
        self._standing, self._promised = standing, promised_rates(settings)
        self.recorder = Recorder(store, settings.review, space=space)
        self._rates: dict[tuple[str, str], float] = {}
        self._stale = asyncio.Event()
        effects = HostEffects(cache, rates_changed=self._stale.set)
        acts = settings.review.thumbs == "act"
        self.desk = ReviewDesk(
            store,
            effects,
            tell=telemetry.emit,
            thumbs_act=acts,
            second_opinion_from=settings.review.second_opinion_from,
            note=noted_in(journal, clock),
        )
        self._resuming = Resuming(self.desk, failed=self._failed, clock=clock)
        self.replay = replay
        tell = telemetry.emit
        self.opinions = HostOpinions(settings.review.judge, store, self.desk, judge_spend, tell=tell)
        self.sync = HostSync(settings.review.langfuse, sync, self.desk, store, tell=telemetry.emit)
        keep_s = settings.review.keep_days * 86_400
        self._sweep = TextSweep(store, keep_s=keep_s, failed=self._not_swept, clock=clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._pointing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Record beside the requests, and follow the rates. Raises: RuntimeError where no loop runs."""
        self.recorder.start(self._telemetry.emit)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follow()), loop.create_task(self._note_scorers())]
        self.sync.start()
        self._sweep.start()

    async def aclose(self) -> None:
        """Write what is left."""
        await self.sync.aclose()
        await self._sweep.aclose()
        await stop(*self._tasks, *self._pointing)
        await self.recorder.queue.drain()

    def rate_factor(self, feature: str, model_group: str) -> float:
        """What the share that is taken out of such a prompt is multiplied with: 1, or less after wrong answers."""
        return self._rates.get((feature, model_group), 1.0)

    # Sink of events

    def record(self, event: Event) -> None:
        """An anomaly points at its examples."""
        if isinstance(event, AnomalyFound):
            traces = event.told.get("traces")
            calls = [str(each.get("call_id") or "") for each in traces] if isinstance(traces, list) else []
            task = asyncio.get_running_loop().create_task(self._point_at([each for each in calls if each]))
            self._pointing.add(task)
            task.add_done_callback(self._pointing.discard)

    async def _point_at(self, calls: Sequence[str]) -> None:
        for call in calls:
            try:
                await self.desk.point_at([trace_id_of(call)], Why.ANOMALY)
            except Exception as exc:  # noqa: BLE001 - nobody waits for it
                self._failed(exc)

    # What is asked for

    async def queue(self, given: Mapping[str, Any]) -> Json:
        """`GET /plugins/review/queue`."""
        _known(given, ("limit", "kind", "team", "tenant"))
        team, tenant = given.get("team") or None, given.get("tenant") or None
        items = await self.desk.queue(limit_of(given), team, kind_of(given), tenant=tenant)
        return {"items": items}

    async def report(self, given: Mapping[str, Any]) -> Json:
        """`GET /plugins/review/report`: of the last `days`."""
        _known(given, ("days", "team", "tenant"))
        days, team, tenant = _days(given), given.get("team") or None, given.get("tenant") or None
        now_s = self._clock()
        since_s = now_s - days * 86_400
        sample = await self.desk.sample(days, team, tenant)
        judged = await self._store.judged(since_s=since_s, team=team, tenant=tenant)
        labels = {} if self._standing is None else {"verifier": (await self._standing()).labels}
        labels["of_people"] = sum("labelled" in (*i.state.effects, *i.state.thumb_effects) for i in judged)
        made = partial(report, sample, judged, compare=_compared, promised=self._promised, labels=labels)
        told = await asyncio.to_thread(made)  # a full store takes a while, and requests go on meanwhile
        known = await promotions(self._journal)
        compared = partial(before_after, sample, known, since_s=since_s, now_s=now_s, word_of=word_of)
        changed = await asyncio.to_thread(compared)
        return {"days": days, "team": team, **told, "promotions": changed, "rates": await self._told_rates(judged)}

    async def outcomes(self, given: Mapping[str, Any]) -> Json:
        """`GET /plugins/review/outcomes`: rows to train routers on."""
        _known(given, ("strong", "days"))
        since_s = self._clock() - _days(given, _LONGEST_DAYS) * 86_400
        judged = await self._store.judged(since_s=since_s, team=None, tenant=None)
        found = [await self._store.find(each.id) for each in judged if each.route and each.state.verdict]
        items = [each for each in found if each]
        left_out = sum(not is_whole(each) for each in items)
        return {"rows": rows(items, strong=str(given.get("strong") or "")), "left_out": left_out}

    async def _told_rates(self, judged: Sequence[Any]) -> list[Json]:
        return [
            {"feature": feature, "model_group": model, "factor": round(factor, 4)}
            for (feature, model), factor in sorted(factors(judged).items())
        ]

    async def _note_scorers(self) -> None:
        try:
            await note_scorers(self._journal, self._routing, self._clock)
        except Exception as exc:  # noqa: BLE001 - requests are routed all the same; the next start notes it
            self._failed(exc)

    async def _follow(self) -> None:
        """What the verdicts of all workers say of rates, and what nobody has carried out."""
        while True:
            began_s, took_s = time.monotonic(), 0.0
            try:
                judged = await self._store.judged(since_s=0.0, team=None, tenant=None)
                self._rates = await asyncio.to_thread(factors, judged)
                took_s = time.monotonic() - began_s  # without what is carried out, or waits for a store that is away
                await self._resuming.look(judged)
            except Exception as exc:  # noqa: BLE001 - what is known goes on holding
                self._failed(exc)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s(took_s)):
                    await self._stale.wait()
            self._stale.clear()

    def _not_swept(self, reason: str, detail: str) -> None:
        self._telemetry.emit(StageFailed("review", reason, detail))

    def _failed(self, exc: Exception) -> None:
        self._telemetry.emit(StageFailed("review", reason_of(exc), type(exc).__name__))


def rest_s(took_s: float) -> float:
    """Until verdicts are looked through again, where nobody calls: it takes 4 % of the time at most."""
    return max(_FOLLOW_EVERY_S, _REST * took_s)


def _compared(right: int, of: int, other_right: int, other_of: int) -> Mapping[str, Any] | None:
    tested = proportions(right, of, other_right, other_of)
    return None if tested is None else asdict(tested)


def _known(given: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in given:
        if name not in names:
            raise RequestError(f"{name}: unknown; known here: {', '.join(names)}", param=name)


def _days(given: Mapping[str, Any], default: float = SAMPLE_DAYS) -> float:
    try:
        days = float(given.get("days") or default)
    except (TypeError, ValueError):
        days = 0.0
    if not 0 < days <= _LONGEST_DAYS:
        raise RequestError("days: expected a number of days", param="days")
    return days
