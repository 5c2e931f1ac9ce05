"""What is reserved for a prompt and an answer is never below what a provider counts."""

from __future__ import annotations

import time
from typing import Any

import litellm
import pytest

from litellm_plugins.proxy.budgets.tokens import Asked, cap_output

SAID = [{"role": "user", "content": "How do I get a refund for order 4711?"}]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


async def test_openai_s_own_count_is_taken_for_a_plain_chat() -> None:
    counted = await Asked({"messages": SAID}, "chat").prompt_tokens("openai", "openai/gpt-4.1", 1_000_000)
    assert counted == litellm.token_counter(model="gpt-4.1", messages=SAID)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": SAID, "tools": [TOOL]}),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": SAID[0]["content"]}]}]}),
        ("messages", {"messages": SAID, "system": "Be kind."}),
        ("responses", {"input": SAID[0]["content"], "instructions": "Be kind."}),
        ("completions", {"prompt": SAID[0]["content"]}),
        ("embeddings", {"input": [SAID[0]["content"]] * 3}),
    ],
)
async def test_everything_else_is_counted_with_something_to_spare(endpoint: str, body: dict[str, Any]) -> None:
    plain = litellm.token_counter(model="gpt-4o", text=SAID[0]["content"])
    asked = Asked(body, endpoint)
    assert plain < await asked.prompt_tokens("openai", "gpt-4.1", None)
    assert plain * 1.5 < await asked.prompt_tokens("anthropic", "claude-sonnet-4-5", None)


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]},
    ],
)
async def test_what_cannot_be_seen_is_as_long_as_the_model_takes(more: dict[str, Any]) -> None:
    assert await Asked({"input": "go on", **more}, "responses").prompt_tokens("openai", "gpt-4.1", 5_000) == 5_000


@pytest.mark.parametrize(
    "hidden",
    [
        {"extra_body": {"messages": [{"role": "user", "content": "word " * 3_000}]}},
        {"prediction": {"type": "content", "content": "word " * 3_000}},
        {
            "tools": [
                {"type": "function", "function": {"parameters": {"type": "image", "description": "word " * 3_000}}}
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "image_url", "text": "word " * 3_000}]}]},
    ],
)
async def test_words_count_wherever_they_stand(hidden: dict[str, Any]) -> None:
    image = await Asked({"messages": [{"type": "image_url"}]}, "chat").prompt_tokens("openai", "gpt-4.1", None)
    asked = Asked({"messages": SAID, **hidden}, "chat")
    assert await asked.prompt_tokens("openai", "gpt-4.1", None) > 3_000 + (image if b'"image' in asked._text else 0)


async def test_a_film_is_as_long_as_the_model_takes() -> None:
    parts = [{"type": "video_url", "video_url": {"url": "https://example.com/x.mp4"}}]
    asked = Asked({"messages": [{"role": "user", "content": parts}]}, "chat")
    assert await asked.prompt_tokens("gemini", "gemini/x", 1_000_000) == 1_000_000


def test_half_a_million_tokens_are_not_walked_through_one_by_one() -> None:
    body = {"input": [list(range(1_000))] * 500}
    began = time.thread_time()
    Asked(body, "embeddings")
    assert time.thread_time() - began < 0.2


async def test_an_image_counts() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}]
    assert (
        await Asked({"messages": [{"role": "user", "content": parts}]}, "chat").prompt_tokens("openai", "o", None)
        > 5_000
    )


@pytest.mark.parametrize(
    ("body", "own", "allowed"),
    [
        ({"max_tokens": 5}, {"max_tokens": 7}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 9}, {}, 9),
        ({}, {"max_tokens": 7}, 7),
        ({}, {}, 100),
        ({"max_tokens": True}, {}, 100),
        ({"max_tokens": -1}, {}, 100),
        ({"max_tokens": "5000"}, {}, 5_000),
        ({"max_tokens": 5_000.0}, {}, 5_000),
        ({"max_tokens": 5, "extra_body": {"max_tokens": 900}}, {}, 900),
        ({"max_tokens": 5, "additional_drop_params": ["max_tokens"]}, {}, 100),
        ({"max_output_tokens": 5}, {}, 100),
    ],
)
def test_how_long_an_answer_may_be(body: dict[str, Any], own: dict[str, Any], allowed: int) -> None:
    assert Asked(body, "chat").allowed_output(body, own, 100) == allowed
    assert Asked(body, "embeddings").allowed_output(body, own, 100) == 0


