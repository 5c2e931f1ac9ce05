"""The near-miss corpus through the whole cache: the bundled embedder, the verifier, the layers and the SQLite store."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.backends import sqlite, sqlite_labels
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.cache.verifier.prior import shipped_prior
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.demo.questions import load
from litellm_plugins.embedding.embedder import Embedder
from litellm_plugins.embedding.local import LocalEmbedder
from litellm_plugins.embedding.memo import MemoEmbedder
from litellm_plugins.model import CacheControls, Reason, Request
from litellm_plugins.settings import Cache
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.builders import answer, chat, reply

DATA = Path(__file__).resolve().parents[2] / "data" / "near_misses.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
BOUND = 0.01
POLICY = Cache.model_validate(
    {
        "enabled": True,
        "lookup_timeout_ms": 60_000,
        "semantic": {"max_error_rate": BOUND},
        "volatility": {"enabled": False},  # the corpus says what has the same answer, not for how long
    }
)
REFUSALS = {
    *(Reason.UNSURE, Reason.NUMBERS_DIFFER, Reason.NEGATION_DIFFERS, Reason.OPPOSED, Reason.CODES_DIFFER),
    *(Reason.LANGUAGE_DIFFERS, Reason.NAMES_DIFFER, Reason.QUESTION_DIFFERS),
}


class Wording:
    """Answers stand for themselves here."""

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool:
        return text_of(fresh) == text_of(orjson.loads(cached))


def answer_of(row: Mapping[str, Any], name: str) -> str:
    """What a model would say: the same to a paraphrase, and to each other question something of its own."""
    wording: str = row["cached"] if name == "cached" or row["same"] else row["asked"]
    return " ".join(wording.casefold().split()).rstrip(" ?!.")


@dataclass
class Tally:
    """What became of the questions that were asked."""

    false: list[tuple[str | None, str, float | None]] = field(default_factory=list)
    right: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)

    def count(self, row: Mapping[str, Any], verdict: Verdict) -> None:
        if verdict.entry is None:
            self.refused[verdict.reason] += 1
        elif text_of(orjson.loads(verdict.entry.body)) == answer_of(row, "asked"):
            self.right += 1
        else:
            self.false.append((verdict.matched_question, row["asked"], verdict.probability))


class World:
    """A cache that starts empty."""

    def __init__(self, folder: Path, embedder: Embedder, draw: Callable[[], float]) -> None:
        file = SqliteFile(folder / "cache.db", schema=(*sqlite.SCHEMA, *sqlite_labels.SCHEMA))
        self.store = sqlite.SqliteCacheStore(file, max_bytes=1 << 30)
        self.verifier = Verifier(
            sqlite_labels.SqliteLabelStore(file),
            space=embedder.model_id,
            prior=shipped_prior(embedder.model_id),
            draw=draw,
        )
        self.layers = CacheLayers(
            store=self.store, embedder=embedder, verifier=self.verifier, comparer=Wording(), draw=draw
        )

    async def look_up(self, question: str, namespace: str = "") -> Verdict:
        return await self.layers.look_up(_request(question, namespace), POLICY)

    async def ask(self, row: Mapping[str, Any], name: str, namespace: str = "") -> Verdict:
        """One of the two questions of a row."""
        return await self.asked(row[name], answer_of(row, name), namespace)

    async def asked(self, question: str, fresh: str, namespace: str = "") -> Verdict:
        """Look up, and answer what is not served with `fresh`; `namespace` tells partitions apart."""
        verdict = await self.look_up(question, namespace)
        if not verdict.is_hit:
            request = _request(question, namespace)
            await self.layers.remember(verdict, request, reply(answer(fresh)), POLICY)
            await self.verifier.settled()
        return verdict


def _request(question: str, namespace: str) -> Request:
    return chat(question, controls=CacheControls(namespace=namespace))


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    """One for the module: each text is embedded once."""
    one = MemoEmbedder(LocalEmbedder(), max_entries=10_000)
    yield one
    asyncio.run(one.aclose())


@pytest.fixture
async def worlds(tmp_path: Path, embedder: Embedder) -> AsyncIterator[Callable[[float | None], World]]:
    """Makes caches; `drawn` is what chance says (None: chance itself): 0.999 checks nothing that could be served."""
    made: list[World] = []

    def make(drawn: float | None) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        draw = random.Random(1).random if drawn is None else lambda: drawn
        made.append(World(folder, embedder, draw))
        return made[-1]

    yield make
    for world in made:
        await world.verifier.aclose()
        await world.store.aclose()


def assert_within_bound(tally: Tally, rows: Sequence[Mapping[str, Any]], *, but: frozenset[Reason]) -> None:
    assert len(tally.false) <= BOUND * len(rows), tally.false
    assert len(tally.false) + tally.right + tally.refused.total() == len(rows)
    assert set(tally.refused) <= REFUSALS | but


async def test_cold_a_near_miss_beside_the_one_cached_question_is_refused_with_its_reason(worlds: Any) -> None:
    """Each pair in a partition of its own, and nothing learnt between them."""
    world, tally = worlds(0.999), Tally()
    for number, row in enumerate(ROWS):
        await world.ask(row, "cached", namespace=f"n{number}")
        tally.count(row, await world.look_up(row["asked"], namespace=f"n{number}"))
    assert world.verifier.fit is None
    assert_within_bound(tally, ROWS, but=frozenset())
    assert tally.refused[Reason.NUMBERS_DIFFER] > 50
    assert tally.refused[Reason.NEGATION_DIFFERS] > 15


async def test_cold_a_near_miss_among_all_cached_questions_is_refused_with_its_reason(
    worlds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One partition, full of neighbours; the labels that came while it was filled are not learnt from."""
    monkeypatch.setattr("litellm_plugins.cache.verifier.schedule.is_due", lambda *_: False)
    world, tally = worlds(0.999), Tally()
    for row in ROWS:
        await world.ask(row, "cached")
    for row in ROWS:
        tally.count(row, await world.look_up(row["asked"]))
    assert world.verifier.fit is None
    assert_within_bound(tally, ROWS, but=frozenset())


