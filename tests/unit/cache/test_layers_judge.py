"""A judge takes seconds: what is learnt waits for it, what is stored does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.checks import Check
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.store import Selector
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Outcome, Request
from litellm_plugins.settings import Cache
from tests.unit.cache.builders import answer, chat, reply
from tests.unit.cache.fakes import Clock, FakeEmbedder, FakeStore

JUDGED: dict[str, Any] = {"threshold": 0.9, "judge": {"model": "mini"}}


class Bench:
    """Compares as `verdict` says, once it may; notes about which questions a judge might have been asked."""

    def __init__(self) -> None:
        self.verdict = True
        self.may = asyncio.Event()
        self.may.set()
        self.began = asyncio.Event()
        self.questions: list[str | None] = []

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool | None:
        self.questions.append(question)
        self.began.set()
        await self.may.wait()
        return self.verdict


@dataclass
class Cached:
    """ "lost" and "gone" are 0.97 alike; everything that could be served is answered afresh."""

    store: FakeStore = field(default_factory=FakeStore)
    bench: Bench = field(default_factory=Bench)
    heard: list[Check] = field(default_factory=list)
    kept: asyncio.Event = field(default_factory=asyncio.Event)  # it was said that the answer can be served

    def __post_init__(self) -> None:
        self.layers = CacheLayers(
            store=self.store,
            embedder=FakeEmbedder(lost=0.0, gone=14.0),
            comparer=self.bench,
            told=self.heard.append,
            clock=Clock(),
            draw=lambda: 0.0,
        )

    async def ask(self, request: Request, said: str, **policy: Any) -> Verdict:
        settings = Cache.model_validate({"enabled": True, "recheck_share": 1, "semantic": JUDGED} | policy)
        verdict = await self.layers.look_up(request, settings)
        await self.layers.remember(verdict, request, reply(answer(said)), settings, kept=self.kept.set)
        return verdict

    @property
    def stored(self) -> dict[str, str]:
        """What lies there, by question."""
        entries = (entry for entry, _, _ in self.store.entries.values())
        return {entry.question or "": text_of(orjson.loads(entry.body)) for entry in entries}

    @property
    def answer_ids(self) -> set[bytes]:
        return {entry.answer_id for entry, _, _ in self.store.entries.values()}


@pytest.fixture
async def cache() -> Cached:
    cached = Cached()
    await cached.ask(chat("lost"), "Block it in the app.")
    return cached


async def test_the_fresh_answer_is_stored_while_the_judge_thinks(cache: Cached) -> None:
    """Else the same question would be paid for again meanwhile, and whoever waits for the answer would wait on."""
    cache.bench.may.clear()
    cache.kept.clear()
    asking = asyncio.create_task(cache.ask(chat("gone"), "There is a button."))
    await cache.bench.began.wait()
    assert cache.stored == {"lost": "Block it in the app.", "gone": "There is a button."}
    assert cache.kept.is_set()
    assert cache.heard == []
    cache.bench.may.set()
    await asking
    assert [check.outcome for check in cache.heard] == [Outcome.RIGHT]


async def test_answers_that_the_judge_finds_the_same_are_known_as_one(cache: Cached) -> None:
    """Their votes add up; both stay, each with its own words."""
    await cache.ask(chat("gone"), "There is a button.")
    assert cache.stored == {"lost": "Block it in the app.", "gone": "There is a button."}
    assert len(cache.answer_ids) == 1
    assert cache.bench.questions == ["gone"]


async def test_what_the_judge_finds_wrong_goes_and_the_fresh_answer_stays(cache: Cached) -> None:
    """As with any recheck."""
    cache.bench.verdict = False
    await cache.ask(chat("gone"), "There is a button.")
    assert cache.stored == {"gone": "There is a button."}
    assert [check.outcome for check in cache.heard] == [Outcome.WRONG]


async def test_what_was_removed_while_the_judge_thought_does_not_come_back(cache: Cached) -> None:
    cache.bench.may.clear()
    asking = asyncio.create_task(cache.ask(chat("gone"), "There is a button."))
    await cache.bench.began.wait()
    await cache.store.remove(Selector(tenant="team:support"))
    cache.bench.may.set()
    await asking
    assert cache.stored == {}


async def test_in_the_shadow_nothing_is_stored_and_the_judge_is_asked(cache: Cached) -> None:
    await cache.ask(chat("gone"), "There is a button.", shadow=True)
    assert cache.stored == {"lost": "Block it in the app."}
    assert cache.bench.questions == ["gone"]


async def test_a_team_that_does_without_is_compared_without(cache: Cached) -> None:
    await cache.ask(chat("gone"), "There is a button.", semantic={"threshold": 0.9})
    assert cache.bench.questions == [None]
    assert len(cache.stored) == 2
    assert cache.store.calls.count("put") == 2


async def test_the_judge_hears_of_no_answer_that_somebody_else_had_given() -> None:
    """Whoever planted it could talk the judge into vouching for it."""
    cache = Cached()
    sales, colleague = (Identity(key_id=key, team_id="sales") for key in ("k2", "k3"))
    await cache.ask(chat("lost"), "Block it in the app.", scope="global")
    await cache.ask(chat("lost", identity=sales), "There is a button.", scope="global")
    assert cache.bench.questions == [None]
    await cache.ask(chat("lost", identity=colleague), "Press the button.", scope="global")
    assert cache.bench.questions == [None, "lost"]