def test_a_limit_that_the_endpoint_does_not_know_is_none() -> None:
    assert Asked({"max_tokens": 5}, "responses").allowed_output({"max_tokens": 5}, {"max_tokens": 5}, 100) == 100
    assert Asked({}, "responses").allowed_output({"max_output_tokens": 5}, {}, 100) == 5


def test_every_answer_counts() -> None:
    assert Asked({"n": 3}, "chat").choices == 3
    assert Asked({"n": 2, "prompt": ["a", "b"]}, "completions").choices == 4
    assert Asked({"prompt": [1, 2, 3]}, "completions").choices == 1
    assert Asked({"n": "3"}, "chat").choices == 3
    assert Asked({"n": 1, "extra_body": {"n": 4}}, "chat").choices == 4


def test_an_answer_is_only_ever_made_shorter() -> None:
    bodies: list[dict[str, Any]] = [{"max_tokens": 9}, {"max_completion_tokens": 3}, {}]
    for body in bodies:
        cap_output(body, "chat", 5)
    assert bodies == [{"max_tokens": 5}, {"max_completion_tokens": 3}, {"max_tokens": 5}]


def test_nothing_in_the_request_undoes_that() -> None:
    body = {
        "max_tokens": 9,
        "extra_body": {"max_tokens": 900, "top_k": 3},
        "additional_drop_params": ["max_tokens", "seed"],
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
    }
    cap_output(body, "chat", 5)
    assert body == {"max_tokens": 5, "extra_body": {"top_k": 3}, "additional_drop_params": ["seed"]}


def test_what_writes_no_answer_is_left_as_it_is() -> None:
    body = {"input": "hello"}
    cap_output(body, "embeddings", 5)
    assert body == {"input": "hello"}


async def test_a_text_to_complete_is_counted_as_the_message_that_the_host_makes_of_it() -> None:
    text = "What does article 7 say?"
    as_chat = await Asked({"messages": [{"role": "user", "content": text}]}, "chat").prompt_tokens(
        "openai", "gpt-4.1", None
    )
    completed = Asked({"prompt": text, "max_tokens": 5}, "completions")
    assert await completed.prompt_tokens("openai", "gpt-4.1", None) == as_chat
    assert await Asked({"prompt": [text]}, "completions").prompt_tokens("openai", "gpt-4.1", None) > as_chat


async def test_a_text_that_goes_on_as_a_text_is_counted_as_one() -> None:
    text = "What does article 7 say?"
    completed = Asked({"prompt": text, "max_tokens": 5}, "completions")
    model = "gpt-3.5-turbo-instruct"
    plain = await completed.prompt_tokens("text-completion-openai", model, None)

    assert plain == litellm.token_counter(model=model, text=text)
    assert plain < await completed.prompt_tokens("openai", model, None)


async def test_tools_that_are_nested_deeper_than_our_parser_goes_are_counted() -> None:
    """A client may send them, and the host takes them."""
    shape: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        shape = {"type": "object", "properties": {"a": shape}}
    asked = Asked({"messages": [], "tools": [{"function": {"name": "f", "parameters": shape}}]}, "chat")
    assert await asked.prompt_tokens("openai", "gpt-4.1", None) > 1_000


def test_a_body_that_the_host_has_translated_is_read_in_its_own_words() -> None:
    asked = Asked({"max_tokens": 900}, "messages")
    assert asked.allowed_output({"max_output_tokens": 900}, {}, 32_768, "responses") == 900
    assert asked.allowed_output({"max_completion_tokens": 900}, {}, 32_768, "chat") == 900
    assert asked.allowed_output({"max_completion_tokens": 900}, {}, 32_768, "messages") == 32_768
