"""Fit the weights that a verifier starts from: `python tools/fit_prior.py ../shared/data/cache`.

Trained on data whose licence lets what is fitted on it ship: BANKING77 (PolyAI, CC BY 4.0), PAWS-Wiki (Google LLC)
and GPTCache's mock paraphrases (MIT). Ten streams are mixed from them, each with other intents and another density of
the cache, so that the weights do not stand for one kind of traffic; the verifier meets them in the order of a live one.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier import logistic
from litellm_plugins.cache.verifier.features import NEIGHBOURS, candidate
from litellm_plugins.cache.verifier.prior import SHIPPED, write_prior
from litellm_plugins.cache.verifier.text import read
from litellm_plugins.cache.verifier.words import WordCounts
from litellm_plugins.embedding.local import LocalEmbedder

STREAMS = 10
STORED = (1.0, 0.5, 0.7)  # share of the questions that come to lie in the cache
Asked = tuple[str, str]  # text, group


def main() -> None:
    """Write the prior of the bundled embedder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = {
        name: rows(parser.parse_args().data / f"{name}.jsonl.gz")
        for name in ("banking77", "gptcache_mock", "paws_wiki_dev")
    }
    asyncio.run(run(data))


async def run(data: dict[str, list[dict[str, Any]]]) -> None:
    embedder = LocalEmbedder()
    vectors: dict[str, Any] = {}
    features, right = [], []
    for seed in range(STREAMS):
        asked = list(mixed(seed, data))
        for text, _ in asked:
            if text not in vectors:
                vectors[text] = (await embedder.embed(text)).vector
        for x, y in outcomes(asked, vectors, seed):
            features.append(x)
            right.append(y)
        print(f"stream {seed}: {len(asked)} questions, {len(right)} labels so far", flush=True)
    model = logistic.fit(np.array(features), np.array(right, np.float64))
    write_prior(SHIPPED / "all-MiniLM-L6-v2-int8.json", model, space=embedder.model_id)
    await embedder.aclose()


def mixed(seed: int, data: dict[str, list[dict[str, Any]]]) -> Iterator[Asked]:
    rng = np.random.default_rng(seed)
    banking = data["banking77"]
    intents = set(rng.permutation(sorted({row["intent"] for row in banking}))[: rng.integers(15, 78)])
    chosen = [row for row in banking if row["intent"] in intents]
    asked = [
        (chosen[i]["text"].strip(), chosen[i]["intent"])
        for i in rng.permutation(len(chosen))[: rng.integers(300, 2_500)]
    ]
    for name, few, many in (("gptcache_mock", 200, 999), ("paws_wiki_dev", 100, 700)):
        for i in rng.permutation(len(data[name]))[: rng.integers(few, many)]:
            row = data[name][i]
            asked.append((row["a"].strip(), f"{name}/{i}"))
            asked.append((row["b"].strip(), f"{name}/{i}" if row.get("label", 1) == 1 else f"{name}/{i}/other"))
    yield from (asked[i] for i in rng.permutation(len(asked)))


def outcomes(asked: list[Asked], vectors: dict[str, Any], seed: int) -> Iterator[tuple[Any, bool]]:
    rng = np.random.default_rng(seed + 5)
    words, popularity = WordCounts(), Counter[bytes]()
    stored = np.zeros((len(asked), len(vectors[asked[0][0]])), np.float32)
    kept: list[Asked] = []
    known: set[str] = set()
    for text, group in asked:
        if text in known:
            continue
        if kept:
            similar = stored[: len(kept)] @ vectors[text]
            nearest = np.argsort(-similar)[:NEIGHBOURS]
            found = candidate(
                text,
                [Neighbour(b"", kept[i][0], float(similar[i]), kept[i][1].encode()) for i in nearest],
                words,
                popularity,
            )
            if found is not None:
                yield found.features, found.neighbour.answer_id == group.encode()
        popularity[group.encode()] += 1
        if rng.random() < STORED[seed % len(STORED)]:
            stored[len(kept)] = vectors[text]
            kept.append((text, group))
            words.add(read(text).word_set)
            known.add(text)


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
