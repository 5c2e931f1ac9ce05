"""From a finished call to the rows of its hour: nothing twice, nothing lost unseen, no more words than may be."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.insight.backends.sqlite import SCHEMA, SqliteUsage
from litellm_plugins.insight.bounding import Bounds
from litellm_plugins.insight.costs import Costs
from litellm_plugins.insight.recording import UsageRecorder
from litellm_plugins.insight.routes import RouteSums
from litellm_plugins.insight.store import Batch
from litellm_plugins.insight.usage import DIMENSIONS, OTHER, Sums, Words, hour_of, total
from litellm_plugins.model import Layer
from litellm_plugins.settings.insight import Insight
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.telemetry.events import CallFinished, OwnSpent, QueueMeasured, StageFailed

AT_S = 1_800_000_000.0
HOUR = hour_of(int(AT_S * 1_000))
CALL = CallFinished(
    at_s=AT_S,
    endpoint="chat",
    model_group="gpt",
    layer=Layer.MISS,
    ending="success",
    model="gpt",
    deployment="openai/gpt-x",
    provider="openai",
    team="support",
    key="k1",
    user="u1",
    end_user="alice",
    feature="faq",
    prompt_tokens=100,
    cached_prompt_tokens=20,
    completion_tokens=30,
    spent_nano_usd=1_234_567,
    own_nano_usd=7,
    took_ms=120.4,
    first_token_ms=55.5,
    attempts=1,
    call_id="c1",
    trace_id="t1",
)
SUMS = Sums(1, 100, 20, 30, 1_234_567, 7, 0, 0, 120, 56, 1, 1)


class LossyReplies(SqliteUsage):
    """Adds, and then says that it could not: `lost` times."""

    lost = 0

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        added = await super().add(batch, now_ms=now_ms)
        if self.lost > 0:
            self.lost -= 1
            raise StoreUnavailable("store_timeout", "the reply never came")
        return added


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LossyReplies]:
    opened = LossyReplies(SqliteFile(tmp_path / "insight.db", schema=SCHEMA), keep_hours=10**6)
    yield opened
    await opened.aclose()


async def test_a_call_is_one_row_with_everything_that_was_said_of_it(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight(end_users=True))
    recorder.record(CALL)
    recorder.record(StageFailed("x", "y", "z"))
    await recorder.queue.drain()
    (row,) = await store.rows(HOUR, HOUR + 1, DIMENSIONS)
    expected = (
        "chat",
        "faq",
        "support",
        "u1",
        "alice",
        "k1",
        "gpt",
        "gpt",
        "openai/gpt-x",
        "openai",
        "miss",
        "success",
    )
    assert (row.words, row.sums) == (expected, SUMS)
    (example,) = await store.examples(0)
    assert (example.trace_id, example.spent_nano_usd, example.feature) == ("t1", 1_234_567, "faq")


async def test_a_routed_call_is_counted_by_where_it_went_as_well(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight())
    store.lost = 1
    for call in (CALL, replace(CALL, route="auto/small"), replace(CALL, route="auto/small", attempts=3)):
        recorder.record(call)
    await recorder.queue.drain()
    cost = 2 * (1_234_567 + 7)
    expected = RouteSums(2, 1, cost, 2 * 12_345**2, 240, 2 * 120**2)
    assert await store.routes(HOUR, HOUR + 1) == {("auto/small", "success"): expected}


async def test_what_the_pack_spends_for_a_call_after_its_end_is_added_to_its_row(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight(end_users=True))
    recorder.record(OwnSpent(CALL, 3))
    recorder.record(CALL)
    recorder.record(OwnSpent(CALL, 40))
    await recorder.queue.drain()
    (row,) = await store.rows(HOUR, HOUR + 1, DIMENSIONS)
    assert row.sums == SUMS._replace(own_nano_usd=7 + 43)
    assert len(await store.examples(0)) == 1


async def test_what_clients_call_their_users_is_kept_only_where_the_settings_say_so(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight())
    recorder.record(CALL)
    await recorder.queue.drain()
    assert [row.words for row in await store.rows(HOUR, HOUR + 1, ("end_user", "user"))] == [("", "u1")]


async def test_a_batch_whose_reply_was_lost_counts_once(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight())
    store.lost = 2
    for _ in range(3):
        recorder.record(CALL)
    assert [await recorder.queue.flush() for _ in range(3)] == [False, False, True]
    recorder.record(CALL)
    await recorder.queue.drain()
    (row,) = await store.rows(HOUR, HOUR + 1, ())
    assert row.sums == Sums(*(4 * each for each in SUMS))
    assert recorder.queue.dropped == {}


async def test_what_the_store_never_takes_is_dropped_in_the_end_and_counted(store: LossyReplies) -> None:
    recorder, told = UsageRecorder(store, Insight()), list[object]()
    await store.aclose()
    for _ in range(5):
        recorder.record(CALL)
    recorder.queue.start(told.append)
    await recorder.queue.drain(within_s=0.2)
    recorder.record(CALL)
    assert told[-1] == QueueMeasured("usage", 0, {"closed": 5}) or told[-1] == QueueMeasured("usage", 0, {"failed": 5})
    assert sum(recorder.queue.dropped.values()) == 6


@pytest.mark.parametrize("poison", [{"spent_nano_usd": 2**70}, {"at_s": float("nan")}, {"attempts": None}])
async def test_a_call_that_no_store_takes_is_dropped_alone_and_told_once(
    store: LossyReplies, caplog: pytest.LogCaptureFixture, poison: dict[str, Any]
) -> None:
    """It held up all that came after it, for a quarter of an hour, and then took its whole batch along."""
    recorder, told = UsageRecorder(store, Insight()), list[object]()
    for number in range(300):
        recorder.record(replace(CALL, **poison) if number in (17, 170) else CALL)
    recorder.queue.start(told.append)
    await recorder.queue.drain()
    assert total(row.sums for row in await store.rows(0, 10**9, ())).requests == 298
    assert told[-1] == QueueMeasured("usage", 0, {"refused": 2})
    (line,) = [each.getMessage() for each in caplog.records if each.name.startswith("litellm_plugins.insight")]
    assert line.startswith("a call that cannot be counted was dropped (")


async def test_where_the_reply_to_a_part_is_lost_it_counts_once(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight())
    for number in range(8):
        recorder.record(replace(CALL, spent_nano_usd=2**70) if number == 6 else CALL)
    store.lost = 1  # the reply to the first half's
    assert [await recorder.queue.flush() for _ in range(2)] == [False, True]
    assert total(row.sums for row in await store.rows(0, 10**9, ())).requests == 7
    assert recorder.queue.dropped == {"refused": 1}


async def test_a_store_that_takes_nothing_is_no_reason_to_drop_a_call(store: LossyReplies, tmp_path: Path) -> None:
    recorder = UsageRecorder(store, Insight())
    recorder.record(CALL)
    await recorder.queue.flush()
    with sqlite3.connect(tmp_path / "insight.db") as db:
        db.execute("ALTER TABLE insight_usage RENAME TO gone")
        db.execute("ALTER TABLE insight_batches RENAME TO gone_too")
    recorder.record(CALL)
    assert not await recorder.queue.flush()
    assert (recorder.queue.depth, recorder.queue.dropped) == (1, {})
    with sqlite3.connect(tmp_path / "insight.db") as db:
        db.execute("ALTER TABLE gone RENAME TO insight_usage")
        db.execute("ALTER TABLE gone_too RENAME TO insight_batches")
    assert await recorder.queue.flush()
    assert total(row.sums for row in await store.rows(0, 10**9, ())).requests == 2


async def test_several_workers_sum_up_to_every_call(tmp_path: Path) -> None:
    stores = [SqliteUsage(SqliteFile(tmp_path / "i.db", schema=SCHEMA), keep_hours=10**6) for _ in range(4)]
    recorders = [UsageRecorder(each, Insight(flush_s=0.1)) for each in stores]
    for recorder in recorders:
        recorder.queue.start()
    for number in range(2_000):
        recorders[number % 4].record(replace(CALL, feature=f"f{number % 7}", at_s=AT_S + number))
        if number % 100 == 0:
            await asyncio.sleep(0.01)
    await asyncio.gather(*(recorder.queue.drain() for recorder in recorders))
    rows = await stores[0].rows(HOUR, HOUR + 2, ("feature",))
    assert total(row.sums for row in rows) == Sums(*(2_000 * each for each in SUMS))
    for store in stores:
        await store.aclose()


def words(**given: str) -> Words:
    return tuple(given.get(name, "") for name in DIMENSIONS)


def test_an_hour_takes_so_many_words_and_keeps_the_places_of_the_last_ones_busiest() -> None:
    bounds, at = Bounds(words=10, rows=1_000), DIMENSIONS.index("feature")
    for _ in range(3):
        assert bounds.bounded(1, words(feature="faq"))[at] == "faq"
    flood = [bounds.bounded(1, words(feature=f"x{n}"))[at] for n in range(100)]
    assert [flood.count(OTHER), len(set(flood))] == [91, 10]
    assert bounds.bounded(1, words(feature=""))[at] == ""
    flood = [bounds.bounded(2, words(feature=f"y{n}"))[at] for n in range(100)]
    assert OTHER in flood
    assert bounds.bounded(2, words(feature="faq"))[at] == "faq"  # though the flood was there first
    assert bounds.bounded(9, words(feature="faq"))[at] == "faq"


def test_an_hour_takes_so_many_rows_and_folds_people_first() -> None:
    bounds = Bounds(words=10_000, rows=50)
    given = [words(endpoint="chat", layer="miss", ending="success", key=f"k{n}", model=f"m{n % 3}") for n in range(500)]
    kept = {bounds.bounded(1, each) for each in given}
    assert len(kept) == 50 + 3
    many = [words(endpoint="chat", layer="miss", model_group=f"g{n}") for n in range(500)]
    assert len({bounds.bounded(1, each) for each in many} | kept) <= 2 * 50 + 4


def test_a_word_that_no_store_could_keep_is_told_otherwise() -> None:
    (kept,) = {word for word in Bounds(10, 100).bounded(1, words(feature="a\ud800" + "b" * 500)) if word}
    assert kept.startswith("a?b")
    assert len(kept) == 128


def test_telling_of_a_call_costs_next_to_nothing() -> None:
    class Nowhere:
        async def add(self, batch: Batch, *, now_ms: int) -> bool:
            return True

    recorder = UsageRecorder(Nowhere(), Insight())  # type: ignore[arg-type]  # only `add` is asked for
    calls = [replace(CALL, key=f"k{n % 50}", at_s=AT_S) for n in range(2_000)]
    began = time.process_time()
    for call in calls:
        recorder.record(call)
    asyncio.run(_flushed(recorder))
    assert (time.process_time() - began) / len(calls) < 0.0005  # a tenth of it here; machines differ


async def _flushed(recorder: UsageRecorder) -> None:
    while recorder.queue.depth:
        await recorder.queue.flush()


async def test_what_was_saved_otherwise_than_by_a_hit_is_told_by_its_cause(store: LossyReplies) -> None:
    recorder = UsageRecorder(store, Insight(flush_s=0.1))
    saving = replace(CALL, saved_nano_usd=500, saved_tokens=40)
    for call in (
        replace(saving, prompt_cache_nano_usd=300),
        replace(CALL, prompt_cache_nano_usd=-1_000),  # written, and not read yet
        replace(saving, layer=Layer.EXACT),
        replace(CALL, history_nano_usd=900, history_tokens=70, own_nano_usd=100),
        OwnSpent(CALL, 1_500, for_history=True),  # a summary that came late, and cost more than it saved
        OwnSpent(CALL, 20),
    ):
        recorder.record(call)
    await recorder.queue.flush()
    found = {row.words[0]: row.sums for row in await store.rows(HOUR, HOUR + 1, ("layer",))}
    assert {layer: (sums.requests, sums.saved_nano_usd, sums.saved_tokens) for layer, sums in found.items()} == {
        "miss": (3, 0, 0),
        "exact": (1, 500, 40),
        "compression": (0, 500, 40),
        "history": (0, -600, 70),
        "prompt_cache": (0, -700, 0),
    }
    told = await Costs(store, clock_ms=lambda: int(AT_S * 1_000)).report({"by": "team"})
    assert told["saved_by_cause"] == {
        "exact": {"usd": 5e-7, "tokens": 40},
        "compression": {"usd": 5e-7, "tokens": 40},
        "history": {"usd": -6e-7, "tokens": 70},
        "prompt_cache": {"usd": -7e-7, "tokens": 0},
    }
    assert (told["total"]["requests"], told["total"]["saved_usd"]) == (4, pytest.approx(-3e-7))
