"""After a change of the embedder: what was stored is found again, slowly and without harm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from litellm_plugins.cache.backends import sqlite, sqlite_spaces
from litellm_plugins.cache.backends.encrypted import EncryptedStore
from litellm_plugins.cache.backends.encrypted_spaces import EncryptedSpaces
from litellm_plugins.cache.reembedding import Reembedder
from litellm_plugins.cache.spaces import SpaceStore
from litellm_plugins.cache.store import CacheStore, Selector
from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.storage.sqlite import SqliteFile
from tests.conformance.entries import HOME, entry, key_of
from tests.unit.cache.fakes import Clock, FakeEmbedder

OLD, NEW = "fake:1", "fake:2"
ANGLES = {"lost": 0.0, "gone": 14.0, "other": 60.0}


class Reader(FakeEmbedder):
    """Takes 10 ms a text, and does `before` each time; texts among `hard` it cannot read, those in `long` partly."""

    def __init__(self, clock: Clock, model_id: str = NEW) -> None:
        super().__init__(model_id=model_id, **ANGLES)
        self._clock = clock
        self.before: Callable[[str], object] = lambda text: None
        self.hard: set[str] = set()
        self.long: set[str] = set()

    async def embed(self, text: str) -> Embedding:
        self._clock.now += 0.01
        doing = self.before(text)
        if asyncio.iscoroutine(doing):
            await doing
        embedding = await super().embed(text)
        if text in self.hard:
            raise EmbedderUnavailable("provider_error")
        return Embedding(embedding.vector, partial=text in self.long)


@dataclass
class World:
    """A file with entries, and as many workers as a test wants; time passes where a worker sleeps."""

    path: Path
    keys: tuple[bytes, ...] = ()
    clock: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)
    asleep: Callable[[float], Awaitable[None] | None] = lambda _: None  # what else happens meanwhile

    def __post_init__(self) -> None:
        self.files: list[SqliteFile] = []
        self.store = self.open()[0]
        self.reader = Reader(self.clock)

    def open(self) -> tuple[CacheStore, SpaceStore]:
        self.files.append(SqliteFile(self.path, schema=(*sqlite.SCHEMA, *sqlite_spaces.SCHEMA)))
        store = sqlite.SqliteCacheStore(self.files[-1], max_bytes=10**8, clock=self.clock)
        spaces = sqlite_spaces.SqliteSpaces(self.files[-1], clock=self.clock)
        if not self.keys:
            return store, spaces
        encrypted = EncryptedStore(store, self.keys)
        return encrypted, EncryptedSpaces(spaces, encrypted)

    def mover(self, reader: Reader | None = None) -> Reembedder:
        return Reembedder(spaces=self.open()[1], embedder=reader or self.reader, clock=self.clock, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds
        doing = self.asleep(seconds)
        await (doing or asyncio.sleep(0))

    async def put(self, *questions: str, space: str = OLD, pinned: bool = False) -> None:
        embedder = FakeEmbedder(model_id=space, **ANGLES)
        for question in questions:
            vector = (await embedder.embed(question)).vector
            kept = entry(question, expires_at=self.clock.now + 10**6, pinned=pinned)
            await self.store.put("t", kept, vector=vector, space=space)

    async def near(self, text: str, space: str = NEW) -> list[str]:
        vector = (await FakeEmbedder(model_id=space, **ANGLES).embed(text)).vector
        return [each.question for each in await self.store.nearest("t", HOME, vector, space=space, k=9)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "cache.db")
    yield made
    for file in made.files:
        await file.aclose()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the log says."""
    caplog.set_level(logging.INFO, "litellm_plugins.cache.reembedding")
    return lambda: [record.getMessage() for record in caplog.records]


async def test_every_question_is_found_again_and_the_log_says_how_many(
    world: World, told: Callable[[], list[str]]
) -> None:
    await world.put("lost", "gone")
    await world.put("other", pinned=True)
    assert await world.near("lost") == []

    assert await world.mover().look()
    assert await world.near("lost") == ["lost", "gone", "other"]
    assert await world.near("lost", OLD) == []
    assert told() == [
        "re-embedding 3 questions for fake:2 in the background",
        "re-embedded 3 of 3 questions for fake:2",
    ]


