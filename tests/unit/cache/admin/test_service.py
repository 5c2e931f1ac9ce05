"""The operations on a store of their own, where no proxy is needed to see what they do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.admin import CacheAdmin
from litellm_plugins.cache.admin.shelving import Shelver
from litellm_plugins.cache.admin.warming import Warmer
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.errors import NotFound, RequestError, StoreUnavailable
from litellm_plugins.model import Identity, Reply, Request
from litellm_plugins.proxy.stores import Stores, open_stores
from litellm_plugins.settings import Policies, parse
from tests.conformance.entries import SPACE, at, entry
from tests.unit.cache.builders import chat, reply
from tests.unit.cache.fakes import Clock, FakeEmbedder

FAQ = {"question": "lost", "answer": "Block it.", "team": "support"}


class Logs:
    """Rows that name a question; `bad` ones cannot be read."""

    def read(self, row: Mapping[str, Any], default: Identity) -> tuple[Request, Reply]:
        if row.get("bad"):
            raise RequestError("request: expected something else", param="request")
        return chat(row["asked"], identity=default), reply()


class Desk:
    """An administrator's desk: everything real but for embedder, log and clock."""

    def __init__(self, folder: Path, **block: Any) -> None:
        self.settings = parse({"cache": {"enabled": True}, **block, "storage": {"url": f"sqlite:///{folder / 'a.db'}"}})
        self.stores: Stores = open_stores(self.settings)
        self.embedder, self.clock = FakeEmbedder(lost=0.0, gone=14.0), Clock()
        store = self.stores.entries
        self.layers = CacheLayers(store=store, embedder=self.embedder)
        shelver = Shelver(store=store, embedder=self.embedder)
        self.admin = CacheAdmin(
            store=store,
            journal=self.stores.journal,
            checks=self.stores.checks,
            shelver=shelver,
            warmer=Warmer(layers=self.layers, shelver=shelver, policies=Policies(self.settings), logs=Logs()),
            settings=self.settings,
            clock=self.clock,
        )

    async def warm(self, *rows: Any, **given: Any) -> list[dict[str, Any]]:
        told = await self.admin.warm({"rows": list(rows), **given}, actor="ann")
        results: list[dict[str, Any]] = told["results"]
        return results

    async def audited(self) -> list[tuple[str, int]]:
        told = await self.admin.audit({})
        return [(record["action"], record["count"]) for record in told["records"]]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.layers.aclose()


async def test_a_bad_row_is_told_of_and_the_rest_is_stored(desk: Desk) -> None:
    results = await desk.warm(FAQ, {"answer": "?"}, "no object", FAQ | {"question": "other", "price": 1})
    assert [r["status"] for r in results] == ["stored", "bad", "bad", "bad"]
    assert results[3]["problem"].startswith("price: unknown")
    assert await desk.audited() == [("warm", 1)]


async def test_a_second_run_stores_what_is_missing_or_different_and_embeds_nothing_else(desk: Desk) -> None:
    await desk.warm(FAQ)
    asked = len(desk.embedder.asked)
    assert [r["status"] for r in await desk.warm(FAQ)] == ["present"]
    assert len(desk.embedder.asked) == asked
    changed = (FAQ | {"answer": "Call us."}, FAQ | {"tags": ["a"], "answer": "Call us."})
    assert [r["status"] for r in await desk.warm(*changed)] == ["stored", "stored"]
    assert [r["status"] for r in await desk.warm(changed[1], pin=True)] == ["stored"]
    assert (await desk.admin.stats({}))["entries"] == 1
    assert await desk.audited() == [("warm", 1), ("warm", 2), ("warm", 1)]


async def test_rows_of_a_log_become_ordinary_entries(desk: Desk) -> None:
    rows = ({"asked": "lost"}, {"bad": True}, {"asked": "lost"})
    results = await desk.warm(*rows, source="log", team="support", ttl_s=60)
    assert [r["status"] for r in results] == ["stored", "bad", "present"]
    (kept,) = (await desk.admin.entries({"team": "support"}))["entries"]
    assert (kept["question"], kept["curated"], round(kept["expires_at"] - kept["created_at"])) == ("lost", False, 60)


async def test_where_the_cache_is_off_a_log_is_not_stored(tmp_path: Path) -> None:
    desk = Desk(tmp_path, per_team={"legal": {"cache": {"enabled": False}}})
    (result,) = await desk.warm({"asked": "lost"}, source="log", team="legal")
    assert result == {"status": "bad", "problem": "this request is not cached: disabled"}
    await desk.layers.aclose()


