"""Moving entries to another embedding space: all of them and nothing else, and nothing else of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from litellm_plugins.cache.spaces import Elsewhere, SpaceStore
from litellm_plugins.cache.store import CacheStore, Selector
from tests.conformance.conftest import Backend
from tests.conformance.entries import HOME, NOW, SPACE, at, entry, key_of

NEW = "fake:2"


async def all_elsewhere(spaces: SpaceStore, space: str = NEW, *, limit: int = 100) -> list[Elsewhere]:
    found: list[Elsewhere] = []
    after: str | None = None
    while True:
        batch = await spaces.elsewhere(space, after=after, limit=limit)
        assert len(batch.found) <= limit
        found += batch.found
        if batch.after is None:
            return found
        after = batch.after


async def the_one(spaces: SpaceStore) -> Elsewhere:
    (found,) = await all_elsewhere(spaces)
    return found


async def near(store: CacheStore, degrees: float = 0, *, space: str = NEW, tenant: str = "t") -> list[str]:
    return [each.question for each in await store.nearest(tenant, HOME, at(degrees), space=space, k=9)]


async def test_what_has_a_question_in_another_space_is_found_with_its_words(
    store: CacheStore, spaces: SpaceStore
) -> None:
    await store.put("t", entry("old"), vector=at(0), space=SPACE)
    await store.put("other", entry("curated", pinned=True, expires_at=0.0), vector=at(0), space="fake:0")
    await store.put("t", entry("new"), vector=at(0), space=NEW)
    await store.put("t", entry("exact only", question=None), vector=None, space=SPACE)

    assert {(each.tenant, each.question) for each in await all_elsewhere(spaces)} == {
        ("t", "old"),
        ("other", "curated"),
    }
    assert await spaces.count_elsewhere(NEW) == 2
    assert await spaces.count_elsewhere(SPACE) == 2


async def test_where_all_lie_in_one_space_there_is_nothing_elsewhere(store: CacheStore, spaces: SpaceStore) -> None:
    assert await spaces.count_elsewhere(NEW) == 0
    await store.put("t", entry("new"), vector=at(0), space=NEW)
    assert await spaces.count_elsewhere(NEW) == 0
    assert await all_elsewhere(spaces) == []


async def test_many_are_found_batch_by_batch_each_once(store: CacheStore, spaces: SpaceStore) -> None:
    for n in range(23):
        await store.put("t", entry(str(n)), vector=at(0), space=f"fake:{n % 2 + 3}")
    found = await all_elsewhere(spaces, limit=5)
    assert sorted(each.question for each in found) == sorted(str(n) for n in range(23))


async def test_batches_go_on_where_the_last_one_ended_while_entries_are_moved(
    store: CacheStore, spaces: SpaceStore
) -> None:
    for n in range(10):
        await store.put("t", entry(str(n)), vector=at(n), space=SPACE)
    after, moved = None, []
    while True:
        batch = await spaces.elsewhere(NEW, after=after, limit=3)
        for each in batch.found[1:]:  # the first one of each batch stays behind
            assert await spaces.move(each, vector=at(0), space=NEW)
            moved.append(each.question)
        after = batch.after
        if after is None:
            break
    assert len(moved) == len(set(moved)) == 6
    assert {each.question for each in await all_elsewhere(spaces)} == {str(n) for n in range(10)} - set(moved)


async def test_a_moved_entry_is_near_in_its_new_space_only(store: CacheStore, spaces: SpaceStore) -> None:
    await store.put("t", entry("a"), vector=at(0), space=SPACE)
    assert await spaces.move(await the_one(spaces), vector=at(90), space=NEW)

    (found,) = await store.nearest("t", HOME, at(90), space=NEW, k=9)
    assert (found.question, round(found.similarity, 3)) == ("a", 1.0)
    assert await near(store, space=SPACE) == []
    assert await spaces.count_elsewhere(NEW) == 0
    assert await spaces.count_elsewhere(SPACE) == 1


async def test_who_has_searched_the_new_space_before_finds_what_is_moved_later(
    store: CacheStore, other_worker: CacheStore, spaces: SpaceStore
) -> None:
    """Entries that were stored before those which the indexes in memory know already."""
    await store.put("t", entry("old"), vector=at(0), space=SPACE)
    await store.put("t", entry("new"), vector=at(5), space=NEW)
    assert await near(store) == await near(other_worker) == ["new"]

    assert await spaces.move(await the_one(spaces), vector=at(0), space=NEW)
    assert await near(store) == await near(other_worker) == ["old", "new"]


async def test_nothing_else_of_a_moved_entry_changes(store: CacheStore, spaces: SpaceStore) -> None:
    kept = entry("a", tags=("x", "y"), answer_id=b"i" * 16, origin="team:1", namespace="n", volatility="faq")
    await store.put("t", kept, vector=at(0), space=SPACE)
    await store.extend("t", kept.key, NOW + 7_200)
    await store.put("t", entry("b"), vector=at(0), space=NEW)  # behind which that has been done
    before = await store.get("t", kept.key)

    assert await spaces.move(await the_one(spaces), vector=at(1), space=NEW)
    assert await store.get("t", kept.key) == before == replace(kept, expires_at=NOW + 7_200)
    assert await store.find(Selector(tag="y"), limit=9) == [("t", before)]
    stats = await store.stats()
    assert (stats.entries, stats.by["namespace"]) == (2, {"n": 1, "": 1})
    assert await store.remove(Selector(tag="x")) == 1


async def test_a_moved_entry_lapses_when_it_would_have(backend: Backend, store: CacheStore, spaces: SpaceStore) -> None:
    await store.put("t", entry("a", expires_at=NOW + 60), vector=at(0), space=SPACE)
    assert await spaces.move(await the_one(spaces), vector=at(0), space=NEW)
    backend.clock.now += 61
    assert await store.get("t", key_of("a")) is None
    assert await near(store) == []


async def test_a_longer_vector_takes_the_place_of_a_shorter_one(store: CacheStore, spaces: SpaceStore) -> None:
    await store.put("t", entry("a"), vector=at(0)[:2], space=SPACE)
    size = (await store.stats()).bytes
    assert await spaces.move(await the_one(spaces), vector=at(0), space=NEW)
    assert (await store.stats()).bytes == size + 8
    assert await near(store) == ["a"]


async def test_without_a_vector_it_is_near_to_nothing_until_another_space_reads_it(
    store: CacheStore, spaces: SpaceStore
) -> None:
    await store.put("t", entry("a"), vector=at(0), space=SPACE)
    assert await spaces.move(await the_one(spaces), vector=None, space=NEW)

    assert await near(store) == await near(store, space=SPACE) == []
    assert await store.get("t", key_of("a")) == entry("a")
    assert await spaces.count_elsewhere(NEW) == 0

    (found,) = await all_elsewhere(spaces, "fake:3")
    assert await spaces.move(found, vector=at(0), space="fake:3")
    assert await near(store, space="fake:3") == ["a"]


async def test_what_is_gone_does_not_come_back(backend: Backend, store: CacheStore, spaces: SpaceStore) -> None:
    await store.put("t", entry("removed"), vector=at(0), space=SPACE)
    await store.put("t", entry("lapsed", expires_at=NOW + 60), vector=at(0), space=SPACE)
    removed, lapsed = await all_elsewhere(spaces)
    await store.remove(Selector(cache_id=key_of("removed").hex()[:32]))
    assert not await spaces.move(removed, vector=at(0), space=NEW)
    assert await store.get("t", key_of("removed")) is None

    backend.clock.now += 61
    assert await all_elsewhere(spaces) == []
    await spaces.move(lapsed, vector=at(0), space=NEW)
    assert await store.get("t", key_of("lapsed")) is None
    assert await near(store) == []


async def test_what_was_put_anew_is_left_as_it_is(store: CacheStore, spaces: SpaceStore) -> None:
    await store.put("t", entry("a"), vector=at(0), space=SPACE)
    found = await the_one(spaces)
    await store.put("t", entry("a", body=b'"newer"'), vector=at(50), space=NEW)

    assert not await spaces.move(found, vector=at(0), space=NEW)
    (kept,) = await store.nearest("t", HOME, at(50), space=NEW, k=9)
    assert round(kept.similarity, 3) == 1.0
    answer = await store.get("t", key_of("a"))
    assert answer is not None
    assert answer.body == b'"newer"'


async def test_of_two_who_move_the_same_one_does(store: CacheStore, open_spaces: Callable[[], SpaceStore]) -> None:
    for n in range(20):
        await store.put("t", entry(str(n)), vector=at(n), space=SPACE)
    movers = [open_spaces() for _ in range(4)]
    found = await all_elsewhere(movers[0])
    moved = await asyncio.gather(*(mover.move(each, vector=at(0), space=NEW) for each in found for mover in movers))
    assert sum(moved) == 20
    assert len(await store.nearest("t", HOME, at(0), space=NEW, k=99)) == 20


async def test_what_is_removed_while_all_is_moved_stays_removed(store: CacheStore, spaces: SpaceStore) -> None:
    for n in range(60):
        await store.put("t", entry(str(n), tags=("x",)), vector=at(n), space=SPACE)

    async def move() -> None:
        for each in await all_elsewhere(spaces):
            await spaces.move(each, vector=at(0), space=NEW)

    await asyncio.gather(move(), *(store.remove(Selector(tag="x")) for _ in range(3)))
    assert await store.count(Selector(tenant="t")) == 0
    assert await near(store) == []


async def test_one_at_a_time_may_move(backend: Backend, open_spaces: Callable[[], SpaceStore]) -> None:
    one, other = open_spaces(), open_spaces()
    assert await one.claim("one", 60)
    assert not await other.claim("other", 60)
    assert await one.claim("one", 60)
    assert not await other.claim("other", 0)
    assert not await other.claim("other", 60)
    assert await one.claim("one", 0)
    assert await other.claim("other", 60)


async def test_a_claim_lapses_with_its_owner(backend: Backend, open_spaces: Callable[[], SpaceStore]) -> None:
    one, other = open_spaces(), open_spaces()
    assert await one.claim("one", 0.05)
    backend.clock.now += 0.1
    await asyncio.sleep(0.1)  # Redis has a clock of its own
    assert await other.claim("other", 60)
    assert not await one.claim("one", 60)


async def test_of_many_who_claim_at_once_one_may(open_spaces: Callable[[], SpaceStore]) -> None:
    workers = [open_spaces() for _ in range(8)]
    claimed = await asyncio.gather(*(each.claim(str(n), 60) for n, each in enumerate(workers)))
    assert sum(claimed) == 1
