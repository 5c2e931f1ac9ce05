"""A stream of labelled requests through the real cache: embedder, layers, verifier, SQLite store.

The group of a request stands for the answer that a model would give. Requests come one by one; what the cache may
know of a request's group it learns as in the proxy, from the fresh answer to a miss.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.backends import sqlite, sqlite_labels
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.verifier.prior import shipped_prior
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.evaluation.rows import text_in
from litellm_plugins.model import Identity, Layer, Reply, Request
from litellm_plugins.settings import Cache
from litellm_plugins.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder

_WHO = Identity(key_id="evaluation", team_id="evaluation")
_LARGE = 1 << 40
_A_WEEK_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; requests of one group have one answer."""

    text: str
    group: str

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Asked:
        """From a row `{text, group}`."""
        return cls(text_in(row, "text"), str(row["group"]))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of each request, in their order."""

    hit: Sequence[bool]
    wrong: Sequence[bool]

    def rates(self, start: int = 0) -> dict[str, float]:
        """Shares from request `start` on: hits and wrong hits of all requests, and wrong hits of the hits."""
        total = len(self.hit) - start
        if total <= 0:
            return {"hit_rate": 0.0, "error_rate": 0.0, "error_per_hit": 0.0}
        hits, wrong = sum(self.hit[start:]), sum(self.wrong[start:])
        return {
            "hit_rate": round(hits / total, 5),
            "error_rate": round(wrong / total, 5),
            "error_per_hit": round(wrong / hits, 5) if hits else 0.0,
        }


def arrival(asked: Sequence[Asked], seed: int | None) -> list[Asked]:
    """In the file's order, or shuffled by `seed`."""
    order = list(asked)
    if seed is not None:
        random.Random(seed).shuffle(order)  # noqa: S311 - an order to repeat
    return order


async def replay(
    asked: Sequence[Asked],
    *,
    embedder: Embedder,
    max_error_rate: float,
    label_noise: float = 0.0,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Outcomes:
    """Send `asked` through a cache that starts empty."""
    chance = random.Random(seed + 1)  # noqa: S311 - an experiment to repeat
    policy = Cache.model_validate(
        {
            "enabled": True,
            "ttl_s": _A_WEEK_S,
            "lookup_timeout_ms": 600_000,
            "semantic": {"max_error_rate": max_error_rate},
            "volatility": {"enabled": False},  # the groups say what is the same answer, whoever asks
        }
    )
    with tempfile.TemporaryDirectory(prefix="litellm-plugins-eval-") as folder:
        file = SqliteFile(Path(folder) / "cache.db", schema=(*sqlite.SCHEMA, *sqlite_labels.SCHEMA))
        verifier = Verifier(
            sqlite_labels.SqliteLabelStore(file),
            space=embedder.model_id,
            prior=shipped_prior(embedder.model_id),
            draw=chance.random,
        )
        store = sqlite.SqliteCacheStore(file, max_bytes=_LARGE)
        layers = CacheLayers(
            store=store, embedder=embedder, verifier=verifier, comparer=_GroupComparer(label_noise, chance)
        )
        try:
            hit, wrong = [], []
            for one in asked:
                layer, group = await _ask(layers, verifier, one, policy)
                hit.append(layer in (Layer.EXACT, Layer.SEMANTIC))
                wrong.append(hit[-1] and group != one.group)
                progress()
        finally:
            await verifier.aclose()
            await store.aclose()
    return Outcomes(hit, wrong)


async def _ask(layers: CacheLayers, verifier: Verifier, asked: Asked, policy: Cache) -> tuple[Layer, str]:
    request = Request("chat", "model", ({"role": "user", "content": asked.text},), {}, _WHO)
    verdict = await layers.look_up(request, policy)
    if verdict.entry is not None:
        return verdict.layer, text_of(orjson.loads(verdict.entry.body))
    answer = {"choices": [{"message": {"role": "assistant", "content": asked.group}, "finish_reason": "stop"}]}
    await layers.remember(verdict, request, Reply(answer, "model", "provider", "model"), policy)
    await verifier.settled()
    return verdict.layer, asked.group


class _GroupComparer:
    """Two answers are the same if their groups are, except for a share of mistakes."""

    def __init__(self, noise: float, chance: random.Random) -> None:
        self._noise, self._chance = noise, chance

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool:
        return (text_of(fresh) == text_of(orjson.loads(cached))) != (self._chance.random() < self._noise)
