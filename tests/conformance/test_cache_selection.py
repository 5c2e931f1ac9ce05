"""What every keeper of `CacheStore` promises to administrators beyond find and remove: counting, statistics."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.store import CacheStore, Selector, StoreStats
from tests.conformance.conftest import Backend
from tests.conformance.entries import NOW, SPACE, at, entry, key_of


async def filled(store: CacheStore) -> None:
    """Four entries that differ in everything a selector can name."""
    for tenant, name, different in (
        ("t", "How do I RESET it?", {"tags": ("order:42", "v:1"), "model_group": "small", "volatility": "faq"}),
        ("t", "¿DÓNDE ESTÁ?", {"tags": ("order:4",), "model_group": "large", "namespace": "es"}),
        ("t", "curated", {"pinned": True, "expires_at": NOW - 1, "tags": ("order:42",), "created_at": NOW - 50}),
        ("u", "How do I reset it?", {"model_group": "small", "created_at": NOW + 5}),
    ):
        kept = entry(name, **({"body": b"x" * 100} | different))
        await store.put(tenant, kept, vector=at(0), space=SPACE)


SELECTORS: list[tuple[dict[str, Any], set[str]]] = [
    ({"tag": "order:42"}, {"How do I RESET it?", "curated"}),
    ({"tag": "order:42", "pinned": False}, {"How do I RESET it?"}),
    ({"tag": "order:42", "without_tag": "v:1"}, {"curated"}),
    ({"tag": "order"}, set()),
    ({"pinned": True}, {"curated"}),
    ({"tenant": "t", "pinned": False}, {"How do I RESET it?", "¿DÓNDE ESTÁ?"}),
    ({"tenant": "t", "without_tag": "order:42"}, {"¿DÓNDE ESTÁ?"}),
    ({"text": "reset IT"}, {"How do I RESET it?", "How do I reset it?"}),
    ({"text": "dónde está"}, {"¿DÓNDE ESTÁ?"}),
    ({"text": "%"}, set()),
    ({"namespace": "es"}, {"¿DÓNDE ESTÁ?"}),
    ({"model_group": "small", "tenant": "u"}, {"How do I reset it?"}),
    ({"cache_id": key_of("curated").hex()[:32]}, {"curated"}),
    ({"cache_id": key_of("curated").hex()[:32], "tenant": "u"}, set()),
    ({"cache_id": "no id at all"}, set()),
    ({"cache_id": ""}, set()),
]


@pytest.mark.parametrize(("given", "named"), SELECTORS, ids=[str(given) for given, _ in SELECTORS])
async def test_what_a_selector_names_is_found_counted_and_removed_and_nothing_else(
    store: CacheStore, other_worker: CacheStore, given: dict[str, Any], named: set[str]
) -> None:
    await filled(store)
    selector = Selector(**given)
    assert {e.question for _, e in await other_worker.find(selector, limit=10)} == named
    assert await other_worker.count(selector) == len(named)
    assert (await store.stats()).entries == 4
    assert await other_worker.remove(selector) == len(named)
    assert await store.count(selector) == 0
    assert (await store.stats()).entries == 4 - len(named)


@pytest.mark.parametrize("method", ["find", "count", "remove"])
async def test_a_selector_that_names_nothing_is_refused(store: CacheStore, method: str) -> None:
    """It would name everything."""
    await filled(store)
    arguments = {"limit": 5} if method == "find" else {}
    with pytest.raises(ValueError, match="names nothing"):
        await getattr(store, method)(Selector(), **arguments)
    assert (await store.stats()).entries == 4


async def test_the_statistics_add_up_what_lives(store: CacheStore, backend: Backend) -> None:
    assert await store.stats() == StoreStats(by={"tenant": {}, "namespace": {}, "model_group": {}, "volatility": {}})
    await filled(store)
    await store.put("t", entry("lapsed", expires_at=NOW + 1), vector=None, space=SPACE)
    backend.clock.now = NOW + 2
    told = await store.stats()
    assert (told.entries, told.pinned, told.oldest, told.newest) == (4, 1, NOW - 50, NOW + 5)
    assert 400 < told.bytes < 4_000
    assert told.by == {
        "tenant": {"t": 3, "u": 1},
        "namespace": {"": 3, "es": 1},
        "model_group": {"small": 2, "large": 1, "": 1},
        "volatility": {"": 3, "faq": 1},
    }


async def test_a_thousand_entries_go_at_once_for_every_worker(store: CacheStore, other_worker: CacheStore) -> None:
    for number in range(1_100):
        tags = ("odd",) if number % 2 else ()
        await store.put("t", entry(str(number), tags=tags), vector=None, space=SPACE)
    assert await other_worker.remove(Selector(tag="odd")) == 550
    assert await store.get("t", key_of("1")) is None
    assert await store.get("t", key_of("0")) is not None
    assert await store.remove(Selector(pinned=False)) == 550
