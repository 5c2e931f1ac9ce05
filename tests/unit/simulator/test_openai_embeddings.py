"""Embeddings, as the real OpenAI SDK sees them."""

import math
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from litellm_plugins.simulator import Simulator


async def vectors_of(client: AsyncOpenAI, given: Any, **options: Any) -> list[list[float]]:
    model = options.pop("model", "text-embedding-3-small")
    answered = await client.embeddings.create(model=model, input=given, **options)
    return [each.embedding for each in answered.data]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_vectors_are_of_length_one_and_repeatable(client: AsyncOpenAI) -> None:
    """A store that assumes unit vectors would otherwise measure nonsense."""
    first, second = await vectors_of(client, ["How do I get a refund?", "How do I get a refund?"])
    assert first == second
    assert math.hypot(*first) == pytest.approx(1.0, abs=1e-5)
    assert len(first) == 1536


async def test_texts_that_share_words_are_near(client: AsyncOpenAI) -> None:
    """Enough of a meaning to try a semantic cache by."""
    texts = ["how do I get a refund", "How can I get a refund?", "the weather in Paris"]
    asked, near, far = await vectors_of(client, texts)
    assert cosine(asked, near) > 0.7
    assert abs(cosine(asked, far)) < 0.3


async def test_both_encodings_say_the_same(client: AsyncOpenAI) -> None:
    """The SDK asks for base64 unless told otherwise; other clients ask for floats."""
    encoded = await vectors_of(client, "refund")
    floats = await vectors_of(client, "refund", encoding_format="float")
    assert encoded == floats


async def test_dimensions_are_the_models_or_the_callers(client: AsyncOpenAI) -> None:
    """A store is made for one number of them."""
    assert len((await vectors_of(client, "a", model="text-embedding-3-large"))[0]) == 3072
    assert len((await vectors_of(client, "a", dimensions=256))[0]) == 256


async def test_token_numbers_are_texts_too(client: AsyncOpenAI) -> None:
    """Some clients send tokens instead of words."""
    one, other = await vectors_of(client, [[1, 2, 3], [4, 5]])
    assert one != other
    assert (await vectors_of(client, [1, 2, 3])) == [one]


async def test_usage_counts_every_input(client: AsyncOpenAI) -> None:
    """Embedding is paid for by input tokens."""
    answered = await client.embeddings.create(model="text-embedding-3-small", input=["one two", "three"])
    assert answered.usage.prompt_tokens == answered.usage.total_tokens == 3
    assert [each.index for each in answered.data] == [0, 1]


@pytest.mark.parametrize("given", [None, "", [], [""], [[]], 7])
async def test_nothing_to_embed_is_refused(simulator: Simulator, given: Any) -> None:
    """OpenAI refuses empty inputs, and a batch that holds one."""
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        refused = await http.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": given})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input"


async def test_faults_come_by_header_and_not_by_text(client: AsyncOpenAI) -> None:
    """A question with a chat fault in it is embedded on its way, and that must work."""
    assert await vectors_of(client, "simulator:error:500")
    with pytest.raises(openai.InternalServerError):
        await vectors_of(client, "any", extra_headers={"x-simulator-fault": "error:503"})
