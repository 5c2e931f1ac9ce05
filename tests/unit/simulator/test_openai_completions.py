"""Legacy completions, as the real OpenAI SDK sees them."""

from typing import Any

import httpx
import openai
import pytest
import tiktoken
from openai import AsyncOpenAI
from openai.types import Completion

from litellm_plugins.simulator import Simulator, reference

PROMPT = "How do I change the delivery address?"


async def ask(client: AsyncOpenAI, prompt: Any = PROMPT, **options: Any) -> Completion:
    answered: Completion = await client.completions.create(model="gpt-4.1", prompt=prompt, **options)
    return answered


async def streamed(client: AsyncOpenAI, prompt: Any = PROMPT, **options: Any) -> list[Completion]:
    stream = await client.completions.create(model="gpt-4.1", prompt=prompt, stream=True, **options)
    return [chunk async for chunk in stream]


def text_of(chunks: list[Completion], index: int = 0) -> str:
    return "".join(choice.text for chunk in chunks for choice in chunk.choices if choice.index == index)


async def test_an_answer_has_what_a_provider_sends(client: AsyncOpenAI) -> None:
    """The proxy and its callers read these fields."""
    answered = await ask(client)
    (choice,) = answered.choices
    assert answered.id.startswith("cmpl-")
    assert (answered.object, answered.model) == ("text_completion", "gpt-4.1")
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert f"[ref {reference(PROMPT)}]" in choice.text
    assert (await ask(client)).id != answered.id


async def test_usage_is_what_the_tokenizer_counts(client: AsyncOpenAI) -> None:
    """A prompt is not framed as a message is."""
    answered = await ask(client)
    encoding = tiktoken.get_encoding("o200k_base")
    assert answered.usage is not None
    assert answered.usage.prompt_tokens == len(encoding.encode(PROMPT))
    assert answered.usage.completion_tokens == len(encoding.encode(answered.choices[0].text))


async def test_each_prompt_gets_its_own_answers(client: AsyncOpenAI) -> None:
    """`n` for each, in the prompts' order, and what each says alone."""
    prompts = [PROMPT, "Where is my order?"]
    both = await ask(client, prompts, n=2)
    alone = [await ask(client, prompt, n=2) for prompt in prompts]
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in both.choices] == [choice.text for each in alone for choice in each.choices]
    assert len({choice.text for choice in both.choices}) == 4


async def test_echo_puts_the_prompt_first_and_bills_it_once(client: AsyncOpenAI) -> None:
    """Streamed, too."""
    plain = await ask(client)
    echoed = await ask(client, echo=True)
    assert echoed.choices[0].text == PROMPT + plain.choices[0].text
    assert echoed.usage == plain.usage
    assert text_of(await streamed(client, echo=True)) == echoed.choices[0].text


async def test_limits_and_stop_texts_cut(client: AsyncOpenAI) -> None:
    """As in a chat; several prompts are each cut."""
    cut = await ask(client, [PROMPT, "Hi"], max_tokens=12)
    assert [choice.finish_reason for choice in cut.choices] == ["length", "length"]
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 24
    assert "[ref" not in (await ask(client, stop="[ref")).choices[0].text


async def test_token_numbers_are_a_prompt(client: AsyncOpenAI) -> None:
    """Clients may have counted already."""
    answered = await ask(client, [15339, 1917])
    assert answered.usage is not None
    assert answered.usage.prompt_tokens == 2


async def test_a_stream_says_what_the_whole_answer_says(client: AsyncOpenAI) -> None:
    """Several choices side by side, the finish reason last, usage only if asked for."""
    whole = await ask(client, [PROMPT, "Hi"])
    chunks = await streamed(client, [PROMPT, "Hi"], stream_options={"include_usage": True})
    assert [text_of(chunks, index) for index in (0, 1)] == [choice.text for choice in whole.choices]
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert finishes.count("stop") == 2
    assert finishes[-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in await streamed(client))


async def test_the_raw_stream_is_server_sent_events(simulator: Simulator) -> None:
    """Clients without an SDK read it by hand; after a silent end there is no last event."""
    body = {"model": "gpt-4.1", "prompt": PROMPT, "stream": True}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        events = (await http.post("/completions", json=body)).text.split("\n\n")
        cut = (await http.post("/completions", json=body, headers={"x-simulator-fault": "silent_end"})).text
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(event.startswith('data: {"id":"cmpl-') for event in events[:-2])
    assert cut.endswith("\n\n")
    assert "[DONE]" not in cut
    assert '"finish_reason":"' not in cut


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"prompt": {"text": "hi"}}, "prompt"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 3, "best_of": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_protocols_words(
    simulator: Simulator, wrong: dict[str, Any], param: str
) -> None:
    """What the proxy makes of a provider's 400 can only be tested against a real one."""
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        refused = await http.post("/v1/completions", json={"model": "gpt-4.1", "prompt": "hi", **wrong})
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.json()["error"]["param"] == param


async def test_faults_are_as_in_a_chat(client: AsyncOpenAI, simulator: Simulator) -> None:
    """In any of the prompts."""
    with pytest.raises(openai.RateLimitError):
        await ask(client, ["Hi", "simulator:error:429"])
    with pytest.raises(openai.APIConnectionError):
        await ask(client, "simulator:disconnect")
    assert (await ask(client, "simulator:content_filter")).choices[0].finish_reason == "content_filter"
    assert simulator.count("completions") == 3
