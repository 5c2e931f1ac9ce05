"""Selection by meaning: what words alone would lose, and what is asked of the embedder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from litellm_plugins.compression.extractive import lexical
from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.compression.extractive.semantic import EMBEDDED, SemanticSelector
from litellm_plugins.compression.tokens import cl100k
from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.embedding.local import LocalEmbedder

count = cl100k()

PASSAGES = [
    Passage("", "The doctor's garden lies behind the mill. The doctor's roses are the pride of the whole street."),
    Passage("", "Captain Hill came by train. The captain and the pilot of the town's old ferry were brothers."),
    Passage("", "The mayor lives on the island. The mayor is fond of coffee, and of playing cards."),
    Passage("", "The river is wide here. In winter it freezes, and children skate on it for weeks."),
    Passage("", "A boat was named after the doctor. The boat called Doctor sank in a storm years ago."),
    Passage("", "Physicians are paid 4,000 crowns a month. Nurses receive somewhat less for their work."),
    Passage("", "The library has nine thousand books. Most of them were given by one family long ago."),
    Passage("", "In the play the doctor dies. The doctor is played by a dentist, and the nurse by his wife."),
]
QUESTION = "What does a doctor earn?"


class Recorder:
    """An embedder that knows one subject, and notes what it is asked."""

    model_id = "recorder"
    dimensions = 2

    def __init__(self, subject: tuple[str, ...]) -> None:
        self._subject = subject
        self.asked: list[str] = []

    async def embed(self, text: str) -> Embedding:
        self.asked.append(text)
        on_subject = any(word in text for word in self._subject)
        vector = np.array([1.0, 0.0] if on_subject else [0.0, 1.0], dtype=np.float32)
        return Embedding(vector, partial=False)

    async def aclose(self) -> None: ...


class Gone(Recorder):
    async def embed(self, text: str) -> Embedding:
        raise EmbedderUnavailable("files_missing")


@pytest.fixture
async def local() -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder()
    yield embedder
    await embedder.aclose()


async def test_meaning_finds_what_words_lose(local: LocalEmbedder) -> None:
    by_words = "\n".join(lexical.select(QUESTION, PASSAGES, rate=0.5, count=count))
    by_meaning = "\n".join(await SemanticSelector(local).select(QUESTION, PASSAGES, rate=0.5, count=count))
    assert "4,000 crowns" not in by_words
    assert "4,000 crowns" in by_meaning


async def test_the_same_again_is_the_same(local: LocalEmbedder) -> None:
    selector = SemanticSelector(local)
    once = await selector.choose(QUESTION, PASSAGES, rate=0.5, count=count)
    assert once == await selector.choose(QUESTION, PASSAGES, rate=0.5, count=count)
    assert [one.index for one in once] == sorted(one.index for one in once)


async def test_only_what_words_leave_open_is_embedded() -> None:
    embedder = Recorder(("paid", "earn"))
    await SemanticSelector(embedder).choose(QUESTION, PASSAGES, rate=0.5, count=count)
    assert embedder.asked[0] == QUESTION
    asked = sum(count(text) for text in embedder.asked[1:])
    assert 0 < asked <= EMBEDDED * sum(count(one.text) for one in PASSAGES) + len(embedder.asked)


async def test_a_long_passage_is_embedded_in_parts_that_the_model_can_read() -> None:
    embedder = Recorder(("paid", "earn"))
    text = " ".join(one.text for one in PASSAGES) * 12
    await SemanticSelector(embedder).choose(QUESTION, [Passage("Minutes", text)], rate=0.5, count=count)
    assert len(embedder.asked) > 5
    assert max(count(text) for text in embedder.asked) <= 140
    assert all(text.startswith("Minutes\n") for text in embedder.asked[1:])


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
async def test_no_more_stays_than_a_tenth_above_the_rate(rate: float) -> None:
    kept = await SemanticSelector(Recorder(("paid", "earn"))).select(QUESTION, PASSAGES, rate=rate, count=count)
    assert sum(map(count, kept)) <= 1.1 * rate * sum(count(one.text) for one in PASSAGES)


async def test_all_of_it_and_none_of_it_ask_nothing() -> None:
    embedder = Recorder(())
    everything = await SemanticSelector(embedder).select(QUESTION, PASSAGES, rate=1, count=count)
    assert everything == tuple(one.text for one in PASSAGES)
    assert await SemanticSelector(embedder).select(QUESTION, PASSAGES, rate=0, count=count) == ()
    assert await SemanticSelector(embedder).select(QUESTION, [], rate=0.5, count=count) == ()
    assert embedder.asked == []


async def test_without_an_embedder_it_says_so() -> None:
    with pytest.raises(EmbedderUnavailable, match="files_missing"):
        await SemanticSelector(Gone(())).select(QUESTION, PASSAGES, rate=0.5, count=count)
