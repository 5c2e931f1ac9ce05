"""The memory before an embedder, on an embedder that counts."""

import asyncio

import numpy as np
import pytest

from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.embedding.memo import MemoEmbedder


class Counting:
    """Embeds a text as its length, once `gate` is open; notes what it was asked."""

    model_id = "fake:1"
    dimensions = 1

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing = False
        self.closed = 0

    async def embed(self, text: str) -> Embedding:
        self.asked.append(text)
        await self.gate.wait()
        if self.failing or self.closed:
            raise EmbedderUnavailable("closed" if self.closed else "queue_full")
        return Embedding(np.array([len(text)], np.float32), partial=False)

    async def aclose(self) -> None:
        self.closed += 1
        self.gate.set()


async def test_a_text_is_embedded_once() -> None:
    """Lookup and store ask for the same text, and popular questions come back."""
    inner = Counting()
    memo = MemoEmbedder(inner)
    first, second = await memo.embed("hello"), await memo.embed("hello")
    assert first is second
    assert inner.asked == ["hello"]


async def test_another_text_is_another_entry() -> None:
    """Half a surrogate pair, which JSON may carry, is a text too."""
    inner = Counting()
    memo = MemoEmbedder(inner)
    texts = ["hello", "hello ", "Hello", "", "\ud83d"]
    assert [float((await memo.embed(text)).vector[0]) for text in texts] == [5, 6, 5, 0, 1]
    assert inner.asked == texts


async def test_the_text_used_longest_ago_is_forgotten_first() -> None:
    """Bounded memory; a text in use stays, however early it came."""
    inner = Counting()
    memo = MemoEmbedder(inner, max_entries=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await memo.embed(text)
    assert inner.asked == ["a", "b", "c", "b"]


async def test_simultaneous_asks_for_one_text_share_one_embedding() -> None:
    """A burst of one question must cost the worker thread one run."""
    inner = Counting()
    memo = MemoEmbedder(inner)
    answers = await asyncio.gather(*(memo.embed("hello") for _ in range(100)))
    assert inner.asked == ["hello"]
    assert all(answer is answers[0] for answer in answers)


async def test_an_asker_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    """The first asker's client may disconnect while nine others wait for its embedding."""
    inner = Counting()
    inner.gate.clear()
    memo = MemoEmbedder(inner)
    first, second = asyncio.create_task(memo.embed("hello")), asyncio.create_task(memo.embed("hello"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    inner.gate.set()
    assert (await second).vector[0] == 5
    assert first.cancelled()
    assert inner.asked == ["hello"]


async def test_a_failure_is_shared_but_not_remembered() -> None:
    """A full queue passes: the next ask must try again."""
    inner = Counting()
    inner.failing = True
    memo = MemoEmbedder(inner)
    answers = await asyncio.gather(*(memo.embed("hello") for _ in range(3)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {EmbedderUnavailable}
    inner.failing = False
    assert (await memo.embed("hello")).vector[0] == 5
    assert inner.asked == ["hello", "hello"]


async def test_a_shared_vector_cannot_be_written_to() -> None:
    """One caller's in-place arithmetic would change what every later request is compared with."""
    embedding = await MemoEmbedder(Counting()).embed("hello")
    with pytest.raises(ValueError, match="read-only"):
        embedding.vector[0] = 0


async def test_it_speaks_for_the_embedder_behind_it() -> None:
    """The vector space is the inner one's: the memo adds none of its own."""
    memo = MemoEmbedder(Counting())
    assert (memo.model_id, memo.dimensions) == ("fake:1", 1)


async def test_closing_closes_the_embedder_behind_it_once_and_tells_who_waits() -> None:
    """The memo owns it; nobody else will close it."""
    inner = Counting()
    inner.gate.clear()
    memo = MemoEmbedder(inner)
    waiting = asyncio.create_task(memo.embed("hello"))
    await asyncio.sleep(0)
    await memo.aclose()
    await memo.aclose()
    assert inner.closed == 1
    for ask in (waiting, memo.embed("later")):
        with pytest.raises(EmbedderUnavailable, match="closed"):
            await ask


def test_a_memory_of_nothing_is_refused() -> None:
    """A setting of 0 would otherwise forget each answer before it is given."""
    with pytest.raises(ValueError, match="max_entries"):
        MemoEmbedder(Counting(), max_entries=0)
