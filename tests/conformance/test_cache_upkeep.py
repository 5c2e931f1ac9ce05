"""What every keeper of `CacheStore` promises of entries that are kept longer, sought and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.store import CacheStore, Entry, Selector
from tests.conformance.conftest import Backend
from tests.conformance.entries import HOME, NOW, SPACE, at, entry, key_of

YEARS = 10 * 365 * 86_400.0
# Names that mean something to one query language or another, and neighbours that differ in very little.
ODD_NAMES = (
    "t", "T", "t ", "t,u", "t|u", "t}", "{t", "t*", "?", "%", "_", "-t", "@tenant", "(t)", "t:u", '["t","u"]', "'t'",
    '"t"', "\\t", "\\", "t\nu", "\x00", "tenant:{t}", "ü", "u\u0308", "团队", "👩\u200d👧", "inf", "nil", "t" * 500,
    "t" * 501,
)  # fmt: skip


async def put(store: CacheStore, *entries: Entry, tenant: str = "t") -> None:
    for each in entries:
        await store.put(tenant, each, vector=at(0), space=SPACE)


async def near(store: CacheStore, *, tenant: str = "t", k: int = 8) -> set[str]:
    """The questions of the neighbours in the usual partition."""
    return {n.question for n in await store.nearest(tenant, HOME, at(0), space=SPACE, k=k)}


async def extended(store: CacheStore, what: Entry, until: float, *, tenant: str = "t") -> None:
    """Extend, and return once it has effect: a store may do it by and by."""
    await store.extend(tenant, what.key, until)
    for _ in range(1_000):
        found = await store.get(tenant, what.key)
        if found is not None and found.expires_at == until:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the extension had no effect")


async def questions(store: CacheStore, **named: Any) -> list[str | None]:
    return [found.question for _, found in await store.find(Selector(**named), limit=100)]


# Longer lives


async def test_an_extended_entry_lives_on_in_both_layers(store: CacheStore, backend: Backend) -> None:
    """To the second that it then ends."""
    kept = entry("a", expires_at=NOW + 10)
    await put(store, kept)
    await extended(store, kept, NOW + 100)
    backend.clock.now = NOW + 99.9
    assert await store.get("t", kept.key) == replace(kept, expires_at=NOW + 100)
    assert await near(store) == {"a"}
    backend.clock.now = NOW + 100
    assert await store.get("t", kept.key) is None
    assert await near(store) == set()


async def test_an_extension_shortens_no_life(store: CacheStore) -> None:
    kept, other = entry("a", expires_at=NOW + 100), entry("b")
    await put(store, kept, other)
    await store.extend("t", kept.key, NOW + 50)
    await extended(store, other, NOW + 4_000)  # in its turn after the one above
    assert await store.get("t", kept.key) == kept


async def test_an_extension_neither_makes_nor_revives_an_entry(store: CacheStore, backend: Backend) -> None:
    """It comes from a hit, and the entry may be gone by the time that it arrives."""
    lapsed, other = entry("lapsed", expires_at=NOW + 1), entry("b")
    await put(store, lapsed, other)
    backend.clock.now = NOW + 2
    await store.extend("t", lapsed.key, NOW + 1_000)
    await store.extend("t", key_of("never put"), NOW + 1_000)
    await extended(store, other, NOW + 4_000)
    assert await store.get("t", lapsed.key) is None
    assert await store.get("t", key_of("never put")) is None
    assert await near(store) == {"b"}


async def test_an_extension_is_for_one_tenants_entry(store: CacheStore) -> None:
    await put(store, entry("a"), tenant="t")
    await put(store, entry("a"), tenant="u")
    await extended(store, entry("a"), NOW + 9_000, tenant="t")
    theirs = await store.get("u", key_of("a"))
    assert theirs is not None
    assert theirs.expires_at == NOW + 3_600


# Curated answers


async def test_a_pinned_entry_never_expires(store: CacheStore, other_worker: CacheStore, backend: Backend) -> None:
    """Whatever it says of its end: before now, soon, in ages."""
    for name, end in (("past", NOW - 5), ("soon", NOW + 5), ("late", NOW + 3 * YEARS)):
        await put(store, entry(name, pinned=True, expires_at=end))
    await put(store, entry("mortal"))
    backend.clock.now += YEARS
    for worker in (store, other_worker):
        assert await near(worker) == {"past", "soon", "late"}
        assert await worker.get("t", key_of("soon")) == entry("soon", pinned=True, expires_at=NOW + 5)
        assert set(await questions(worker, tenant="t")) == {"past", "soon", "late"}


async def test_a_pinned_entry_stays_pinned_when_it_is_extended(store: CacheStore, backend: Backend) -> None:
    kept = entry("a", pinned=True, expires_at=NOW + 5)
    await put(store, kept)
    await extended(store, kept, NOW + 50)
    backend.clock.now += YEARS
    assert await near(store) == {"a"}


async def test_an_entry_put_anew_is_pinned_no_more(store: CacheStore, backend: Backend) -> None:
    await put(store, entry("a", pinned=True), entry("a"))
    backend.clock.now += 3_600
    assert await store.get("t", key_of("a")) is None
    assert await near(store) == set()


async def test_a_very_long_life_is_a_life(store: CacheStore) -> None:
    kept = entry("a", expires_at=1e15)
    await put(store, kept)
    assert await store.get("t", kept.key) == kept
    assert await near(store) == {"a"}


# Found


async def test_what_is_found_is_whole_and_says_whose_it_is(store: CacheStore) -> None:
    kept = entry(
        "¿Dónde está?",
        body=bytes(range(256)),
        answer_id=bytes(range(16)),
        origin="key:7",
        model_group="gpt",
        namespace="es",
        tags=("order:42", "v:1"),
        volatility="faq",
        pinned=True,
    )
    await put(store, kept, tenant="team:x")
    assert await store.find(Selector(cache_id=kept.cache_id), limit=5) == [("team:x", kept)]
    (neighbour,) = await store.nearest("team:x", HOME, at(0), space=SPACE, k=1)
    assert (neighbour.answer_id, neighbour.origin, neighbour.created_at) == (kept.answer_id, "key:7", NOW)


async def test_what_was_put_last_is_found_first_and_no_more_than_the_limit(store: CacheStore) -> None:
    await put(store, *(entry(str(number)) for number in range(7)))
    await put(store, entry("2"))
    newest = [found.question for _, found in await store.find(Selector(tenant="t"), limit=4)]
    assert newest == ["2", "6", "5", "4"]


async def test_lapsed_entries_are_not_found(store: CacheStore, backend: Backend) -> None:
    await put(store, entry("short", expires_at=NOW + 1), entry("long"))
    backend.clock.now = NOW + 1
    assert await questions(store, tenant="t") == ["long"]


async def test_lapsed_entries_take_no_place_of_what_is_found(store: CacheStore, backend: Backend) -> None:
    await put(store, *(entry(f"long {number}", expires_at=NOW + 9) for number in range(3)))
    await put(store, *(entry(f"short {number}", expires_at=NOW + 1) for number in range(300)))
    backend.clock.now = NOW + 1
    found = await store.find(Selector(tenant="t"), limit=2)
    assert [each.question for _, each in found] == ["long 2", "long 1"]


async def test_entries_without_question_or_vector_are_found(store: CacheStore) -> None:
    await store.put("t", entry("a", question=None, tags=("x",)), vector=None, space="")
    assert [found.key for _, found in await store.find(Selector(tag="x"), limit=5)] == [key_of("a")]


async def filled(store: CacheStore) -> None:
    """Five entries that differ in everything a selector can name."""
    await put(
        store,
        entry("How do I RESET it?", tags=("order:42", "v:1"), model_group="small"),
        entry("¿DÓNDE ESTÁ?", tags=("order:4",), model_group="large", namespace="es"),
        entry("curated", pinned=True, tags=("order:42",), model_group="small", namespace="es"),
        entry("100 % (of 5*5?)", tags=("a,b", "c|d", "")),
    )
    await put(store, entry("How do I reset it?", model_group="small"), tenant="u")


SELECTORS: list[tuple[dict[str, Any], set[str]]] = [
    ({"tenant": "u"}, {"How do I reset it?"}),
    ({"tenant": ""}, set()),
    ({"cache_id": key_of("curated").hex()[:32]}, {"curated"}),
    ({"cache_id": key_of("curated").hex()[:31]}, set()),
    ({"cache_id": key_of("curated").hex()}, set()),
    ({"cache_id": "no id at all"}, set()),
    ({"cache_id": ""}, set()),
    ({"tag": "order:42"}, {"How do I RESET it?", "curated"}),
    ({"tag": "order:4"}, {"¿DÓNDE ESTÁ?"}),
    ({"tag": "order"}, set()),
    ({"tag": "ORDER:42"}, set()),
    ({"tag": "order:*"}, set()),
    ({"tag": "a,b"}, {"100 % (of 5*5?)"}),
    ({"tag": "a"}, set()),
    ({"tag": "c|d"}, {"100 % (of 5*5?)"}),
    ({"tag": ""}, {"100 % (of 5*5?)"}),
    ({"namespace": "es"}, {"¿DÓNDE ESTÁ?", "curated"}),
    ({"namespace": ""}, {"How do I RESET it?", "How do I reset it?", "100 % (of 5*5?)"}),
    ({"namespace": "e*"}, set()),
    ({"model_group": "large"}, {"¿DÓNDE ESTÁ?"}),
    ({"text": "reset IT"}, {"How do I RESET it?", "How do I reset it?"}),
    ({"text": "%"}, {"100 % (of 5*5?)"}),
    ({"text": "5*5?)"}, {"100 % (of 5*5?)"}),
    ({"text": "*"}, {"100 % (of 5*5?)"}),
    ({"text": "nobody asked this"}, set()),
    ({"text": "dónde está"}, {"¿DÓNDE ESTÁ?"}),
    ({"pinned": True}, {"curated"}),
    ({"pinned": False, "tag": "order:42"}, {"How do I RESET it?"}),
    ({"without_tag": "order:42", "tenant": "t"}, {"¿DÓNDE ESTÁ?", "100 % (of 5*5?)"}),
    ({"without_tag": "order:42", "tag": "v:1"}, set()),
    ({"tag": "order:42", "namespace": "es"}, {"curated"}),
    ({"tag": "order:42", "tenant": "u"}, set()),
    ({"model_group": "small", "text": "reset", "tenant": "u"}, {"How do I reset it?"}),
    ({"tenant": "t", "tag": "v:1", "namespace": "", "model_group": "small", "text": "HOW"}, {"How do I RESET it?"}),
]


@pytest.mark.parametrize(("named", "meant"), SELECTORS, ids=[str(named) for named, _ in SELECTORS])
async def test_what_a_selector_means_is_found_and_removed_and_nothing_else(
    store: CacheStore, other_worker: CacheStore, named: dict[str, Any], meant: set[str]
) -> None:
    await filled(store)
    everything = await _all(store)
    assert set(await questions(other_worker, **named)) == meant
    assert await store.count(Selector(**named)) == len(meant)
    assert await other_worker.remove(Selector(**named)) == len(meant)
    assert await questions(store, **named) == []
    assert await _all(store) == everything - meant
    assert await near(store) | await near(store, tenant="u") == everything - meant


@pytest.mark.parametrize("method", ["find", "remove"])
async def test_a_selector_that_names_nothing_is_refused(store: CacheStore, method: str) -> None:
    """It would mean everything."""
    await filled(store)
    arguments = {"limit": 5} if method == "find" else {}
    with pytest.raises(ValueError, match="names nothing"):
        await getattr(store, method)(Selector(), **arguments)
    assert len(await _all(store)) == 5


async def test_a_replaced_entry_is_known_by_what_it_says_now(store: CacheStore) -> None:
    """Not by the tags that its forerunner bore."""
    await put(store, entry("a", tags=("old", "both")), entry("a", tags=("both", "new")))
    assert await questions(store, tag="old") == []
    assert await store.remove(Selector(tag="old")) == 0
    assert await questions(store, tag="both") == await questions(store, tag="new") == ["a"]


# Removed


async def test_what_one_worker_removes_no_other_serves(store: CacheStore, other_worker: CacheStore) -> None:
    """At once: not from a connection that read before, not from an index that knew it."""
    await put(store, entry("a", tags=("x",)), entry("b"))
    assert await near(other_worker) == {"a", "b"}
    assert await store.remove(Selector(tag="x")) == 1
    assert await other_worker.get("t", key_of("a")) is None
    assert await near(other_worker) == {"b"}
    await put(store, entry("a"))
    assert await near(other_worker) == {"a", "b"}


async def test_any_number_of_entries_is_found_and_removed(store: CacheStore, other_worker: CacheStore) -> None:
    """More than any store answers at a time, as one or several pages."""
    for number in range(1_200):
        each = entry(str(number), tags=("odd" if number % 2 else "even",))
        await store.put("t", each, vector=None, space="")
    found = await store.find(Selector(tag="odd"), limit=5_000)
    assert len({each.key for _, each in found}) == len(found) == 600
    assert await other_worker.remove(Selector(text="1")) == sum("1" in str(number) for number in range(1_200))
    left = {str(number) for number in range(1_200) if "1" not in str(number)}
    assert {each.question for _, each in await store.find(Selector(tenant="t"), limit=5_000)} == left
    assert await store.remove(Selector(tenant="t")) == len(left)
    assert await store.find(Selector(tenant="t"), limit=5) == []


async def test_removing_beside_puts_fails_nobody(store: CacheStore, other_worker: CacheStore) -> None:
    async def write() -> None:
        for number in range(100):
            await put(store, entry(str(number), tags=("x",)))

    async def clear() -> None:
        for _ in range(20):
            await other_worker.remove(Selector(tag="x"))

    await asyncio.gather(write(), clear())
    await other_worker.remove(Selector(tag="x"))
    assert await store.find(Selector(tag="x"), limit=5) == []
    assert await near(store) == set()


# Whose they are


async def test_no_name_of_a_tenant_opens_anothers_entries(store: CacheStore) -> None:
    """The same question under the same key in the same partition, for tenants whose names are made to be mixed up."""
    for number, tenant in enumerate(ODD_NAMES):
        await put(store, entry("a", body=b"%d" % number, origin=str(number)), tenant=tenant)
    for number, tenant in enumerate(ODD_NAMES):
        kept = await store.get(tenant, key_of("a"))
        assert kept is not None
        assert kept.body == b"%d" % number
        neighbours = await store.nearest(tenant, HOME, at(0), space=SPACE, k=50)
        assert [neighbour.origin for neighbour in neighbours] == [str(number)]
        assert [whose for whose, _ in await store.find(Selector(tenant=tenant), limit=50)] == [tenant]
    assert await store.remove(Selector(tenant="t")) == 1
    assert _tenants(await store.find(Selector(text="a"), limit=50)) == set(ODD_NAMES) - {"t"}


def _tenants(found: Iterable[tuple[str, Entry]]) -> set[str]:
    return {tenant for tenant, _ in found}


async def _all(store: CacheStore) -> set[str]:
    return {q for tenant in ("t", "u") for q in await questions(store, tenant=tenant) if q is not None}
