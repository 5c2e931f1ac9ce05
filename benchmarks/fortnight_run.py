"""One simulated fortnight: requests with known answers through the real cache, and a reviewer at the end of each day.

The pack's own parts, put together as the proxy does it, in one process and by a clock of their own: pipeline, layers,
verifier, SQLite store, recorder, desk, queue and what verdicts do. The group of a request stands for the answer that a
model would give. All that chance decides is drawn by a hash of seed and request, so that two reviewers of one seed
see the same arrival, the same checks, the same control sample and the same mistakes, as far as they do the same.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from benchmarks.fortnight_sums import Day
from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.backends import sqlite, sqlite_labels, sqlite_pairs
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.reviewed import EVICTED, LABEL_OVERRULED, LABELLED, Reviewed
from litellm_plugins.cache.second_looks import SecondLooks
from litellm_plugins.cache.verifier.labels import domain_of
from litellm_plugins.cache.verifier.prior import shipped_prior
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.evaluation.stream import Asked
from litellm_plugins.model import Identity, Reply, Request
from litellm_plugins.pipeline import Decision, Pipeline
from litellm_plugins.proxy.review.effects import HostEffects
from litellm_plugins.proxy.review.recording import Recorder
from litellm_plugins.proxy.stores import SCHEMA
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.review.backends.sqlite_items import SqliteItems
from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.items import Kind, Verdict, drawn, id_of
from litellm_plugins.settings import Cache, Policies
from litellm_plugins.settings.blocks import Settings
from litellm_plugins.settings.review import Review
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.telemetry.events import Telemetry

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder

NOBODY, RANDOM, RANDOM_HITS, QUEUE = "nobody", "random", "random-hits", "queue"
REVIEWERS = (NOBODY, RANDOM, RANDOM_HITS, QUEUE)
_A_DAY_S = 86_400.0
_BEGAN_S = 1_800_000_000.0
_LARGE = 1 << 40
_WHO = Identity(key_id="fortnight", team_id="fortnight")


@dataclass(frozen=True)
class Plan:
    """What is simulated."""

    reviewer: str
    seed: int
    days: int = 14
    a_day: int = 30  # items that are judged
    mistaken: float = 0.03  # of the verdicts
    label_noise: float = 0.03  # of the labels that fresh answers make
    promised: float = 0.01  # wrong answers per request


class _Clock:
    def __init__(self) -> None:
        self.now, self.request = _BEGAN_S, 0

    def __call__(self) -> float:
        return self.now


class _Ticket(Ticket):
    """With a word that is the same in each run: what is drawn for the control sample hangs on it."""

    def __new__(cls, decision: Decision, word: str = "") -> _Ticket:
        ticket = str.__new__(cls, word)
        ticket.decision, ticket.reviewed = decision, ""
        ticket.call = ticket.routed = ticket.compressed = None
        return ticket


class _Groups:
    """Two answers are the same if their groups are, but for a share of mistakes."""

    def __init__(self, noise: float, chance: Callable[[str], float]) -> None:
        self._noise, self._chance = noise, chance

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool:
        return (text_of(fresh) == text_of(orjson.loads(cached))) != (self._chance("noise") < self._noise)


async def simulate(
    asked: Sequence[Asked], plan: Plan, embedder: Embedder, progress: Callable[[], None] = lambda: None
) -> list[Day]:
    """The days of a stream that starts with an empty cache; `asked` in the order of arrival."""
    with tempfile.TemporaryDirectory(prefix="litellm-plugins-fortnight-") as folder:
        run = _Fortnight(plan, SqliteFile(Path(folder) / "cache.db", schema=SCHEMA), embedder)
        try:
            days = []
            for number in range(plan.days):
                first, last = (len(asked) * at // plan.days for at in (number, number + 1))
                days.append(await run.day(number, asked[first:last], progress))
            return days
        finally:
            await run.aclose()


class _Fortnight:
    def __init__(self, plan: Plan, file: SqliteFile, embedder: Embedder) -> None:
        self._plan, self._clock = plan, _Clock()
        settings = Settings(
            cache=Cache.model_validate(
                {
                    "enabled": True,
                    "ttl_s": 3 * plan.days * _A_DAY_S,  # nothing ends meanwhile
                    "max_ttl_s": 3 * plan.days * _A_DAY_S,
                    "lookup_timeout_ms": 600_000,
                    "semantic": {"max_error_rate": plan.promised},
                    "volatility": {"enabled": False},  # the groups say what is the same answer, whoever asks, whenever
                }
            ),
            review=Review(enabled=True),
        )
        store = sqlite.SqliteCacheStore(file, max_bytes=_LARGE, clock=self._clock)
        pairs = sqlite_pairs.SqlitePairs(file, clock=self._clock)
        self._labels = sqlite_labels.SqliteLabelStore(file)
        self._verifier = Verifier(
            SecondLooks(self._labels),
            space=embedder.model_id,
            prior=shipped_prior(embedder.model_id),
            clock=self._clock,
            draw=lambda: self._chance("check"),
        )
        layers = CacheLayers(
            store=store,
            embedder=embedder,
            verifier=self._verifier,
            comparer=_Groups(plan.label_noise, self._chance),
            clock=self._clock,
            pairs=None if plan.reviewer == NOBODY else pairs,
        )
        telemetry = Telemetry([])
        self._pipeline = Pipeline(policies=Policies(settings), cache=layers, telemetry=telemetry)
        self._items = SqliteItems(file, max_items=settings.review.max_items)
        self._recorder = Recorder(self._items, settings.review, space=lambda: layers.space, clock=self._clock)
        layers.tell_differences(self._recorder.differed)
        reviewed = Reviewed(
            store,
            pairs,
            lambda: layers.verifiers,
            space=lambda: layers.space,
            doubt_s=settings.review.doubt_days * _A_DAY_S,
            clock=self._clock,
        )
        self._desk = ReviewDesk(
            self._items,
            HostEffects(reviewed),
            tell=telemetry.emit,
            clock=self._clock,
            second_opinion_from=settings.review.second_opinion_from,
        )
        self._store, self._domain = store, domain_of(embedder.model_id)
        self._groups: list[str] = []  # of the requests so far
        self._asked_at: dict[float, int] = {}  # which request was at that time: a comparison bears no trace

    def _chance(self, what: str) -> float:
        return drawn(f"{self._plan.seed}/{what}/{self._clock.request}")

    async def day(self, number: int, asked: Sequence[Asked], progress: Callable[[], None]) -> Day:
        day, served = Day(requests=len(asked)), list[tuple[str, bool]]()
        for place, one in enumerate(asked):
            self._clock.now = _BEGAN_S + _A_DAY_S * (number + place / len(asked))
            self._clock.request = self._asked_at[self._clock.now] = len(self._groups)
            self._groups.append(one.group)
            ticket, answer = await self._ask(one)
            is_hit = ticket.decision.verdict.is_hit
            served.append((str(ticket), is_hit))
            day.hits += is_hit
            day.wrong += is_hit and answer != one.group
            progress()
        while self._recorder.queue.depth:
            await self._recorder.queue.flush()
        if self._recorder.queue.dropped:
            raise RuntimeError(f"the recorder dropped {self._recorder.queue.dropped}")
        self._clock.now = _BEGAN_S + _A_DAY_S * (number + 1) - 1
        await self._review(day, await self._chosen(number, served))
        day.labels = await self._labels.count_labels(self._domain)
        return day

    async def _ask(self, one: Asked) -> tuple[Ticket, str]:
        request = Request("chat", "model", ({"role": "user", "content": one.text},), {}, _WHO)
        decision = await self._pipeline.before_call(request)
        ticket = _Ticket(decision, f"{self._plan.seed}/{self._clock.request}")
        trace = f"{self._clock.request:032x}"
        self._recorder.served(ticket, trace, trace)
        if decision.verdict.entry is not None:
            return ticket, text_of(orjson.loads(decision.verdict.entry.body))
        body = {"choices": [{"message": {"role": "assistant", "content": one.group}, "finish_reason": "stop"}]}
        logged = {"response": body, "model_group": "model"}
        self._recorder.answered(ticket, {"standard_logging_object": logged, "litellm_call_id": trace})
        await self._pipeline.after_call(decision, Reply(body, "model", "provider", "model"))
        await self._verifier.settled()
        return ticket, one.group

    async def _chosen(self, number: int, served: Sequence[tuple[str, bool]]) -> list[str]:
        """The items that the reviewer judges today."""
        plan = self._plan
        if plan.reviewer == QUEUE:
            return [each["id"] for each in await self._desk.queue(plan.a_day)]
        of = {
            NOBODY: [],
            RANDOM: [word for word, _ in served],
            RANDOM_HITS: [word for word, is_hit in served if is_hit],
        }[plan.reviewer]
        chance = random.Random(f"{plan.seed}/{number}")
        return [id_of(word) for word in chance.sample(of, min(plan.a_day, len(of)))]

    async def _review(self, day: Day, ids: Sequence[str]) -> None:
        whys: Counter[str] = Counter()
        for id_ in ids:
            item = await self._items.find(id_)
            if item is None:
                raise RuntimeError("an item that was to be judged is gone")
            request = int(item.trace_id, 16) if item.trace_id else self._asked_at[item.at_s]
            is_right = item.answer == self._groups[request]
            again = "" if item.state.verdict is None else "/again"  # a second opinion is somebody else's
            is_mistaken = drawn(f"{self._plan.seed}/verdict/{request}{again}") < self._plan.mistaken
            verdict = Verdict.RIGHT if is_right != is_mistaken else Verdict.WRONG
            done = await self._desk.judge(id_, verdict, "reviewer")
            await self._verifier.settled()
            day.judged += 1
            day.mistakes += is_mistaken
            day.found += item.kind is Kind.HIT and not is_right and not is_mistaken and not again
            done_now = () if verdict is item.state.verdict else done["effects"]  # a second one who agrees does nothing
            day.evicted += EVICTED in done_now
            day.labelled += LABELLED in done_now
            day.overruled += LABEL_OVERRULED in done_now
            day.second += bool(again)
            whys[str(item.state.why) or "none"] += 1
        day.why = dict(whys)

    async def aclose(self) -> None:
        await self._verifier.aclose()
        await self._store.aclose()
