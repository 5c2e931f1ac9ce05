"""Responses, as the real OpenAI SDK sees them."""

from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseFunctionToolCall
from pydantic import BaseModel

from litellm_plugins.simulator import Simulator, SimulatorSettings, reference

QUESTION = "How do I change the delivery address?"
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
    },
}
CLOCK: dict[str, Any] = {"type": "function", "name": "get_time", "parameters": None, "strict": False}
IMAGE = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"}


def said(content: Any, *before: Any) -> list[Any]:
    return [*before, {"role": "user", "content": content}]


async def ask(client: AsyncOpenAI, given: Any = QUESTION, **options: Any) -> Response:
    answered: Response = await client.responses.create(model="gpt-4.1", input=given, **options)
    return answered


def calls_of(answered: Response) -> list[ResponseFunctionToolCall]:
    return [item for item in answered.output if item.type == "function_call"]


async def test_an_answer_has_what_a_provider_sends(client: AsyncOpenAI) -> None:
    """The proxy and its callers read these fields."""
    answered = await ask(client, instructions="Be brief.", metadata={"a": "b"}, temperature=0.5)
    assert answered.id.startswith("resp_")
    assert (answered.object, answered.status, answered.model) == ("response", "completed", "gpt-4.1")
    assert (answered.instructions, answered.metadata, answered.temperature) == ("Be brief.", {"a": "b"}, 0.5)
    assert (answered.error, answered.incomplete_details, answered.previous_response_id) == (None, None, None)
    (item,) = answered.output
    assert item.type == "message"
    assert (item.role, item.status) == ("assistant", "completed")
    assert f"[ref {reference(QUESTION)}]" in answered.output_text
    assert (await ask(client)).id != answered.id


async def test_usage_has_its_details(client: AsyncOpenAI) -> None:
    """Budgets are settled by these numbers."""
    usage = (await ask(client)).usage
    assert usage is not None
    assert usage.input_tokens > 5
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens_details.cached_tokens == 0
    assert usage.output_tokens_details.reasoning_tokens == 0


async def test_tokens_are_counted_as_they_are_billed(client: AsyncOpenAI, simulator: Simulator) -> None:
    """A fault in the text is for the answer, not for the count."""
    options: dict[str, Any] = {"instructions": "Be brief.", "tools": [WEATHER]}
    asked = f"{QUESTION} simulator:truncate"
    counted = await client.responses.input_tokens.count(model="gpt-4.1", input=asked, **options)
    billed = (await ask(client, asked, **options)).usage
    assert billed is not None
    assert counted.input_tokens == billed.input_tokens
    assert (await client.responses.input_tokens.count(model="gpt-4.1", input="simulator:error:500")).input_tokens > 0
    assert simulator.count("input_tokens") == 2


async def test_what_only_carries_an_answer_does_not_change_it(client: AsyncOpenAI) -> None:
    """A text, a message, parts; instructions or a first message with the role."""
    plain = (await ask(client, instructions="Be brief.")).output_text
    parts = [{"type": "input_text", "text": QUESTION}]
    for role in ("system", "developer"):
        before = {"type": "message", "role": role, "content": "Be brief."}
        assert (await ask(client, said(parts, before))).output_text == plain
    assert (await ask(client, said(QUESTION), instructions="Be brief.", store=False)).output_text == plain


async def test_whatever_should_change_an_answer_changes_it(client: AsyncOpenAI) -> None:
    """A cache key that leaves one of these out serves a wrong answer, and this is how that shows."""
    text = {"type": "input_text", "text": QUESTION}
    asked: list[dict[str, Any]] = [
        {},
        {"temperature": 0.1},
        {"instructions": "Be brief."},
        {"tools": [WEATHER]},
        {"reasoning": {"effort": "high"}},
        {"given": said([IMAGE, text])},
        {"given": said(QUESTION, *said("Hi"), {"role": "assistant", "content": "Hello"})},
    ]
    assert len({(await ask(client, **options)).output_text for options in asked}) == len(asked)


async def test_a_limit_makes_an_answer_incomplete(client: AsyncOpenAI) -> None:
    """And the item in it."""
    cut = await ask(client, max_output_tokens=20)
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"
    assert cut.usage is not None
    assert cut.usage.output_tokens == 20
    filtered = await ask(client, "simulator:content_filter")
    assert filtered.incomplete_details is not None
    assert filtered.incomplete_details.reason == "content_filter"


