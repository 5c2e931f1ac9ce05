"""Chat completions, as the real OpenAI SDK sees them."""

import asyncio
import time
from typing import Any

import httpx
import openai
import pytest
import tiktoken
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from litellm_plugins.simulator import Simulator, reference

QUESTION = "How do I change the delivery address?"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}
CLOCK: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}},
    },
}


def said(text: str, *before: Any) -> list[Any]:
    return [*before, {"role": "user", "content": text}]


async def ask(client: AsyncOpenAI, text: str = QUESTION, model: str = "gpt-4o", **options: Any) -> ChatCompletion:
    answered: ChatCompletion = await client.chat.completions.create(
        model=model, messages=options.pop("messages", said(text)), **options
    )
    return answered


async def text_of(client: AsyncOpenAI, text: str = QUESTION, **options: Any) -> str:
    content = (await ask(client, text, **options)).choices[0].message.content
    assert content is not None
    return content


async def test_an_answer_has_what_a_provider_sends(client: AsyncOpenAI) -> None:
    """The proxy and its callers read these fields."""
    answered = await ask(client)
    assert answered.id.startswith("chatcmpl-")
    assert answered.object == "chat.completion"
    assert answered.model == "gpt-4o"
    assert abs(answered.created - time.time()) < 60
    assert answered.system_fingerprint
    assert answered.choices[0].finish_reason == "stop"
    assert answered.choices[0].message.role == "assistant"
    assert f"[ref {reference(QUESTION)}]" in (answered.choices[0].message.content or "")


async def test_usage_is_what_the_tokenizer_counts(client: AsyncOpenAI) -> None:
    """Budgets are settled by these numbers."""
    answered = await ask(client)
    encoding = tiktoken.get_encoding("o200k_base")
    usage = answered.usage
    assert usage is not None
    assert usage.completion_tokens == len(encoding.encode(answered.choices[0].message.content or ""))
    assert usage.prompt_tokens == 3 + 3 + 1 + len(encoding.encode(QUESTION))
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 0


async def test_the_same_request_gets_the_same_words_under_a_new_id(client: AsyncOpenAI) -> None:
    """Words are repeatable; a repeated id means that a cache answered."""
    first, second = await ask(client), await ask(client)
    assert first.choices == second.choices
    assert first.id != second.id


async def test_whatever_should_change_an_answer_changes_it(client: AsyncOpenAI) -> None:
    """A cache key that leaves one of these out serves a wrong answer, and this is how that shows."""
    asked: list[dict[str, Any]] = [
        {},
        {"model": "gpt-4o-mini"},
        {"temperature": 0.1},
        {"seed": 7},
        {"messages": said(QUESTION, {"role": "system", "content": "Be brief."})},
        {"messages": said(QUESTION, *said("Hi"), {"role": "assistant", "content": "Hello"})},
        {"messages": said(QUESTION, *said("Hi"), {"role": "assistant", "content": "Good day"})},
        {"text": QUESTION + "!"},
    ]
    assert len({await text_of(client, **options) for options in asked}) == len(asked)


async def test_what_only_carries_an_answer_does_not_change_it(client: AsyncOpenAI) -> None:
    """Cache marks, parts instead of a string, a user's name for logs: the model says the same."""
    parts = [{"type": "text", "text": QUESTION, "cache_control": {"type": "ephemeral"}}]
    plain = await text_of(client)
    assert await text_of(client, messages=said(parts)) == plain  # type: ignore[arg-type] # parts, as the SDK takes
    assert await text_of(client, user="somebody", max_tokens=2_000) == plain


async def test_several_choices_differ_and_are_all_counted(client: AsyncOpenAI) -> None:
    """`n` is paid for each answer."""
    answered = await ask(client, n=3)
    assert [choice.index for choice in answered.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answered.choices}) == 3
    assert answered.usage is not None
    assert answered.usage.completion_tokens > (await ask(client)).usage.completion_tokens  # type: ignore[union-attr] # always sent


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_answer(client: AsyncOpenAI, limit: str) -> None:
    """Output limits by feature show as a finish reason and as fewer tokens paid."""
    options: dict[str, Any] = {limit: 12}
    answered = await ask(client, **options)
    assert answered.choices[0].finish_reason == "length"
    assert answered.usage is not None
    assert answered.usage.completion_tokens == 12


async def test_a_stop_text_ends_the_answer(client: AsyncOpenAI) -> None:
    """Both forms of `stop` are in use."""
    for stop in ("[ref", ["nowhere", "[ref"]):
        assert "[ref" not in await text_of(client, stop=stop)


async def test_a_required_tool_is_called_with_valid_arguments(client: AsyncOpenAI) -> None:
    """Answers with tool calls must be recognised as such by caches and by routing."""
    choice = (await ask(client, "In Paris, for 3 days?", tools=[WEATHER], tool_choice="required")).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    call = choice.message.tool_calls[0]
    assert call.id.startswith("call_")
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Paris","days":3}')


