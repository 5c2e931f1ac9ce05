"""Messages, as the real Anthropic SDK sees them."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message, ToolUseBlock

from litellm_plugins.simulator import Simulator, SimulatorSettings, reference

QUESTION = "How do I change the delivery address?"
MODEL = "claude-sonnet"
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of the next days.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city", "days"],
    },
}
CLOCK: dict[str, Any] = {
    "name": "get_time",
    "input_schema": {"type": "object", "properties": {"zone": {"const": "UTC"}}},
}
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
VERSION = {"anthropic-version": "2023-06-01"}


def said(content: Any, *before: Any) -> list[Any]:
    return [*before, {"role": "user", "content": content}]


async def ask(client: AsyncAnthropic, text: str = QUESTION, **options: Any) -> Message:
    options = {"model": MODEL, "max_tokens": 1_000, "messages": said(text), **options}
    answered: Message = await client.messages.create(**options)
    return answered


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message: Message) -> list[ToolUseBlock]:
    return [block for block in message.content if block.type == "tool_use"]


async def test_an_answer_has_what_a_provider_sends(claude: AsyncAnthropic) -> None:
    """The proxy and its callers read these fields."""
    answered = await ask(claude)
    assert answered.id.startswith("msg_")
    assert (answered.type, answered.role, answered.model) == ("message", "assistant", MODEL)
    assert (answered.stop_reason, answered.stop_sequence) == ("end_turn", None)
    assert f"[ref {reference(QUESTION)}]" in text_of(answered)
    assert answered._request_id
    assert (await ask(claude)).id != answered.id


async def test_usage_has_the_cache_fields(claude: AsyncAnthropic) -> None:
    """Budgets are settled by these numbers; a system prompt and an image are input, too."""
    usage = (await ask(claude)).usage
    assert usage.input_tokens > 5
    assert usage.output_tokens > 30
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)
    longer = await ask(claude, system="Be brief.", messages=said([PIXEL, {"type": "text", "text": QUESTION}]))
    assert longer.usage.input_tokens > usage.input_tokens + 85


async def test_what_only_carries_an_answer_does_not_change_it(claude: AsyncAnthropic) -> None:
    """Blocks instead of a string and cache marks say the same."""
    block = {"type": "text", "text": QUESTION, "cache_control": {"type": "ephemeral"}}
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    plain = text_of(await ask(claude, system="Be brief."))
    assert text_of(await ask(claude, system=system, messages=said([block]))) == plain
    assert text_of(await ask(claude, system="Be brief.", metadata={"user_id": "somebody"})) == plain


async def test_whatever_should_change_an_answer_changes_it(claude: AsyncAnthropic) -> None:
    """A cache key that leaves one of these out serves a wrong answer, and this is how that shows."""
    image = [PIXEL, {"type": "text", "text": QUESTION}]
    other = [{**PIXEL, "source": {"type": "url", "url": "https://example.com/a.png"}}, image[1]]
    asked: list[dict[str, Any]] = [
        {},
        {"model": "claude-haiku"},
        {"extra_body": {"temperature": 0.1}},
        {"extra_body": {"top_k": 5}},
        {"system": "Be brief."},
        {"tools": [WEATHER]},
        {"messages": said(image)},
        {"messages": said(other)},
        {"messages": said(QUESTION, *said("Hi"), {"role": "assistant", "content": "Hello"})},
    ]
    assert len({text_of(await ask(claude, **options)) for options in asked}) == len(asked)


async def test_limits_and_stop_texts_are_said(claude: AsyncAnthropic) -> None:
    """Each has its own stop reason; there may be more stop texts than with OpenAI."""
    cut = await ask(claude, max_tokens=12)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 12)
    stopped = await ask(claude, stop_sequences=["##", "$$", "%%", "Your case", "&&", "@@"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Your case")
    assert "Your case" not in text_of(stopped)


async def test_a_required_tool_is_called_with_valid_arguments(claude: AsyncAnthropic) -> None:
    """`any` takes one of them, `tool` the one that it names."""
    asked: dict[str, Any] = {"messages": said("In Paris, for 3 days?"), "tools": [WEATHER, CLOCK]}
    answered = await ask(claude, **asked, tool_choice={"type": "any"})
    (call,) = calls_of(answered)
    assert answered.stop_reason == "tool_use"
    assert call.id.startswith("toolu_")
    assert (call.name, call.input) == ("get_weather", {"city": "Paris", "days": 3})
    named = await ask(claude, **asked, tool_choice={"type": "tool", "name": "get_time"})
    assert [each.name for each in calls_of(named)] == ["get_time"]


async def test_a_tool_is_called_on_its_own_account_only_when_it_is_mentioned(claude: AsyncAnthropic) -> None:
    """As in OpenAI's protocol."""
    both = [WEATHER, CLOCK]
    assert not calls_of(await ask(claude, tools=both))
    asked = "Use get_weather and get time for Rome"
    assert len(calls_of(await ask(claude, asked, tools=both))) == 2
    assert not calls_of(await ask(claude, asked, tools=both, tool_choice={"type": "none"}))
    alone = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(calls_of(await ask(claude, asked, tools=both, tool_choice=alone))) == 1


