"""What people's words on hits do, and whose word goes before whose; on a real file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from litellm_plugins.cache.backends.sqlite import SqliteCacheStore
from litellm_plugins.cache.backends.sqlite_pairs import SqlitePairs
from litellm_plugins.cache.reviewed import Reviewed, ServedHit, space_of
from litellm_plugins.cache.store import Entry, Neighbour
from litellm_plugins.proxy.stores import SCHEMA
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.fakes import FakeEmbedder

NOW, DAY_S = 1_800_000_000.0, 86_400.0
PAIR = b"p" * 16


@dataclass
class World:
    pairs: SqlitePairs
    reviewed: Reviewed
    store: SqliteCacheStore
    embedder: FakeEmbedder
    now: float = NOW


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = SqliteFile(tmp_path / "pack.db", schema=SCHEMA)
    store = SqliteCacheStore(file, max_bytes=10**7, clock=lambda: made.now)

    def clock() -> float:
        return made.now

    pairs = SqlitePairs(file, clock=clock)
    embedder = FakeEmbedder(lost=0.0, gone=14.0, missing=20.0)
    reviewed = Reviewed(
        store, pairs, lambda: None, space=lambda: "space", doubt_s=7 * DAY_S, embedder=embedder, clock=clock
    )
    made = World(pairs, reviewed, store, embedder)
    yield made
    await store.aclose()


def hit(tenant: str = "team:support") -> ServedHit:
    return ServedHit(tenant, "team:support", "c1", b"a" * 16, partition=b"q" * 32, pairs=(PAIR,))


async def test_an_end_user_takes_back_their_own_doubt_but_not_what_a_reviewer_said_of_that_pair(world: World) -> None:
    mine = await world.reviewed.wrong(hit(), by_reviewer=False)
    assert await world.reviewed.undone(hit(), mine, by_reviewer=False) == ("forgotten",)
    assert not await world.pairs.is_barred("team:support", [PAIR])

    await world.reviewed.wrong(hit(), by_reviewer=True)  # of an item of another request
    mine = await world.reviewed.wrong(hit(), by_reviewer=False)
    await world.reviewed.undone(hit(), mine, by_reviewer=False)
    world.now += 8 * DAY_S
    assert await world.pairs.is_barred("team:support", [PAIR])


class Taught:
    """The verifiers, as far as people's words go."""

    def __init__(self) -> None:
        self.labels: list[tuple[bool, str]] = []

    def of(self, _: str) -> Taught:
        return self

    async def told(self, _: object, *, right: bool, by: str) -> None:
        self.labels.append((right, by))


async def test_an_end_user_who_takes_back_a_thumb_has_the_last_word_on_its_label_too(world: World) -> None:
    taught, seen = Taught(), b"\0" * 4
    world.reviewed._verifiers = lambda: taught  # type: ignore[assignment,return-value]
    labelled = replace(hit(), features=seen, space=space_of("space"))
    mine = await world.reviewed.wrong(labelled, by_reviewer=False)
    assert await world.reviewed.undone(labelled, mine, by_reviewer=False) == ("forgotten", "labelled")
    assert taught.labels == [(False, "user"), (True, "user")]

    of_reviewer = await world.reviewed.wrong(labelled, by_reviewer=True)
    await world.reviewed.undone(labelled, of_reviewer, by_reviewer=True)  # whose next verdict teaches
    assert taught.labels[2:] == [(False, "reviewer")]


async def test_a_reviewer_takes_back_what_a_reviewer_said(world: World) -> None:
    done = await world.reviewed.wrong(hit(), by_reviewer=True)
    world.now += DAY_S
    await world.reviewed.undone(hit(), done, by_reviewer=True)
    assert not await world.pairs.is_barred("team:support", [PAIR])


@pytest.mark.parametrize("tenant", ["global", "everyone"])
async def test_where_all_share_a_user_s_word_does_nothing(world: World, tenant: str) -> None:
    assert await world.reviewed.wrong(hit(tenant), by_reviewer=False) == ()
    assert not await world.pairs.is_barred(tenant, [PAIR])


ENTRY = Entry(
    key=b"s" * 32, partition=b"q" * 32, question="lost", body=b"{}", model="m", provider="p", cost_nano_usd=7,
    prompt_tokens=1, completion_tokens=1, created_at=NOW, expires_at=NOW + DAY_S, answer_id=b"a" * 16,
    origin="team:support", tags=("docs",),
)  # fmt: skip
SERVED = replace(hit(), cache_id=ENTRY.cache_id, key=b"n" * 32)


async def stored(world: World, entry: Entry = ENTRY) -> None:
    vector = (await world.embedder.embed(entry.question or "")).vector
    await world.store.put("team:support", entry, vector=vector, space="space")


async def near(world: World, question: str) -> list[Neighbour]:
    vector = (await world.embedder.embed(question)).vector
    return await world.store.nearest("team:support", ENTRY.partition, vector, space="space", k=9)


async def test_an_answer_that_was_found_right_is_kept_under_that_question_too(world: World) -> None:
    await stored(world)
    assert "question_kept" in await world.reviewed.right(SERVED, question="gone")

    nearest, first = await near(world, "missing")
    assert (nearest.question, first.question) == ("gone", "lost")
    kept = await world.store.get("team:support", SERVED.key)
    assert kept == replace(ENTRY, key=SERVED.key, question="gone")  # its age, end, tags and origin: the answer's


async def test_a_changed_verdict_takes_the_question_out_again_but_not_what_came_in_its_place(world: World) -> None:
    await stored(world)
    done = await world.reviewed.right(SERVED, question="gone")
    assert "question_forgotten" in await world.reviewed.undone(SERVED, done, by_reviewer=True)
    assert await world.store.get("team:support", SERVED.key) is None

    done = await world.reviewed.right(SERVED, question="gone")
    await stored(world, replace(ENTRY, key=SERVED.key, question="gone", answer_id=b"b" * 16))
    assert "question_forgotten" not in await world.reviewed.undone(SERVED, done, by_reviewer=True)


@pytest.mark.parametrize(
    "served",
    [
        replace(SERVED, key=b""),  # its text is cut, or not kept, or its asker wants nothing stored
        replace(SERVED, is_curated=True),
        replace(SERVED, pairs=()),  # the very same question
        replace(SERVED, answer_id=b"b" * 16),  # another answer has come in its place
        replace(SERVED, cache_id="0" * 32),  # it is gone
        replace(SERVED, partition=b"r" * 32),  # of another model that is as good
    ],
)
async def test_a_question_is_not_kept_where_the_answer_is_not_this_question_s(world: World, served: ServedHit) -> None:
    await stored(world)
    assert "question_kept" not in await world.reviewed.right(served, question="gone")
    assert [each.question for each in await near(world, "gone")] == ["lost"]


async def test_a_question_that_has_an_answer_of_its_own_keeps_it(world: World) -> None:
    await stored(world)
    own = replace(ENTRY, key=SERVED.key, question="gone", answer_id=b"b" * 16)
    await stored(world, own)
    assert "question_kept" not in await world.reviewed.right(SERVED, question="gone")
    assert await world.store.get("team:support", SERVED.key) == own


@pytest.mark.parametrize("fault", ["broken", "partial"])
async def test_a_question_that_cannot_be_embedded_whole_is_not_kept(world: World, fault: str) -> None:
    await stored(world)
    setattr(world.embedder, fault, True)
    assert "question_kept" not in await world.reviewed.right(SERVED, question="gone")
