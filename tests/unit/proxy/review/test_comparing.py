"""A nearly sure match that a fresh answer seemed to contradict: from cache to reviewer, and back to the verifier."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litellm_plugins.cache.backends.sqlite import SqliteCacheStore
from litellm_plugins.cache.backends.sqlite_labels import SqliteLabelStore
from litellm_plugins.cache.backends.sqlite_pairs import SqlitePairs
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.reviewed import Reviewed
from litellm_plugins.cache.second_looks import SecondLooks
from litellm_plugins.cache.verifier.features import NAMES
from litellm_plugins.cache.verifier.labels import SECOND_LOOK, domain_of
from litellm_plugins.cache.verifier.logistic import Model, fit
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.review import comparing, recording
from litellm_plugins.proxy.review.effects import HostEffects
from litellm_plugins.proxy.review.recording import Recorder
from litellm_plugins.proxy.stores import SCHEMA
from litellm_plugins.review.backends.sqlite_items import SqliteItems
from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.items import Verdict
from litellm_plugins.settings import Cache
from litellm_plugins.settings.review import Review
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.builders import answer, chat, reply
from tests.unit.cache.fakes import Clock, FakeEmbedder
from tests.unit.cache.test_layers_checks import Wording

ON = Cache.model_validate({"enabled": True, "semantic": {"max_error_rate": 0.01}})
TEAM = Identity(key_id="k", team_id="support")


@dataclass
class World:
    """The verifier takes "lost" and "gone" for the same, with 0.9 or so; each hit is checked."""

    file: SqliteFile
    wanted: Review = field(default_factory=lambda: Review(enabled=True))

    def __post_init__(self) -> None:
        clock = Clock()
        self.labels = SecondLooks(SqliteLabelStore(self.file))
        embedder = FakeEmbedder(lost=0.0, gone=14.0)
        plain = fit(np.eye(len(NAMES)), np.ones(len(NAMES)))
        prior = Model(plain.mean, plain.scale, np.append(np.zeros(len(plain.weights) - 1), 6.0))
        store, pairs = SqliteCacheStore(self.file, max_bytes=10**7, clock=clock), SqlitePairs(self.file)
        self.domain = domain_of(embedder.model_id)
        verifier = Verifier(self.labels, space=embedder.model_id, prior=prior, clock=clock, draw=lambda: 0.0)
        layers = CacheLayers(
            store=store, embedder=embedder, verifier=verifier, comparer=Wording(), clock=clock, pairs=pairs
        )
        items = SqliteItems(self.file, max_items=100)
        self.recorder = Recorder(items, self.wanted, space=lambda: layers.space, clock=clock)
        layers.tell_differences(self.recorder.differed)
        reviewed = Reviewed(store, pairs, lambda: layers.verifiers, space=lambda: layers.space, doubt_s=60, clock=clock)
        self.desk = ReviewDesk(items, HostEffects(reviewed), tell=lambda _: None, clock=clock)
        self.layers = layers

    async def ask(self, word: str, said: str, whose: Identity = TEAM) -> None:
        request: Request = replace(chat(word), identity=whose)
        verdict = await self.layers.look_up(request, ON)
        assert not verdict.is_hit
        await self.layers.remember(verdict, request, reply(answer(said)), ON)

    async def queue(self) -> list[dict[str, Any]]:
        await self.recorder.queue.flush()
        return await self.desk.queue(9)

    async def learnt(self) -> list[tuple[bool, str]]:
        return [(each.right, each.by) for each in await self.labels.newest_labels(self.domain, 9)]


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    made = SqliteFile(tmp_path / "pack.db", schema=SCHEMA)
    yield made
    await made.aclose()


async def test_a_reviewer_is_asked_and_overrules_the_comparison(file: SqliteFile) -> None:
    world = World(file)
    await world.ask("lost", "Call us.")
    await world.ask("gone", "Give us a call.")

    (shown,) = await world.queue()
    assert (shown["kind"], shown["why"], shown["trace_id"]) == ("comparison", "doubtful_label", "")
    assert (shown["question"], shown["matched_question"], shown["answer"]) == ("gone", "lost", "Call us.")
    assert await world.learnt() == [(False, "")]

    assert (await world.desk.judge(shown["id"], Verdict.RIGHT, "eve"))["effects"] == ["label_overruled"]
    assert await world.learnt() == [(True, SECOND_LOOK)]
    assert await world.queue() == []
    again = await world.desk.judge(shown["id"], Verdict.WRONG, "eve")  # she thinks better of it
    assert again["effects"] == ["label_confirmed"]
    assert await world.learnt() == [(False, SECOND_LOOK)]


async def test_nobody_is_asked_where_the_answers_agree(file: SqliteFile) -> None:
    world = World(file)
    await world.ask("lost", "Call us.")
    await world.ask("gone", "Call us.")
    assert await world.queue() == []


async def test_nobody_is_asked_where_the_match_was_unsure(file: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "DOUBTFUL_FROM", 0.99)
    world = World(file)
    await world.ask("lost", "Call us.")
    await world.ask("gone", "Give us a call.")
    assert await world.queue() == []
    assert await world.learnt() == [(False, "")]


async def test_nobody_is_asked_where_texts_are_not_kept(file: SqliteFile) -> None:
    world = World(file, wanted=Review(enabled=True, keep_text=False))
    await world.ask("lost", "Call us.")
    await world.ask("gone", "Give us a call.")
    assert await world.queue() == []
    assert await world.learnt() == [(False, "")]


async def test_a_worker_asks_so_often_a_day(file: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_A_DAY", 0)
    world = World(file)
    await world.ask("lost", "Call us.")
    await world.ask("gone", "Give us a call.")
    assert await world.queue() == []
