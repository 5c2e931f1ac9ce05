"""What holds for every endpoint: the key, limits, routes and what is recorded."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from litellm_plugins.simulator import Simulator, SimulatorSettings

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
MIB = 1024 * 1024


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        yield http


@pytest.fixture(scope="module")
def guarded() -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(latency_scale=0, api_key="sk-right")) as simulator:
        yield simulator


async def test_health_is_open(http: httpx.AsyncClient) -> None:
    """Whoever starts it waits for this."""
    assert (await http.get("/health")).json() == {"status": "ok"}


async def test_models_are_listed(client: AsyncOpenAI) -> None:
    """Clients fill their menus from it."""
    assert "gpt-4o" in {model.id async for model in client.models.list()}


async def test_what_was_received_is_told(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Tests prove with it that nothing of ours reaches the provider, and no key reaches a log."""
    await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "hi"}], extra_headers={"x-ours": "yes"}
    )
    (record,) = simulator.requests()
    assert (record["method"], record["path"]) == ("POST", "/v1/chat/completions")
    assert record["body"] == BODY
    assert record["headers"]["x-ours"] == "yes"
    assert "sk-secret" not in str(record)
    assert (record["status"], record["outcome"]) == (200, "complete")
    assert record["tokens_sent"] > 0


async def test_calls_are_counted_until_they_are_cleared(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Tests prove with it that the provider was not called."""
    assert simulator.count() == 0
    await client.embeddings.create(model="text-embedding-3-small", input="hi")
    await client.models.list()
    assert (simulator.count(), simulator.count("embeddings"), simulator.count("chat")) == (2, 1, 0)
    simulator.clear()
    assert (simulator.count(), simulator.requests()) == (0, [])


async def test_an_unknown_route_is_refused_and_recorded(http: httpx.AsyncClient, simulator: Simulator) -> None:
    """A call that went astray must show."""
    refused = await http.post("/v1/nothing", json={})
    assert refused.status_code == 404
    assert refused.json()["error"]["message"] == "Invalid URL (POST /v1/nothing)"
    assert simulator.requests()[0]["endpoint"] == "unknown"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_json_object_is_refused(
    http: httpx.AsyncClient, simulator: Simulator, content: bytes
) -> None:
    """A provider says 400, not 500."""
    refused = await http.post("/v1/chat/completions", content=content)
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert simulator.requests()[0]["body"] in (None, [])


async def test_a_request_over_the_limit_is_refused(http: httpx.AsyncClient, simulator: Simulator) -> None:
    """Memory stays bounded, and the sender learns why, with a declared length or without."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * MIB

    assert (await http.post("/v1/chat/completions", content=b"x" * 9 * MIB)).status_code == 413
    assert (await http.post("/v1/chat/completions", content=pieces())).status_code == 413
    assert simulator.requests()[0]["status"] == 413


async def test_a_long_prompt_is_answered_and_counted(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Long contexts are what compression is for; their text is not kept."""
    answered = await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "word " * 100_000}]
    )
    assert answered.usage is not None
    assert answered.usage.prompt_tokens > 100_000
    assert simulator.requests()[0]["body"] is None


async def test_a_wrong_key_is_refused(guarded: Simulator) -> None:
    """Nothing is answered without the key where there is one, and what was recorded is not shown."""
    async with AsyncOpenAI(base_url=f"{guarded.url}/v1", api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
    assert refused.value.code == "invalid_api_key"
    async with httpx.AsyncClient(base_url=guarded.url) as http:
        for path in ("/simulator/requests", "/simulator/count", "/v1/models"):
            assert (await http.get(path)).status_code == 401
        assert (await http.get("/health")).status_code == 200


async def test_the_right_key_is_let_in(guarded: Simulator) -> None:
    """The simulator's own handle sends it too."""
    guarded.clear()
    async with AsyncOpenAI(base_url=f"{guarded.url}/v1", api_key="sk-right", max_retries=0) as client:
        await client.models.list()
    assert guarded.count("models") == 1


async def test_many_at_once_are_each_given_their_own_answer(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Concurrent requests share nothing that could be mixed up."""
    alone = [await _content(client, number) for number in range(40)]
    together = await asyncio.gather(*(_content(client, number) for number in range(40)))
    assert together == alone
    assert simulator.count("chat") == 80


async def _content(client: AsyncOpenAI, number: int) -> str | None:
    messages = [{"role": "user", "content": f"Where is order {number}?"}]
    answered = await client.chat.completions.create(model="gpt-4o", messages=messages)  # type: ignore[arg-type] # plain dicts
    return answered.choices[0].message.content
