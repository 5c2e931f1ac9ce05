"""What holds across the endpoints: the same words, the same pace, the same record."""

import time
from typing import Any

import httpx
import pytest

from litellm_plugins.simulator import Simulator, SimulatorSettings

QUESTION = "How do I change the delivery address?"
MODEL = "gpt-4.1"
HEADERS = {"anthropic-version": "2023-06-01"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
}


def asked(endpoint: str, text: str = QUESTION, **options: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"messages": messages},
        "messages": {"messages": messages, "max_tokens": 1_000},
        "responses": {"input": text},
        "completions": {"prompt": text},
    }
    return {"model": MODEL, **bodies[endpoint], **options}


def text_in(endpoint: str, body: dict[str, Any]) -> str:
    if endpoint == "messages":
        return str(body["content"][0]["text"])
    if endpoint == "responses":
        return str(body["output"][0]["content"][0]["text"])
    choice = body["choices"][0]
    return str(choice["text"] if endpoint == "completions" else choice["message"]["content"])


def post(simulator: Simulator, endpoint: str, body: dict[str, Any], fault: str = "") -> httpx.Response:
    headers = {**HEADERS, "x-simulator-fault": fault}
    return httpx.post(f"{simulator.url}{PATHS[endpoint]}", json=body, headers=headers, trust_env=False)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}])
def test_the_same_text_gets_the_same_words_everywhere(simulator: Simulator, options: dict[str, Any]) -> None:
    """Caches can be compared across endpoints."""
    answers = {text_in(each, post(simulator, each, asked(each, **options)).json()) for each in PATHS}
    assert len(answers) == 1


def test_a_conversation_with_tools_is_the_same_everywhere(simulator: Simulator) -> None:
    """A system prompt, a call with its result and the tools: each protocol says them in its own way."""
    arguments, system = '{"city":"Rome"}', "Be brief."
    function = {"name": "get_weather", "parameters": SCHEMA}
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    chat = {
        "model": MODEL,
        "tools": [{"type": "function", "function": function}],
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": "In Rome?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "user", "content": QUESTION},
        ],
    }
    responses = {
        "model": MODEL,
        "instructions": system,
        "tools": [{"type": "function", **function}],
        "input": [
            {"role": "user", "content": "In Rome?"},
            {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": arguments},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {"role": "user", "content": QUESTION},
        ],
    }
    use = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Rome"}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}
    messages = {
        "model": MODEL,
        "max_tokens": 1_000,
        "system": system,
        "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
        "messages": [
            {"role": "user", "content": "In Rome?"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result, {"type": "text", "text": QUESTION}]},
        ],
    }
    bodies: dict[str, dict[str, Any]] = {"chat": chat, "responses": responses, "messages": messages}
    answered = {each: post(simulator, each, body).json() for each, body in bodies.items()}
    assert len({text_in(each, body) for each, body in answered.items()}) == 1
    assert answered["chat"]["usage"]["prompt_tokens"] == answered["responses"]["usage"]["input_tokens"]
    without = [each | {"tools": []} for each in (chat, messages)]  # which OpenAI's models read as types of TypeScript
    alone = [
        post(simulator, name, body).json()["usage"] for name, body in zip(("chat", "messages"), without, strict=True)
    ]
    assert alone[0]["prompt_tokens"] == alone[1]["input_tokens"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", PATHS)
def test_every_answer_is_recorded_with_its_tokens(simulator: Simulator, endpoint: str, stream: bool) -> None:
    """By the endpoint's name."""
    assert post(simulator, endpoint, asked(endpoint, stream=stream)).status_code == 200
    (record,) = simulator.requests()
    assert (record["endpoint"], record["status"], record["outcome"]) == (endpoint, 200, "complete")
    assert record["tokens_sent"] > 30


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", PATHS)
def test_a_silent_end_is_a_whole_body_to_http(simulator: Simulator, endpoint: str, stream: bool) -> None:
    """Nothing but the missing end tells."""
    cut = post(simulator, endpoint, asked(endpoint, stream=stream), "silent_end").content
    whole = post(simulator, endpoint, asked(endpoint, stream=stream)).content
    assert 0 < len(cut) < len(whole)
    assert [record["outcome"] for record in simulator.requests()] == ["ended_early", "complete"]
    for end in (b"[DONE]", b"message_stop", b"response.completed"):
        assert end not in cut


@pytest.mark.parametrize("endpoint", PATHS)
def test_a_stall_and_an_error_come_on_every_endpoint(simulator: Simulator, endpoint: str) -> None:
    """A fault that one of them forgot would make a test of a fallback pass for no reason."""
    began = time.monotonic()
    refused = post(simulator, endpoint, asked(endpoint, "simulator:error:503"), "stall:0.2")
    assert refused.status_code == 503
    assert time.monotonic() - began >= 0.2


def test_the_pace_is_the_same_everywhere() -> None:
    """Latency that differed by endpoint would be taken for the proxy's."""
    with Simulator(SimulatorSettings(latency_scale=0.2)) as simulator:
        waits = []
        for endpoint in PATHS:
            post(simulator, endpoint, asked(endpoint))
            began = time.monotonic()
            post(simulator, endpoint, asked(endpoint))
            waits.append(time.monotonic() - began)
    assert min(waits) > 0.1
    assert max(waits) - min(waits) < 0.1 + min(waits)


def test_a_script_has_its_say_on_every_endpoint_and_leaves_the_rest_as_it_is() -> None:
    """By model and question; tokens are counted by what is said."""

    def script(model: str, question: str) -> str | None:
        return "Yes." if (model, question) == (MODEL, QUESTION) else None

    with (
        Simulator(SimulatorSettings(latency_scale=0, script=script)) as scripted,
        httpx.Client(trust_env=False) as http,
    ):
        for endpoint, path in PATHS.items():
            told = http.post(f"{scripted.url}{path}", json=asked(endpoint), headers=HEADERS).json()
            assert text_in(endpoint, told) == "Yes."
            other = http.post(f"{scripted.url}{path}", json=asked(endpoint, "Why?"), headers=HEADERS).json()
            assert "[ref " in text_in(endpoint, other)