@pytest.mark.parametrize("half", [0, 1])
async def test_taught_on_one_half_the_near_misses_of_the_other_are_refused(worlds: Any, half: int) -> None:
    world, tally = worlds(None), Tally()
    order = random.Random(0).sample(ROWS, len(ROWS))
    taught, met = order[half::2], order[1 - half :: 2]
    for row in taught:
        for name in ("cached", "asked"):
            await world.ask(row, name)
    assert world.verifier.fit is not None
    for row in met:
        await world.ask(row, "cached")
        tally.count(row, await world.ask(row, "asked"))
    assert_within_bound(tally, met, but=frozenset({Reason.SHADOW_CHECK}))


async def test_taught_by_a_bank_s_customers_too_it_serves_them_and_still_refuses_near_misses(worlds: Any) -> None:
    """Where most questions that are near one another have one answer, as a bank's have, there is something to serve."""
    world, tally = worlds(None), Tally()
    order = random.Random(0).sample(ROWS, len(ROWS))
    taught, met = order[::2], order[1::2]
    bank = [(one.text, one.intent) for one in load()]
    traffic = bank + [(row[name], answer_of(row, name)) for row in taught for name in ("cached", "asked")]
    verdicts = [await world.asked(*one) for one in random.Random(1).sample(traffic, len(traffic))]
    assert sum(verdict.reason is Reason.VERIFIED for verdict in verdicts) > 20
    for row in met:
        await world.ask(row, "cached")
        tally.count(row, await world.ask(row, "asked"))
    assert_within_bound(tally, met, but=frozenset({Reason.SHADOW_CHECK}))


def test_a_paraphrase_is_not_counted_as_a_false_hit() -> None:
    """What the tally calls false is the answer to another question."""
    (row, *_) = (row for row in ROWS if row["same"])
    (other, *_) = (row for row in ROWS if not row["same"])
    assert answer_of(row, "asked") == answer_of(row, "cached")
    assert answer_of(other, "asked") != answer_of(other, "cached")