async def test_after_a_tool_result_comes_an_answer_in_words(claude: AsyncAnthropic) -> None:
    """An agent's loop has to end."""
    asked = said("Use get_weather for Rome")
    called = await ask(claude, messages=asked, tools=[WEATHER])
    result = {"type": "tool_result", "tool_use_id": calls_of(called)[0].id, "content": "sunny"}
    history = [*asked, {"role": "assistant", "content": called.content}]
    answered = await ask(claude, messages=said([result], *history), tools=[WEATHER])
    assert text_of(answered)
    failed = await ask(claude, messages=said([{**result, "is_error": True}], *history), tools=[WEATHER])
    assert text_of(failed) != text_of(answered)


async def test_structured_output_fits_its_schema(claude: AsyncAnthropic) -> None:
    """The schema stands in `output_config`."""
    schema = {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]}
    answered = await ask(claude, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert text_of(answered).startswith('{"summary":"')


async def test_tokens_are_counted_as_they_are_billed(claude: AsyncAnthropic, simulator: Simulator) -> None:
    """With the tools and the system prompt, and without `max_tokens`."""
    asked: dict[str, Any] = {
        "system": "Be brief.",
        "tools": [WEATHER],
        "messages": said(f"{QUESTION} simulator:error:500"),
    }
    counted = await claude.messages.count_tokens(model=MODEL, **asked)
    billed = await ask(claude, **{**asked, "messages": said(f"{QUESTION} simulator:none:500")})
    assert counted.input_tokens == billed.usage.input_tokens
    assert simulator.count("count_tokens") == 1
    with pytest.raises(anthropic.APIStatusError) as refused:
        await claude.messages.count_tokens(model=MODEL, **asked, extra_headers={"x-simulator-fault": "error:529"})
    assert "overloaded_error" in str(refused.value.body)


RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "a", "input": {}}]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": None}, "model: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
        ({"messages": [{"role": "system", "content": "hi"}]}, 'messages: Unexpected role "system"'),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": said([{"type": "text"}])}, "messages.0.content.0.text.text: Field required"),
        ({"messages": said([{"type": "text", "text": ""}])}, "messages: text content blocks must be non-empty"),
        ({"messages": said([{"type": "sound"}])}, "messages.0.content.0: Input tag 'sound' found"),
        ({"messages": said([RESULT])}, "messages.0: unexpected `tool_use_id` found"),
        ({"messages": said("hi", CALL)}, "messages.1: `tool_use` ids were found without"),
        ({"messages": said([{**RESULT, "content": 7}], CALL)}, "content: Input should be a valid list"),
        ({"messages": [CALL]}, "messages.0: `tool_use` ids were found without"),
        ({"system": 7}, "system: Input should be a valid list"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"stop_sequences": [1]}, "stop_sequences.0: Input should be a valid string"),
        ({"tools": [{"name": "a"}]}, "tools.0.input_schema: Field required"),
        ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "tools.0.name: String should match"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice: may only be specified while providing `tools`"),
        ({"tools": [CLOCK], "tool_choice": {"type": "tool", "name": "x"}}, "tool_choice: Tool 'x' not found"),
        ({"tools": [CLOCK], "tool_choice": "auto"}, "tool_choice: Input should be a valid dictionary"),
        ({"n": 2}, "n: Extra inputs are not permitted"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_protocols_words(
    simulator: Simulator, wrong: dict[str, Any], message: str
) -> None:
    """What the proxy makes of a provider's 400 can only be tested against a real one."""
    given = {"model": MODEL, "max_tokens": 10, "messages": said("hi"), **wrong}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        body = {name: value for name, value in given.items() if value is not None}
        refused = await http.post("/v1/messages", json=body, headers=VERSION)
    assert refused.status_code == 400
    assert refused.json()["type"] == "error"
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.json()["error"]["message"].startswith(message)


async def test_the_version_has_to_be_said(simulator: Simulator) -> None:
    """A proxy that forgets the header would fail at the provider only."""
    body = {"model": MODEL, "max_tokens": 10, "messages": said("hi")}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        for headers in ({}, {"anthropic-version": "tomorrow"}):
            refused = await http.post("/v1/messages", json=body, headers=headers)
            assert refused.status_code == 400
            assert refused.json()["error"]["message"].startswith("anthropic-version")


async def test_the_newer_version_has_no_sampling_parameters(simulator: Simulator) -> None:
    """The SDK sends it from 2.0 on; a proxy that passes it on must not pass `temperature` on."""
    body = {"model": MODEL, "max_tokens": 10, "messages": said("hi")}
    headers = {"anthropic-version": "2026-10-21"}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        assert (await http.post("/v1/messages", json=body, headers=headers)).status_code == 200
        refused = await http.post("/v1/messages", json={**body, "temperature": 0.5}, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("temperature: is not supported")


async def test_the_key_may_come_either_way(simulator: Simulator) -> None:
    """As `x-api-key`, or as a bearer token; and it is not recorded."""
    with Simulator(SimulatorSettings(latency_scale=0, api_key="sk-right")) as guarded:
        async with AsyncAnthropic(base_url=guarded.url, api_key="sk-right") as client:
            await ask(client)
        async with AsyncAnthropic(base_url=guarded.url, auth_token="sk-right") as client:
            await ask(client)
        async with AsyncAnthropic(base_url=guarded.url, api_key="sk-wrong") as client:
            with pytest.raises(anthropic.AuthenticationError) as refused:
                await ask(client)
        assert "authentication_error" in str(refused.value.body)
        assert "sk-right" not in str(guarded.requests())


async def test_an_error_fault_is_an_error_of_the_sdk(claude: AsyncAnthropic) -> None:
    """Fallbacks and retries start from these."""
    with pytest.raises(anthropic.InternalServerError) as failed:
        await ask(claude, "simulator:error:500")
    assert "api_error" in str(failed.value.body)
    with pytest.raises(anthropic.RateLimitError) as limited:
        await ask(claude, extra_headers={"x-simulator-fault": "error:429"})
    assert limited.value.response.headers["retry-after"] == "1"
    assert "rate_limit_error" in str(limited.value.body)


async def test_cutting_faults_show_as_stop_reasons(claude: AsyncAnthropic) -> None:
    """A cache tells by these that an answer is not complete."""
    assert (await ask(claude, "simulator:truncate")).stop_reason == "max_tokens"
    assert (await ask(claude, "simulator:content_filter")).stop_reason == "refusal"


async def test_a_dropped_connection_is_an_error_of_the_sdk(claude: AsyncAnthropic, simulator: Simulator) -> None:
    """Half a body is not an answer."""
    with pytest.raises(anthropic.APIConnectionError):
        await ask(claude, "simulator:disconnect")
    assert simulator.requests()[0]["outcome"] == "dropped"