async def test_where_nothing_is_to_be_done_nothing_is(world: World, told: Callable[[], list[str]]) -> None:
    await world.put("lost", space=NEW)
    mover = world.mover()
    assert await mover.look()
    assert await mover.look()
    assert (world.reader.asked, world.slept, told()) == ([], [], [])


async def test_a_second_look_does_nothing_twice(world: World) -> None:
    await world.put("lost", "gone")
    assert await world.mover().look()
    assert await world.mover().look()
    assert sorted(world.reader.asked) == ["gone", "lost"]


async def test_a_question_that_is_read_in_part_is_near_to_nothing_and_is_not_asked_again(world: World) -> None:
    await world.put("lost", "gone")
    world.reader.long = {"lost"}
    mover = world.mover()
    assert await mover.look()
    assert await mover.look()
    assert await world.near("lost") == ["gone"]
    assert sorted(world.reader.asked) == ["gone", "lost"]
    assert await world.store.get("t", key_of("lost")) is not None


async def test_a_fifth_of_the_time_goes_into_it(world: World) -> None:
    await world.put("lost", "gone", "other")
    began = world.clock.now
    assert await world.mover().look()
    assert sum(world.slept) == pytest.approx(3 * 0.04)
    assert world.clock.now - began == pytest.approx(3 * 0.05)

    await world.put("slow")
    world.reader.before = lambda _: setattr(world.clock, "now", world.clock.now + 15)
    assert await world.mover().look()
    assert world.slept[-1] == 10  # well within its claim


async def test_what_is_removed_or_put_anew_while_it_is_read_stays_so(
    world: World, told: Callable[[], list[str]]
) -> None:
    await world.put("lost", "gone", "other")

    async def meddle(text: str) -> None:
        if text == "lost":
            await world.store.remove(Selector(cache_id=key_of("lost").hex()[:32]))
        if text == "gone":
            await world.put("gone", space=NEW)
            world.clock.now += 1

    world.reader.before = meddle
    assert await world.mover().look()
    assert await world.store.get("t", key_of("lost")) is None
    assert await world.near("lost") == ["gone", "other"]
    assert told()[-1] == "re-embedded 1 of 3 questions for fake:2"


async def test_of_two_workers_one_does_it(world: World) -> None:
    names = [f"question {n}" for n in range(30)]
    await world.put(*names)
    one, other = Reader(world.clock), Reader(world.clock)
    done = await asyncio.gather(world.mover(one).look(), world.mover(other).look())
    assert sorted(done) == [False, True]
    assert sorted(one.asked + other.asked) == sorted(names)
    assert len(one.asked) in {0, 30}


async def test_a_worker_whose_claim_was_taken_over_stops(world: World) -> None:
    """It hung for so long that another one took it for dead."""
    await world.put("lost", "gone", "other")
    _, spaces = world.open()

    async def hang(text: str) -> None:
        if text == "gone":
            world.clock.now += 61
            assert await spaces.claim("another", 600)

    world.reader.before = hang
    assert not await world.mover().look()
    assert world.reader.asked == ["lost", "gone"]
    assert not await world.mover(Reader(world.clock)).look()


async def test_an_embedder_that_is_down_is_left_alone_and_asked_again_later(world: World) -> None:
    names = [f"question {n}" for n in range(20)]
    await world.put(*names)

    def down_from_the_tenth(text: str) -> None:
        world.reader.broken = len(world.reader.asked) in range(9, 15)

    world.reader.before = down_from_the_tenth
    await world.mover().run()
    assert set(await world.near("lost")) <= set(names)
    assert await world.open()[1].count_elsewhere(NEW) == 0
    assert len(world.reader.asked) == 20 + 6  # what was moved is not asked again
    assert [round(seconds) for seconds in world.slept if seconds >= 30] == [30, 60, 120, round(world.slept[-1])]