async def test_tools_are_called_as_in_a_chat(client: AsyncOpenAI) -> None:
    """Required, by name, and on its own account."""
    both = [WEATHER, CLOCK, {"type": "web_search"}]
    answered = await ask(client, "In Paris, for 3 days?", tools=both, tool_choice="required")
    (call,) = calls_of(answered)
    assert (call.id or "").startswith("fc_")
    assert call.call_id.startswith("call_")
    assert (call.name, call.arguments) == ("get_weather", '{"city":"Paris","days":3}')
    named = await ask(client, tools=both, tool_choice={"type": "function", "name": "get_time"})
    assert [call.name for call in calls_of(named)] == ["get_time"]
    assert not calls_of(await ask(client, tools=both))
    asked = "Use get_weather and get time for Rome"
    assert len(calls_of(await ask(client, asked, tools=both))) == 2
    assert len(calls_of(await ask(client, asked, tools=both, parallel_tool_calls=False))) == 1
    assert not calls_of(await ask(client, asked, tools=both, tool_choice="none"))


async def test_after_a_tools_output_comes_an_answer_in_words(client: AsyncOpenAI) -> None:
    """Whether the client sends the history or points to it, the model has seen the same."""
    asked = said("Use get_weather for Rome")
    called = await ask(client, asked, tools=[WEATHER])
    (call,) = calls_of(called)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    history = [*asked, call.model_dump(exclude_none=True), result]
    sent = await ask(client, history, tools=[WEATHER])
    pointed_at = await ask(client, [result], tools=[WEATHER], previous_response_id=called.id)
    assert sent.output_text
    assert pointed_at.output_text == sent.output_text
    assert pointed_at.previous_response_id == called.id
    assert pointed_at.usage == sent.usage


async def test_a_conversation_goes_on_from_its_answer(client: AsyncOpenAI) -> None:
    """The answer that went before is part of what is asked; instructions are not."""
    first = await ask(client, instructions="Be brief.")
    second = await ask(client, "Why?", previous_response_id=first.id)
    history = said("Why?", *said(QUESTION), {"role": "assistant", "content": first.output_text})
    assert second.output_text == (await ask(client, history)).output_text
    assert second.output_text != (await ask(client, "Why?")).output_text


async def test_only_what_was_stored_can_be_gone_on_with(client: AsyncOpenAI) -> None:
    """OpenAI's own error, by its code."""
    unstored = await ask(client, store=False)
    assert unstored.to_dict()["store"] is False
    for previous in (unstored.id, "resp_nothing"):
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(client, "Why?", previous_response_id=previous)
        assert refused.value.code == "previous_response_not_found"


async def test_what_conversations_hold_is_bounded() -> None:
    """The oldest is given up."""
    settings = SimulatorSettings(latency_scale=0, max_conversation_bytes=3_000)
    with Simulator(settings) as simulator:
        async with AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="any", max_retries=0) as client:
            first, *_, last = [await ask(client, f"Where is order {number}?") for number in range(20)]
            assert (await ask(client, "Why?", previous_response_id=last.id)).output_text
            with pytest.raises(openai.BadRequestError):
                await ask(client, "Why?", previous_response_id=first.id)


async def test_structured_output_fits_its_schema(client: AsyncOpenAI) -> None:
    """The SDK parses it with the caller's own model."""

    class Reply(BaseModel):
        summary: str
        steps: list[str]

    parsed = await client.responses.parse(model="gpt-4.1", input="Summarise order 4711", text_format=Reply)
    assert parsed.output_parsed is not None
    assert reference("Summarise order 4711") in parsed.output_parsed.summary
    plain = await ask(client, text={"format": {"type": "json_object"}})
    assert plain.output_text.startswith('{"answer":"')


CALL = {"type": "function_call", "call_id": "c", "name": "a", "arguments": "{}"}


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"model": None}, None),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [{"type": "sound"}]}, "input[0].type"),
        ({"input": [{"role": "boss", "content": "hi"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": said([{"type": "text_in"}])}, "input[0].content[0].type"),
        ({"input": said([{"type": "input_text"}])}, "input[0].content[0].text"),
        ({"input": [CALL]}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input"),
        ({"instructions": 7}, "instructions"),
        ({"max_output_tokens": 15}, "max_output_tokens"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "a", "parameters": 7}]}, "tools[0].parameters"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"text": {"format": 7}}, "format"),
        ({"previous_response_id": 7}, "previous_response_id"),
        ({"background": True}, "background"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_protocols_words(
    simulator: Simulator, wrong: dict[str, Any], param: str | None
) -> None:
    """What the proxy makes of a provider's 400 can only be tested against a real one."""
    given = {"model": "gpt-4.1", "input": "hi", **wrong}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        refused = await http.post("/v1/responses", json={k: v for k, v in given.items() if v is not None})
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]


async def test_faults_are_as_in_a_chat(client: AsyncOpenAI, simulator: Simulator) -> None:
    """By the text or by the header."""
    with pytest.raises(openai.InternalServerError):
        await ask(client, "simulator:error:500")
    with pytest.raises(openai.RateLimitError):
        await ask(client, extra_headers={"x-simulator-fault": "error:429"})
    with pytest.raises(openai.APIConnectionError):
        await ask(client, "simulator:disconnect")
    assert simulator.count("responses") == 3
