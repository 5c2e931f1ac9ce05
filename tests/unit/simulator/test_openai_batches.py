"""Files and batches, as the real OpenAI SDK sees them."""

from collections.abc import Iterator, Mapping
from typing import Any

import openai
import orjson
import pytest
from openai import AsyncOpenAI

from litellm_plugins.simulator import Simulator, SimulatorSettings
from litellm_plugins.simulator.shelf import BatchStatus


class Fate:
    """What becomes of batches, and the time; only a test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.status: BatchStatus | None = None

    def clock(self) -> float:
        return self.now

    def __call__(self, _: Mapping[str, Any]) -> BatchStatus | None:
        return self.status


@pytest.fixture(scope="module")
def fate() -> Fate:
    return Fate()


@pytest.fixture(scope="module")
def running(fate: Fate) -> Iterator[Simulator]:
    settings = SimulatorSettings(batch_s=30, clock=fate.clock, batch_fate=fate)
    with Simulator(settings) as simulator:
        yield simulator


def row(custom_id: str, question: str, **more: Any) -> dict[str, Any]:
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": question}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(each) + b"\n" for each in rows)


async def begun(client: AsyncOpenAI, content: bytes, **metadata: str) -> Any:
    file = await client.files.create(file=("requests.jsonl", content), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata
    )


async def content_of(client: AsyncOpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    assert file_id is not None
    content = (await client.files.content(file_id)).content
    return {each["custom_id"]: each for each in map(orjson.loads, content.splitlines())}


async def test_a_batch_goes_its_way_and_answers_as_a_chat_would(
    client: AsyncOpenAI, fate: Fate, simulator: Simulator
) -> None:
    batch = await begun(client, lines(row("a", "How do I get a refund?"), row("b", "simulator:error:400")), word="x")
    seen = [batch.status]
    for _ in range(3):
        fate.now += 11
        seen.append((await client.batches.retrieve(batch.id)).status)
    assert seen == ["validating", "in_progress", "finalizing", "completed"]

    done = await client.batches.retrieve(batch.id)
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (2, 1, 1)
    assert done.metadata == {"word": "x"}
    told = (await content_of(client, done.output_file_id))["a"]["response"]
    assert told["status_code"] == 200
    asked = [{"role": "user", "content": "How do I get a refund?"}]
    fresh = await client.chat.completions.create(model="gpt-4.1-mini", messages=asked)  # type: ignore[arg-type] # a dict
    assert told["body"]["choices"][0]["message"]["content"] == fresh.choices[0].message.content
    failed = (await content_of(client, done.error_file_id))["b"]["response"]
    assert failed["status_code"] == 400
    bill = simulator.batch_bill()["gpt-4.1-mini"]
    assert bill["requests"] == 1
    assert bill["completion_tokens"] == told["body"]["usage"]["completion_tokens"]


async def test_batches_are_listed_newest_first_in_pages(client: AsyncOpenAI) -> None:
    made = [(await begun(client, lines(row("a", f"number {n}")))).id for n in range(3)]
    page = await client.batches.list(limit=2)
    assert [each.id for each in page.data] == [made[2], made[1]]
    assert page.has_more
    more = await client.batches.list(limit=2, after=made[1])
    assert more.data[0].id == made[0]


async def test_a_batch_that_is_cancelled_answers_nothing(client: AsyncOpenAI) -> None:
    batch = await begun(client, lines(row("a", "never mind")))
    assert (await client.batches.cancel(batch.id)).status == "cancelling"
    done = await client.batches.retrieve(batch.id)
    assert (done.status, done.output_file_id) == ("cancelled", None)
    assert (await content_of(client, done.error_file_id))["a"]["error"]["code"] == "batch_cancelled"
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


async def test_a_batch_may_expire(client: AsyncOpenAI, fate: Fate) -> None:
    batch = await begun(client, lines(row("a", "too late")))
    fate.status = "expired"
    done = await client.batches.retrieve(batch.id)
    fate.status = None
    assert done.status == "expired"
    assert (await content_of(client, done.error_file_id))["a"]["error"]["code"] == "batch_expired"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"{oh\n", "invalid_json_line"),
        (lines(row("a", "x"), row("a", "y")), "duplicate_custom_id"),
        (lines(row("a", "x", stream=True)), "invalid_request"),
    ],
)
async def test_a_file_that_is_no_good_fails_the_batch_and_says_why(
    client: AsyncOpenAI, content: bytes, code: str
) -> None:
    done = await client.batches.retrieve((await begun(client, content)).id)
    assert done.status == "failed"
    assert done.errors is not None
    assert done.errors.data is not None
    assert [each.code for each in done.errors.data] == [code]


async def test_what_is_not_there_is_not_found(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.batches.retrieve("batch_none")
    with pytest.raises(openai.NotFoundError):
        await client.files.content("file-none")
    file = await client.files.create(file=("requests.jsonl", b"{}"), purpose="batch")
    assert (await client.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await begun_of(client, file.id)


async def begun_of(client: AsyncOpenAI, file_id: str) -> Any:
    return await client.batches.create(input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h")
