"""What these suites do with a store over and over. The time is the true one: the server's own clock takes part."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from litellm_plugins.cache.backends.redis import RedisCacheStore
from litellm_plugins.cache.store import Entry
from litellm_plugins.errors import StoreUnavailable
from tests.conformance.entries import HOME, SPACE, at, entry, key_of

HEALED_WITHIN_S = 10.0  # the longest pause of the circuit is 5 s


def lasting(name: str = "a", *, for_s: float = 3_600, **different: Any) -> Entry:
    """An entry that lives from now on."""
    return entry(name, **{"expires_at": time.time() + for_s, **different})


async def put(store: RedisCacheStore, *entries: Entry, degrees: float = 0) -> None:
    for each in entries:
        await store.put("t", each, vector=at(degrees), space=SPACE)


async def near(store: RedisCacheStore, *, k: int = 8) -> set[str]:
    return {n.question for n in await store.nearest("t", HOME, at(0), space=SPACE, k=k)}


async def refusal(store: RedisCacheStore) -> str:
    """Why neither layer can be asked, nor anything be stored: one reason for all three."""
    reasons = set()
    for call in (store.get("t", key_of("a")), near(store), put(store, lasting())):
        with pytest.raises(StoreUnavailable) as caught:
            await call
        reasons.add(caught.value.reason)
    (reason,) = reasons
    return reason


async def healed(store: RedisCacheStore, name: str = "healed") -> None:
    """Return once an answer can be stored and both layers find it; meanwhile only `StoreUnavailable` may be raised."""
    give_up_at = time.monotonic() + HEALED_WITHIN_S
    while True:
        try:
            await put(store, lasting(name))
            if await store.get("t", key_of(name)) is not None and name in await near(store):
                return
        except StoreUnavailable:
            pass
        assert time.monotonic() < give_up_at, "the store did not heal"
        await asyncio.sleep(0.05)