async def test_a_tool_forced_by_name_is_called(client: AsyncOpenAI) -> None:
    """OpenAI ends a forced call with "stop": code that looks only for "tool_calls" misses it."""
    forced = {"type": "function", "function": {"name": "get_time"}}
    choice = (await ask(client, tools=[WEATHER, CLOCK], tool_choice=forced)).choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.tool_calls is not None
    assert [call.function.name for call in choice.message.tool_calls if call.type == "function"] == ["get_time"]


async def test_a_tool_is_called_on_its_own_account_only_when_it_is_mentioned(client: AsyncOpenAI) -> None:
    """An offered tool alone must not turn every answer into a call."""
    assert (await ask(client, tools=[WEATHER, CLOCK])).choices[0].message.tool_calls is None
    asked = "Use get_weather and get time for Rome"
    calls = (await ask(client, asked, tools=[WEATHER, CLOCK])).choices[0].message.tool_calls
    assert len(calls or []) == 2
    assert (await ask(client, asked, tools=[WEATHER], tool_choice="none")).choices[0].message.content
    one = (await ask(client, asked, tools=[WEATHER, CLOCK], parallel_tool_calls=False)).choices[0]
    assert len(one.message.tool_calls or []) == 1


async def test_after_a_tool_result_comes_an_answer_in_words(client: AsyncOpenAI) -> None:
    """An agent's loop has to end."""
    asked = said("Use get_weather for Rome")
    called = (await ask(client, messages=asked, tools=[WEATHER])).choices[0].message
    assert called.tool_calls is not None
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "sunny"}
    history = [*asked, called.model_dump(exclude_none=True), result]
    assert (await ask(client, messages=history, tools=[WEATHER])).choices[0].message.content


async def test_structured_output_fits_its_schema(client: AsyncOpenAI) -> None:
    """The SDK parses it with the caller's own model."""

    class Reply(BaseModel):
        summary: str
        steps: list[str]
        urgent: bool
        priority: int | None

    parsed = await client.chat.completions.parse(
        model="gpt-4o", messages=said("Summarise order 4711"), response_format=Reply
    )
    reply = parsed.choices[0].message.parsed
    assert reply is not None
    assert reference("Summarise order 4711") in reply.summary


async def test_json_mode_gives_an_object(client: AsyncOpenAI) -> None:
    """The reference is in there too."""
    text = await text_of(client, response_format={"type": "json_object"})
    assert text.startswith('{"answer":"')
    assert reference(QUESTION) in text


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": said("hi")}, None),
        ({"model": "gpt-4o"}, "messages"),
        ({"model": "gpt-4o", "messages": []}, "messages"),
        ({"model": "gpt-4o", "messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"model": "gpt-4o", "messages": said("hi"), "max_tokens": 0}, "max_tokens"),
        ({"model": "gpt-4o", "messages": said("hi"), "n": 1000}, "n"),
        ({"model": "gpt-4o", "messages": said("hi"), "stop": list("abcde")}, "stop"),
        ({"model": "gpt-4o", "messages": said("hi"), "tools": "all"}, "tools"),
        ({"model": "gpt-4o", "messages": said("hi"), "tool_choice": "auto"}, "tool_choice"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_protocols_words(
    simulator: Simulator, body: dict[str, Any], param: str | None
) -> None:
    """What the proxy makes of a provider's 400 can only be tested against a real one."""
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        refused = await http.post("/v1/chat/completions", json=body)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]


async def test_an_error_fault_is_an_error_of_the_sdk(client: AsyncOpenAI) -> None:
    """Fallbacks and retries start from these."""
    with pytest.raises(openai.InternalServerError):
        await ask(client, "simulator:error:500")
    with pytest.raises(openai.RateLimitError) as limited:
        await ask(client, extra_headers={"x-simulator-fault": "error:429"})
    assert limited.value.response.headers["retry-after"] == "1"
    assert limited.value.code == "rate_limit_exceeded"


async def test_a_dropped_connection_is_an_error_of_the_sdk(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Half a body is not an answer."""
    with pytest.raises(openai.APIConnectionError):
        await ask(client, "simulator:disconnect")
    assert simulator.requests()[0]["outcome"] == "dropped"


async def test_a_stall_holds_back_the_first_byte(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Timeouts start from this; the simulator notices that the client has gone."""
    with pytest.raises(openai.APITimeoutError):
        await ask(client, "simulator:stall:30", timeout=0.2)
    for _ in range(500):
        if simulator.requests()[0]["outcome"] != "open":
            break
        await asyncio.sleep(0.01)
    assert simulator.requests()[0]["outcome"] == "client_left"


async def test_cutting_faults_show_as_finish_reasons(client: AsyncOpenAI) -> None:
    """A cache tells by these that an answer is not complete."""
    assert (await ask(client, "simulator:truncate")).choices[0].finish_reason == "length"
    assert (await ask(client, "simulator:content_filter")).choices[0].finish_reason == "content_filter"