async def test_one_question_that_it_cannot_read_keeps_no_other_from_being_moved(world: World) -> None:
    await world.put("hard 1", "hard 2", "lost", "hard 3", "hard 4", "hard 5", "gone")
    world.reader.hard = {f"hard {n}" for n in range(1, 6)}
    mover = world.mover()
    with pytest.raises(EmbedderUnavailable):
        await mover.look()
    assert not await mover.look()
    assert await world.near("lost") == ["lost", "gone"]

    world.reader.hard = set()
    assert not await mover.look() or await world.open()[1].count_elsewhere(NEW) == 0
    assert await world.open()[1].count_elsewhere(NEW) == 0


async def test_a_store_that_cannot_be_written_costs_no_embedding_and_is_tried_again(
    world: World, told: Callable[[], list[str]]
) -> None:
    await world.put("lost")
    waits: list[float] = []

    def mended(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            assert world.reader.asked == []
            world.path.chmod(0o600)

    world.asleep = mended
    world.path.chmod(0o400)
    await world.mover().run()
    assert await world.near("lost") == ["lost"]
    assert world.reader.asked == ["lost"]
    assert [line.split(": ")[:2] for line in told()[:-2]] == [["re-embedding waits", "store_read_only"]]  # said once


async def test_what_a_worker_of_the_old_embedder_stored_since_is_moved_at_the_second_look(world: World) -> None:
    await world.put("lost")

    async def straggle(seconds: float) -> None:
        if seconds >= 900:
            await world.put("gone")

    world.asleep = straggle
    await world.mover().run()
    assert await world.near("lost") == ["lost", "gone"]


async def test_told_to_stop_it_stops_at_once_and_lets_another_go_on(world: World) -> None:
    names = [f"question {n}" for n in range(10)]
    await world.put(*names)
    reached = asyncio.Event()

    def hang_at_the_fifth(text: str) -> None:
        if len(world.reader.asked) == 4:
            world.reader.hanging = True
            reached.set()

    world.reader.before = hang_at_the_fifth
    mover = world.mover()
    mover.start()
    await reached.wait()
    await asyncio.wait_for(mover.aclose(), 5)
    assert await world.open()[1].count_elsewhere(NEW) == 6

    rested = Reader(world.clock)
    assert await world.mover(rested).look()
    assert len(rested.asked) == 6


async def test_the_log_says_now_and_then_how_far_it_is(world: World, told: Callable[[], list[str]]) -> None:
    await world.put("lost", "gone", "other")
    world.reader.before = lambda _: setattr(world.clock, "now", world.clock.now + 50)
    assert await world.mover().look()
    assert told()[1:] == [
        "so far re-embedded 1 of 3 questions for fake:2",
        "so far re-embedded 2 of 3 questions for fake:2",
        "re-embedded 3 of 3 questions for fake:2",
    ]


async def test_encrypted_questions_are_read_in_the_clear_and_lie_encrypted_as_before(tmp_path: Path) -> None:
    world = World(tmp_path / "cache.db", keys=(b"k" * 32,))
    await world.put("lost", "gone")
    try:
        assert await world.mover().look()
        assert sorted(world.reader.asked) == ["gone", "lost"]
        assert await world.near("lost") == ["lost", "gone"]
        kept = b"".join((tmp_path / f"cache.db{suffix}").read_bytes() for suffix in ("", "-wal"))
        assert b"lost" not in kept
    finally:
        for file in world.files:
            await file.aclose()


async def test_what_no_key_opens_is_left_and_not_talked_of(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    sealed, other = (World(tmp_path / "cache.db", keys=(key * 32,)) for key in (b"k", b"o"))
    await sealed.put("lost")
    try:
        assert await other.mover().look()
        assert (other.reader.asked, told()) == ([], [])
        assert await sealed.near("lost", OLD) == ["lost"]
    finally:
        for file in (*sealed.files, *other.files):
            await file.aclose()
