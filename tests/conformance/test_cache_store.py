"""What every keeper of `CacheStore` promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from litellm_plugins.cache.store import CacheStore, Entry
from litellm_plugins.errors import StoreUnavailable
from tests.conformance.conftest import Backend
from tests.conformance.entries import HOME, SPACE, at, entry, key_of


async def put(store: CacheStore, what: Entry, degrees: float | None = None, *, tenant: str = "t") -> None:
    vector = None if degrees is None else at(degrees)
    await store.put(tenant, what, vector=vector, space=SPACE)


async def near(
    store: CacheStore,
    degrees: float = 0,
    *,
    tenant: str = "t",
    partition: bytes = HOME,
    space: str = SPACE,
    k: int = 8,
) -> list[str]:
    """The questions that lie nearest to an angle."""
    found = await store.nearest(tenant, partition, at(degrees), space=space, k=k)
    return [neighbour.question for neighbour in found]


async def test_an_empty_store_has_nothing(store: CacheStore) -> None:
    assert await store.get("t", key_of("a")) is None
    assert await near(store) == []


async def test_an_entry_comes_back_as_it_was_put(store: CacheStore) -> None:
    """Every field, with the largest numbers and every script."""
    kept = entry(
        "Wo ist 我的卡 👩‍👧?\n",
        body=bytes(range(256)) * 5_000,
        cost_nano_usd=2**53,
        prompt_tokens=2_000_000,
        created_at=1_700_000_000.123,
    )
    await put(store, kept, 0)
    assert await store.get("t", kept.key) == kept


async def test_an_entry_without_a_question_is_found_by_its_key_only(store: CacheStore) -> None:
    kept = entry("a", question=None)
    await put(store, kept)
    assert await store.get("t", kept.key) == kept
    assert await near(store) == []


async def test_the_same_entry_twice_is_one_entry(store: CacheStore) -> None:
    await put(store, entry("a"), 0)
    await put(store, entry("a"), 0)
    assert await near(store) == ["a"]


async def test_a_new_answer_takes_the_place_of_the_old_one(store: CacheStore) -> None:
    await put(store, entry("a"), 0)
    await near(store)
    fresh = entry("a", body=b"fresh", question="a, asked anew")
    await put(store, fresh, 0)
    assert await store.get("t", fresh.key) == fresh
    assert await near(store) == ["a, asked anew"]


async def test_an_entry_put_anew_without_a_vector_is_no_neighbour_any_more(store: CacheStore) -> None:
    """The refreshed answer calls a tool, say: the old words must not go on being served for paraphrases."""
    await put(store, entry("a"), 0)
    assert await near(store) == ["a"]
    await put(store, entry("a", question=None))
    assert await near(store) == []


async def test_neighbours_come_nearest_first_with_their_cosine(store: CacheStore) -> None:
    for degrees in (60, 0, 180, 30, 90):
        await put(store, entry(str(degrees)), degrees)
    found = await store.nearest("t", HOME, at(0), space=SPACE, k=8)
    assert [n.question for n in found] == ["0", "30", "60", "90", "180"]
    assert [n.key for n in found] == [key_of(n.question) for n in found]
    expected = [1, np.cos(np.radians(30)), 0.5, 0, -1]
    assert [n.similarity for n in found] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5, 9])
async def test_no_more_neighbours_come_than_were_asked_for(store: CacheStore, k: int) -> None:
    for degrees in range(0, 50, 10):
        await put(store, entry(str(degrees)), degrees)
    assert await near(store, k=k) == [str(degrees) for degrees in range(0, 50, 10)][:k]


async def test_a_neighbour_put_after_a_search_is_found_by_the_next(store: CacheStore) -> None:
    for count in range(1, 6):
        await put(store, entry(str(count)), 0)
        assert len(await near(store)) == count


async def test_no_call_sees_another_tenants_entries(store: CacheStore) -> None:
    """Not by the same key, not in the same partition."""
    await put(store, entry("a"), 0, tenant="t")
    await put(store, entry("b"), 0, tenant="u")
    for tenant, question, others in (("t", "a", "b"), ("u", "b", "a"), ("", None, "a"), ("T", None, "a")):
        assert await store.get(tenant, key_of(others)) is None
        assert await near(store, tenant=tenant) == ([question] if question else [])


async def test_tenants_of_one_key_do_not_replace_each_others_answers(store: CacheStore) -> None:
    await put(store, entry("a", body=b"mine"), 0, tenant="t")
    await put(store, entry("a", body=b"theirs"), 0, tenant="u")
    mine, theirs = await store.get("t", key_of("a")), await store.get("u", key_of("a"))
    assert mine is not None
    assert theirs is not None
    assert (mine.body, theirs.body) == (b"mine", b"theirs")


async def test_tenants_in_one_partition_do_not_hide_each_others_neighbours(store: CacheStore) -> None:
    """However their puts and searches interleave."""
    await put(store, entry("t1"), 0, tenant="t")
    await put(store, entry("u1"), 0, tenant="u")
    await put(store, entry("t2"), 0, tenant="t")
    assert sorted(await near(store, tenant="t")) == ["t1", "t2"]
    assert sorted(await near(store, tenant="u")) == ["u1"]
    for number in range(20):
        await put(store, entry(f"t-{number}"), 1, tenant="t")
    assert await near(store, tenant="u", k=2) == ["u1"]
    assert len(await near(store, tenant="t", k=8)) == 8


async def test_neighbours_are_of_one_partition(store: CacheStore) -> None:
    elsewhere = key_of("elsewhere")
    await put(store, entry("a"), 0)
    await put(store, entry("b", partition=elsewhere), 0)
    assert await near(store) == ["a"]
    assert await near(store, partition=elsewhere) == ["b"]
    assert await near(store, partition=key_of("nowhere")) == []


async def test_neighbours_are_of_one_space(store: CacheStore) -> None:
    """Vectors of two models mean nothing to each other, and may be of two lengths."""
    await store.put("t", entry("a"), vector=at(0), space="model:1")
    await store.put("t", entry("b"), vector=np.array([1, 0], np.float32), space="model:2")
    assert await near(store, space="model:1") == ["a"]
    assert await near(store, space="model:3") == []
    found = await store.nearest("t", HOME, np.array([1, 0], np.float32), space="model:2", k=8)
    assert [neighbour.question for neighbour in found] == ["b"]


async def test_a_lapsed_entry_is_gone_from_get_and_from_the_neighbours(store: CacheStore, backend: Backend) -> None:
    """To the second that its lifetime ends."""
    await put(store, entry("short", expires_at=backend.clock.now + 10), 0)
    await put(store, entry("long", expires_at=backend.clock.now + 1_000), 0)
    backend.clock.now += 9.9
    assert sorted(await near(store)) == ["long", "short"]
    backend.clock.now += 0.1
    assert await store.get("t", key_of("short")) is None
    assert await near(store) == ["long"]


async def test_a_lapsed_entry_put_anew_lives_again(store: CacheStore, backend: Backend) -> None:
    await put(store, entry("a"), 0)
    backend.clock.now += 3_601
    assert await near(store) == []
    await put(store, entry("a", expires_at=backend.clock.now + 10), 0)
    assert await near(store) == ["a"]
    assert await store.get("t", key_of("a")) is not None


async def test_any_number_of_lapsed_neighbours_hides_none_that_lives(store: CacheStore, backend: Backend) -> None:
    """A burst of one question, an hour ago, lies nearer than what was asked since."""
    for number in range(100):
        await put(store, entry(f"old {number}"), 0)
    await put(store, entry("young", expires_at=backend.clock.now + 10_000), 20)
    assert len(await near(store)) == 8
    backend.clock.now += 3_601
    assert await near(store) == ["young"]


async def test_a_closed_store_says_so(store: CacheStore) -> None:
    """A request that outlives the shutdown goes on without the cache."""
    await put(store, entry("a"), 0)
    await store.aclose()
    await store.aclose()
    for call in (store.get("t", key_of("a")), put(store, entry("b")), near(store)):
        with pytest.raises(StoreUnavailable):
            await call


async def test_entries_outlive_the_store_that_put_them(store: CacheStore, other_worker: CacheStore) -> None:
    """A restart keeps the cache warm, for both layers."""
    await put(store, entry("a"), 0)
    await store.aclose()
    assert await other_worker.get("t", key_of("a")) == entry("a")
    assert await near(other_worker) == ["a"]


async def test_workers_see_each_others_entries_at_once(store: CacheStore, other_worker: CacheStore) -> None:
    """Turn and turn about, after each has searched already."""
    for number in range(6):
        writer, reader = (store, other_worker) if number % 2 else (other_worker, store)
        await put(writer, entry(str(number)), number)
        assert await reader.get("t", key_of(str(number))) is not None
        assert len(await near(reader)) == number + 1


async def test_what_another_worker_replaced_is_served_as_replaced(store: CacheStore, other_worker: CacheStore) -> None:
    """By key and by neighbourhood: the old place of the question is empty."""
    await put(store, entry("a"), 0)
    assert await near(store) == ["a"]
    fresh = replace(entry("a"), body=b"fresh")
    await put(other_worker, fresh, 90)
    assert await store.get("t", key_of("a")) == fresh
    (found,) = await store.nearest("t", HOME, at(0), space=SPACE, k=8)
    assert found.similarity == pytest.approx(0, abs=1e-6)
