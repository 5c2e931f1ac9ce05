"""What people's words on hits do, and whose word goes before whose; on a real file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from litellm_plugins.cache.backends.sqlite import SqliteCacheStore
from litellm_plugins.cache.backends.sqlite_pairs import SqlitePairs
from litellm_plugins.cache.reviewed import Reviewed, ServedHit, space_of
from litellm_plugins.cache.store import Entry, Selector
from litellm_plugins.proxy.stores import SCHEMA
from litellm_plugins.storage.sqlite import SqliteFile

NOW, DAY_S = 1_800_000_000.0, 86_400.0
PAIR = b"p" * 16


@dataclass
class World:
    store: SqliteCacheStore
    pairs: SqlitePairs
    reviewed: Reviewed
    now: float = NOW


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = SqliteFile(tmp_path / "pack.db", schema=SCHEMA)

    def clock() -> float:
        return made.now

    store, pairs = SqliteCacheStore(file, max_bytes=10**7, clock=clock), SqlitePairs(file, clock=clock)
    made = World(
        store, pairs, Reviewed(store, pairs, lambda: None, space=lambda: "space", doubt_s=7 * DAY_S, clock=clock)
    )
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


STORED = Entry(
    key=b"k" * 32, partition=b"q" * 32, question="How?", body=b"{}", model="m", provider="p", cost_nano_usd=0,
    prompt_tokens=1, completion_tokens=1, created_at=NOW, expires_at=NOW + DAY_S, answer_id=b"a" * 16,
)  # fmt: skip


@pytest.mark.parametrize(
    ("there", "done"),
    [
        (STORED, ("remembered", "evicted")),
        # Under the id of an older answer that says the same.
        (replace(STORED, answer_id=b"o" * 16, created_at=NOW + 2), ("remembered", "evicted")),
        # Somebody has had it answered anew since.
        (replace(STORED, answer_id=b"o" * 16, created_at=NOW + 60), ("remembered",)),
        (None, ("remembered",)),
    ],
)
async def test_a_fresh_answer_that_was_found_wrong_is_served_to_nobody_else(
    world: World, there: Entry | None, done: tuple[str, ...]
) -> None:
    if there is not None:
        await world.store.put("team:support", there, vector=None, space="")
    world.now += 120
    fresh = replace(hit(), cache_id=STORED.cache_id, stored_at_s=NOW)
    assert await world.reviewed.wrong(fresh, by_reviewer=False) == done
    left = await world.store.get("team:support", STORED.key)
    assert (left is None) is ("evicted" in done or there is None)


class Slow:
    """A store that is about to hold the answer when it is first looked for."""

    def __init__(self, store: SqliteCacheStore) -> None:
        self.remove, self._store = store.remove, store

    async def find(self, selector: Selector, *, limit: int) -> list[tuple[str, Entry]]:
        found = await self._store.find(selector, limit=limit)
        await self._store.put("team:support", STORED, vector=None, space="")
        return found


async def test_a_thumb_that_is_there_before_its_answer_is_stored_waits_for_it(world: World) -> None:
    world.reviewed._store = Slow(world.store)  # type: ignore[assignment]
    fresh = replace(hit(), cache_id=STORED.cache_id, stored_at_s=NOW)
    assert await world.reviewed.wrong(fresh, by_reviewer=False) == ("remembered", "evicted")
    assert await world.store.get("team:support", STORED.key) is None
