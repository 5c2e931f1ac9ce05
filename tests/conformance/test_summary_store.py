"""What every keeper of `SummaryStore` promises, and what workers know of each other's summaries by it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from litellm_plugins.cache.own_calls import OwnCalls, put_on
from litellm_plugins.compression.backends.redis import RedisSummaries
from litellm_plugins.compression.backends.sqlite import SCHEMA, SqliteSummaries
from litellm_plugins.compression.summary_store import KEEP_MS, MOST, SealedSummaries, SummaryStore
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.proxy.compression.history_summaries import Summaries
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.storage.vault import Vault
from tests.support.redis_server import RedisServer
from tests.unit.proxy.compression.test_history_summaries import ITEMS, RULES, Writer, parts

NOW = time.time_ns() // 1_000_000
SHARED = RULES.model_copy(update={"share": True})
Opener = Callable[[], SummaryStore]


@pytest.fixture(params=["sqlite", "sealed", "redis", "redis-sealed"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens views of one store, empty at first, and closes them all in the end."""
    opened: list[SummaryStore] = []
    server: RedisServer | None = None
    if request.param.startswith("redis"):
        server = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")

    def open_one() -> SummaryStore:
        if server is None:
            opened.append(SqliteSummaries(SqliteFile(tmp_path / "summaries.db", schema=SCHEMA)))
        else:
            opened.append(RedisSummaries(Connections(server.url, timeout_s=30, max_connections=8), "s"))
        return SealedSummaries(opened[-1], Vault([b"k" * 32])) if "sealed" in request.param else opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


async def test_what_was_written_first_stays_and_no_other_tenant_reads_it(open_store: Opener) -> None:
    one, other = open_store(), open_store()
    await one.put("team:ä", b"k1", "Süß.".encode(), now_ms=NOW)
    await other.put("team:ä", b"k1", b"In other words.", now_ms=NOW)
    await other.put("team:b", b"k1", b"Theirs.", now_ms=NOW)
    assert await other.get("team:ä", [b"k0", b"k1"]) == {b"k1": "Süß.".encode()}
    assert await one.get("team:b", [b"k1"]) == {b"k1": b"Theirs."}
    assert await one.get("team:c", [b"k1"]) == {}
    assert await one.get("team:b", []) == {}


async def test_what_is_too_much_goes_the_oldest_first(open_store: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in ("sqlite", "redis"):
        monkeypatch.setattr(f"litellm_plugins.compression.backends.{backend}.MOST", 3)
    store = open_store()
    for at in range(5):
        await store.put("t", b"%d" % at, b"text", now_ms=NOW + at)
    assert sorted(await store.get("t", [b"%d" % at for at in range(5)])) == [b"2", b"3", b"4"]
    assert MOST > 1_000


async def test_a_summary_that_one_worker_had_written_the_other_finds_and_pays_nothing(open_store: Opener) -> None:
    first, second = Writer(), Writer("In other words.")
    one, other = Summaries(model=first, store=open_store()), Summaries(model=second, store=open_store())
    assert (await one.of(parts(20), ITEMS, SHARED, tenant="t", within_s=5)).text == "They talked."
    await one.aclose()  # it is written beside the request
    payer = OwnCalls()
    with put_on(payer):
        assert (await other.of(parts(20), ITEMS, SHARED, tenant="t", within_s=5)).text == "They talked."
    assert (second.cases, payer.total_nano_usd) == ([], 0)

    longer = await other.of(parts(38), ITEMS, SHARED, tenant="t", within_s=5)  # by the summary of the step before
    assert (longer.text, second.cases[0]["before"]) == ("In other words.", "They talked.")
    third = Writer("Again.")
    alone = Summaries(model=third, store=open_store())
    assert (await alone.of(parts(20), ITEMS, RULES, tenant="t", within_s=5)).text == "Again."  # not set to share
    await other.aclose()


class Gone:
    """A store that is away."""

    async def get(self, tenant: str, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        raise StoreUnavailable("store_unreachable")

    async def put(self, tenant: str, key: bytes, text: bytes, *, now_ms: int) -> None:
        raise StoreUnavailable("store_full")

    async def aclose(self) -> None:
        return None


async def test_where_the_store_is_away_the_model_is_asked_and_the_fault_is_told() -> None:
    faults: list[str] = []
    summaries = Summaries(model=Writer(), store=Gone(), failed=lambda reason, _: faults.append(reason))
    assert (await summaries.of(parts(20), ITEMS, SHARED, tenant="t", within_s=5)).text == "They talked."
    await summaries.aclose()
    assert faults == ["store_unreachable", "store_full"]


async def test_where_the_store_is_encrypted_no_text_of_anybody_lies_in_the_file(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "summaries.db", schema=SCHEMA)
    sealed = SealedSummaries(SqliteSummaries(file), Vault([b"k" * 32]))
    await sealed.put("t", b"k1", b"Ann wants the blue boat.", now_ms=NOW)
    assert await sealed.get("t", [b"k1"]) == {b"k1": b"Ann wants the blue boat."}
    another_key = SealedSummaries(SqliteSummaries(file), Vault([b"x" * 32]))
    assert await another_key.get("t", [b"k1"]) == {}
    await sealed.put("t", b"late", b"Later.", now_ms=NOW + KEEP_MS + 1)
    assert sorted(await sealed.get("t", [b"k1", b"late"])) == [b"late"]
    await sealed.aclose()
    assert b"boat" not in _on_disk(tmp_path)


def _on_disk(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())
