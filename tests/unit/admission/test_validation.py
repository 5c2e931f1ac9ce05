"""Each fault is found, named with field, limit and actual value; what is fit is let through; nothing ever raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.admission import validation
from litellm_plugins.admission.conversation import CONVERSATIONS
from litellm_plugins.admission.faults import Fault
from litellm_plugins.settings.admission import Admission

HELLO = [{"role": "user", "content": "hello"}]
DATA_URL = "data:image/png;base64," + "A" * 4_000  # 3,000 bytes
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def fault_of(endpoint: str, body: dict[str, Any], *, body_bytes: int = 0, **limits: Any) -> Fault | None:
    """With a model that is served, unless the body says otherwise, and a token to each word."""
    rules = Admission(enabled=True, **limits)
    whole = {"model": "small", **body}
    fault, found = validation.fault_of(
        whole, endpoint, rules, known_model=lambda name: name == "small", body_bytes=body_bytes
    )
    return fault or validation.too_long(found, endpoint, rules, lambda text: len(text.split()))


def chat(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **more}


@pytest.mark.parametrize(
    ("endpoint", "body", "reason", "field"),
    [
        ("chat", {"model": None}, "missing_required_parameter", "model"),
        ("chat", {"model": ""}, "missing_required_parameter", "model"),
        ("chat", {"model": ["small"]}, "malformed", "model"),
        ("chat", {"model": "large", "messages": HELLO}, "model_not_found", "model"),
        ("chat", {}, "missing_required_parameter", "messages"),
        ("chat", {"messages": "hello"}, "malformed", "messages"),
        ("chat", {"messages": ["hello"]}, "malformed", "messages[0]"),
        ("chat", {"messages": [*HELLO, {"content": "hello"}]}, "malformed", "messages[1].role"),
        ("chat", chat({"text": "hello"}), "malformed", "messages[0].content"),
        ("chat", chat([5]), "malformed", "messages[0].content[0]"),
        ("chat", chat([{"text": "hello"}]), "malformed", "messages[0].content[0].type"),
        ("chat", chat([{"type": "text"}]), "malformed", "messages[0].content[0].text"),
        ("chat", chat("hello", tools=5), "malformed", "tools"),
        ("chat", chat("hello", tools=[WEATHER, "get_weather"]), "malformed", "tools[1]"),
        ("chat", {"messages": []}, "empty_conversation", "messages"),
        ("chat", chat(" \n\t"), "empty_conversation", "messages"),
        ("chat", chat(None), "empty_conversation", "messages"),
        ("chat", {"messages": [*HELLO, {"role": "user", "content": " "}]}, "empty_message", "messages[1].content"),
        (
            "messages",
            {"messages": [*HELLO, {"role": "user", "content": [{"type": "text", "text": " "}]}]},
            "empty_message",
            "messages[1].content",
        ),
        ("responses", {}, "missing_required_parameter", "input"),
        ("responses", {"input": 5}, "malformed", "input"),
        ("responses", {"input": [{}]}, "malformed", "input[0].type"),
        ("responses", {"input": ""}, "empty_conversation", "input"),
        ("responses", {"input": [{"role": "user", "content": ""}]}, "empty_conversation", "input"),
        ("completions", {"prompt": 5}, "malformed", "prompt"),
        ("completions", {"prompt": ["a", 5]}, "malformed", "prompt[1]"),
        ("completions", {"prompt": " "}, "empty_conversation", "prompt"),
        ("completions", {"prompt": ["a", ""]}, "empty_conversation", "prompt[1]"),
        ("embeddings", {"input": []}, "empty_conversation", "input"),
        ("embeddings", {"input": [True]}, "malformed", "input[0]"),
        ("embeddings", {"input": [[1, 2], []]}, "empty_conversation", "input[1]"),
    ],
)
def test_a_request_that_is_not_fit_is_named(endpoint: str, body: dict[str, Any], reason: str, field: str) -> None:
    fault = fault_of(endpoint, body)
    assert fault is not None
    assert (fault.reason, fault.field) == (reason, field)
    assert fault.message.startswith(f"{field}: ")
    assert fault.http_status == (404 if reason == "model_not_found" else 400)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", chat("hello")),
        ("chat", {"messages": [{"role": "system", "content": "Be brief."}]}),
        ("chat", {"messages": [*HELLO, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]}),
        ("chat", {"messages": [*HELLO, {"role": "assistant", "content": ""}]}),
        ("chat", chat([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])),
        ("messages", chat([{"type": "tool_result", "tool_use_id": "1", "content": ""}])),
        ("responses", {"input": "hello"}),
        ("responses", {"input": [{"type": "function_call_output", "call_id": "1", "output": ""}]}),
        ("responses", {"prompt": {"id": "pmpt_1"}}),
        ("responses", {"previous_response_id": "resp_1", "input": ""}),
        ("completions", {"prompt": "hello"}),
        ("completions", {"prompt": [1, 2, 3]}),
        ("embeddings", {"input": ["hello", "you"]}),
        ("embeddings", {"input": [[1], [2, 3]]}),
    ],
)
def test_what_is_fit_is_let_through(endpoint: str, body: dict[str, Any]) -> None:
    assert fault_of(endpoint, body, max_prompt_tokens=1_000, max_messages=10, max_images=1, max_tools=1) is None


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": []}),
        ("chat", chat("")),
        ("responses", {"input": ""}),
        ("completions", {"prompt": ""}),
        ("embeddings", {"input": [""]}),
    ],
)
def test_who_wants_empty_requests_can_have_them(endpoint: str, body: dict[str, Any]) -> None:
    assert fault_of(endpoint, body, allow_empty=True) is None


@pytest.mark.parametrize(
    ("body", "limits", "reason", "status", "said"),
    [
        (chat("hello"), {"max_body_kb": 1, "body_bytes": 1_025}, "body_too_large", 413, ("1024 bytes", "1025")),
        ({"messages": HELLO * 3}, {"max_messages": 2}, "too_many_messages", 400, ("2 messages", "3")),
        (chat("hello", tools=[WEATHER] * 2), {"max_tools": 1}, "too_many_tools", 400, ("1 tools", "2")),
        (
            chat([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]),
            {"max_images": 0},
            "too_many_images",
            400,
            ("0 images", "1"),
        ),
        (
            chat([{"type": "image_url", "image_url": {"url": DATA_URL}}]),
            {"max_image_kb": 2},
            "image_too_large",
            413,
            ("2048 bytes", "3000"),
        ),
        (chat("word " * 50), {"max_prompt_tokens": 60}, "prompt_too_long", 400, ("60 tokens", "at least 70")),
    ],
)
def test_a_limit_is_named_with_what_was_sent(
    body: dict[str, Any], limits: dict[str, Any], reason: str, status: int, said: tuple[str, str]
) -> None:
    fault = fault_of("chat", body, **limits)
    assert fault is not None
    assert (fault.reason, fault.http_status) == (reason, status)
    assert all(words in fault.message for words in said), fault.message


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        (chat("hello"), {"max_body_kb": 1, "body_bytes": 1_024}),
        ({"messages": HELLO * 2}, {"max_messages": 2}),
        (chat("hello", tools=[WEATHER]), {"max_tools": 1}),
        (chat([{"type": "image_url", "image_url": {"url": DATA_URL}}]), {"max_images": 1, "max_image_kb": 3}),
        (chat("word " * 40), {"max_prompt_tokens": 60}),
    ],
)
def test_what_is_at_the_limit_is_let_through(body: dict[str, Any], limits: dict[str, Any]) -> None:
    assert fault_of("chat", body, **limits) is None


@pytest.mark.parametrize("endpoint", list(CONVERSATIONS))
def test_no_fault_repeats_what_the_user_wrote(endpoint: str) -> None:
    secret = "my-secret-word"
    bodies: list[dict[str, Any]] = [
        {"model": secret},
        {"messages": secret, "input": 5, "prompt": {secret: secret}},
        {"messages": [{"role": "user", "content": {secret: secret}}], "input": [{"text": secret}], "prompt": [{}]},
        {"messages": [{secret: secret}], "input": [[secret]], "prompt": [[secret]]},
    ]
    faults = [fault_of(endpoint, body) for body in bodies]
    assert all(faults)
    assert secret not in str(faults)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "image_url", "url", "source", "data", "name", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
BODIES = st.dictionaries(
    st.sampled_from(["model", "messages", "input", "prompt", "tools", "functions", "system", "text", "conversation"]),
    JSON
    | st.just([{"role": "user", "content": "hi"}])
    | st.lists(st.fixed_dictionaries({"role": JSON, "content": JSON}), max_size=4),  # one more than are allowed
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(CONVERSATIONS)), BODIES, st.booleans(), st.integers(1, 50))
def test_no_body_makes_it_raise(endpoint: str, body: dict[str, Any], allow_empty: bool, most: int) -> None:
    limits = Admission(
        enabled=True, allow_empty=allow_empty, max_prompt_tokens=most, max_messages=3, max_images=1, max_image_kb=1
    )
    fault, found = validation.fault_of(body, endpoint, limits, known_model=lambda _: True, body_bytes=0)
    too_long = validation.too_long(found, endpoint, limits, len)
    for each in (fault, too_long):
        assert each is None or (each.field and each.message)


def test_a_body_nested_very_deep_is_measured() -> None:
    deep: Any = "word"
    for _ in range(100_000):
        deep = [deep]
    assert fault_of("chat", chat("hello", tools=[{"x": deep}]), max_prompt_tokens=10_000) is None
