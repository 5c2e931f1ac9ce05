"""What is reserved for a prompt and an answer is never below what a provider counts."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from litellm_plugins.proxy.budget_tokens import Asked, cap_output

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


async def test_an_image_counts() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}]
    assert (
        await Asked({"messages": [{"role": "user", "content": parts}]}, "chat").prompt_tokens("openai", "o", None)
        > 2_000
    )


@pytest.mark.parametrize(
    ("body", "own", "allowed"),
    [
        ({"max_tokens": 5}, {"max_tokens": 7}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 9}, {}, 9),
        ({}, {"max_tokens": 7}, 7),
        ({}, {}, 100),
        ({"max_tokens": True}, {}, 100),
    ],
)
def test_how_long_an_answer_may_be(body: dict[str, Any], own: dict[str, Any], allowed: int) -> None:
    assert Asked(body, "chat").allowed_output(body, own, 100) == allowed
    assert Asked(body, "embeddings").allowed_output(body, own, 100) == 0


def test_every_answer_counts() -> None:
    assert Asked({"n": 3}, "chat").choices == 3
    assert Asked({"n": 2, "prompt": ["a", "b"]}, "completions").choices == 4
    assert Asked({"prompt": [1, 2, 3]}, "completions").choices == 1


def test_an_answer_is_only_ever_made_shorter() -> None:
    bodies: list[dict[str, Any]] = [{"max_tokens": 9}, {"max_completion_tokens": 3}, {}]
    for body in bodies:
        cap_output(body, "chat", 5)
    assert bodies == [{"max_tokens": 5}, {"max_completion_tokens": 3}, {"max_tokens": 5}]