async def test_what_cannot_be_embedded_now_is_not_stored_half(desk: Desk) -> None:
    """A later run would take it for done."""
    desk.embedder.broken = True
    for rows, source in (((FAQ,), "faq"), (({"asked": "lost"},), "log")):
        (result,) = await desk.warm(*rows, source=source, team="support")
        assert result["status"] == "bad"
    with pytest.raises(EmbedderUnavailable):
        await desk.admin.curate(FAQ, actor="ann")
    assert (await desk.admin.stats({}))["entries"] == 0
    assert await desk.audited() == []


async def test_a_question_that_the_embedder_cannot_read_in_full_is_kept_for_these_very_words(desk: Desk) -> None:
    desk.embedder.partial = True
    told = await desk.admin.curate(FAQ, actor="ann")
    assert told["exact_only"] == told["cache_ids"] != []


async def test_everything_goes_only_when_it_is_said_and_curated_answers_only_when_they_are_meant(desk: Desk) -> None:
    await desk.admin.curate(FAQ, actor="ann")
    await desk.stores.entries.put("t", entry("x", expires_at=9e9), vector=at(0), space=SPACE)
    for not_said in ({}, {"dry_run": True}, {"curated": False}, {"curated": True}, {"all": False}):
        with pytest.raises(RequestError):
            await desk.admin.invalidate(not_said, actor="ann")
    would = await desk.admin.invalidate({"all": True, "dry_run": True}, actor="ann")
    assert (would["would_remove"], [e["question"] for e in would["entries"]]) == (1, ["x"])
    assert (await desk.admin.invalidate({"all": True}, actor="ann"))["removed"] == 1
    assert (await desk.admin.stats({}))["pinned"] == 1
    assert (await desk.admin.invalidate({"all": True, "curated": True}, actor="ann"))["removed"] == 1
    assert await desk.audited() == [("invalidate", 1), ("invalidate", 1), ("curate", 1)]


async def test_only_a_curated_answer_can_be_uncurated(desk: Desk) -> None:
    kept = entry("x", expires_at=9e9)
    await desk.stores.entries.put("t", kept, vector=None, space="")
    with pytest.raises(NotFound):
        await desk.admin.uncurate(kept.cache_id, actor="ann")
    assert (await desk.admin.entry(kept.cache_id.upper()))["question"] == "x"


async def test_a_version_told_of_again_removes_nothing_and_each_scope_has_its_own(desk: Desk) -> None:
    async def stored(name: str, **different: Any) -> None:
        await desk.stores.entries.put("t", entry(name, expires_at=9e9, **different), vector=None, space="")

    release = {"type": "docs", "version": "v2"}
    await stored("old")
    await stored("of this version already", tags=("version:v2",))
    assert (await desk.admin.event(release))["removed"] == 1
    await stored("fresh")
    assert (await desk.admin.event(release))["removed"] == 0
    await stored("elsewhere", namespace="n")
    assert (await desk.admin.event(release | {"namespace": "n"}))["removed"] == 1
    assert (await desk.admin.event(release))["removed"] == 0
    assert (await desk.admin.event(release | {"version": "v3"}))["removed"] == 2
    assert [r["what"] for r in (await desk.admin.audit({"action": "version"}))["records"]] == [
        {"version": "v3"},
        {"version": "v2", "namespace": "n"},
        {"version": "v2"},
    ]


async def test_no_prompt_stands_in_the_journal_where_prompts_are_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K", "00" * 32)
    folder = tmp_path / "sealed"
    desk = Desk(folder)
    storage = desk.settings.storage.model_copy(update={"encryption_keys_env": ("K",)})
    desk.admin._settings = desk.settings.model_copy(update={"storage": storage})
    await desk.admin.invalidate({"text": "my account 4711"}, actor="ann")
    assert (await desk.admin.audit({}))["records"][0]["what"] == {"text": "(not kept)"}
    await desk.layers.aclose()


async def test_a_store_that_is_gone_is_said_to_be(desk: Desk, tmp_path: Path) -> None:
    await desk.admin.stats({})
    await desk.stores.entries.aclose()
    for operation in (desk.admin.stats({}), desk.admin.invalidate({"tag": "a"}, actor="ann"), desk.admin.audit({})):
        with pytest.raises(StoreUnavailable):
            await operation


async def test_logs_are_stored_for_those_who_do_not_have_the_cache_yet(tmp_path: Path) -> None:
    """And in the shadow; twice is no more than once there, either."""
    desk = Desk(tmp_path, cache={"enabled": True, "rollout": 0, "shadow": True, "recheck_share": 1})
    try:
        for status in ("stored", "present"):
            (told,) = await desk.warm({"asked": "lost"}, source="log", team="support")
            assert told["status"] == status
    finally:
        await desk.layers.aclose()
