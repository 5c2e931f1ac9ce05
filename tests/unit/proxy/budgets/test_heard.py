"""What counts as heard, on every endpoint, and how much of it is kept."""

from __future__ import annotations

import asyncio
import base64
import sys
from types import SimpleNamespace
from typing import Any

import litellm
import orjson
import pytest

from litellm_plugins.proxy.budgets import heard as budget_heard
from litellm_plugins.proxy.budgets.heard import Heard

MODEL = "gpt-4.1"
SAID = "The quick brown fox jumps over the lazy dog"
COUNTED = litellm.token_counter(model=MODEL, text=SAID)


def event(**body: Any) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def chat(**delta: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": delta}])


async def counted(*events: bytes) -> tuple[int | None, int]:
    heard = Heard()
    for each in events:
        heard.hear(each)
    return await heard.tokens(MODEL)


@pytest.mark.parametrize(
    "told",
    [
        chat(content=SAID),
        chat(reasoning_content=SAID),
        chat(refusal=SAID),
        chat(tool_calls=[{"index": 0, "function": {"arguments": SAID}}]),
        chat(function_call={"arguments": SAID}),
        chat(audio={"transcript": SAID}),
        event(choices=[{"text": SAID}]),
        event(type="content_block_delta", delta={"type": "text_delta", "text": SAID}),
        event(type="content_block_delta", delta={"type": "thinking_delta", "thinking": SAID}),
        event(type="content_block_delta", delta={"type": "input_json_delta", "partial_json": SAID}),
        event(type="content_block_start", content_block={"type": "tool_use", "name": SAID}),
        event(type="response.output_text.delta", delta=SAID),
        event(type="response.function_call_arguments.delta", delta=SAID),
        event(type="response.reasoning_summary_text.delta", delta=SAID),
        event(type="response.output_item.added", item={"type": "function_call", "name": SAID, "arguments": ""}),
    ],
)
async def test_words_count_wherever_they_stand(told: bytes) -> None:
    assert await counted(told) == (None, COUNTED)
    assert await counted(told[:30], told[30:70], told[70:]) == (None, COUNTED)


@pytest.mark.parametrize("shape", ["chat", "responses"])
async def test_a_second_of_sound_is_twenty_tokens(shape: str) -> None:
    sound = base64.b64encode(bytes(48_000)).decode()
    told = chat(audio={"data": sound}) if shape == "chat" else event(type="response.audio.delta", delta=sound)
    assert await counted(told) == (None, 20)


@pytest.mark.parametrize(
    "usage",
    [
        event(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 9}),
        event(type="message_delta", usage={"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 9}),
        event(type="response.incomplete", response={"usage": {"input_tokens": 7, "output_tokens": 9}}),
    ],
)
async def test_a_usage_that_came_before_the_break_wins(usage: bytes) -> None:
    assert await counted(chat(content=SAID), usage) == (7, 9)
    assert await counted(chat(content=SAID), usage, chat(content=SAID)) == (7, 9 + COUNTED)


async def test_a_message_says_at_its_start_how_long_its_prompt_is() -> None:
    start = event(type="message_start", message={"usage": {"input_tokens": 7, "output_tokens": 1}})
    assert await counted(start) == (7, 0)


async def test_a_usage_among_the_chunks_of_the_provider_wins() -> None:
    usage = SimpleNamespace(prompt_tokens=7, completion_tokens=9)
    heard = Heard(chunks=[SimpleNamespace(usage=None), SimpleNamespace(usage=usage), SimpleNamespace()])
    heard.hear(chat(content=SAID))
    assert await heard.tokens(MODEL) == (7, 9)


def test_of_a_stream_only_its_words_are_kept() -> None:
    heard, passed = Heard(), 0
    for _ in range(2_000):
        told = event(choices=[{"index": 0, "delta": {"content": "word "}}], padding="x" * 500)
        heard.hear(told)
        passed += len(told)
    held = sum(sys.getsizeof(word) for word in heard._words)
    assert held < passed / 8
    heard.hear(event(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2_000}))
    assert not heard._words


async def test_a_usage_that_comes_while_words_are_counted_is_not_added_to_them() -> None:
    heard = Heard(is_listened_to=True)
    heard.hear(b'data: {"type": "content_block_delta", "delta": {"text": "I am not sure."}}\n\n')
    counting = asyncio.create_task(heard.tokens("gpt-4.1"))
    await asyncio.sleep(0)
    assert not heard.has_ended
    heard.hear(b'data: {"type": "message_delta", "usage": {"input_tokens": 19, "output_tokens": 4}}\n\n')
    heard.hear(b'data: {"type": "message_stop"}\n\n')
    assert await counting == (19, 4)
    assert heard.has_ended


async def test_a_prompt_is_read_again_for_each_try_that_had_begun_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = b'data: {"type": "message_start", "message": {"usage": {"input_tokens": 45}}}\n\n'
    word = b'data: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}}\n\n'
    left = [begun + word, begun + word, begun, b"", word]
    monkeypatch.setattr(budget_heard, "unread", lambda _fault, _known: left)
    heard = Heard(streams=True)
    heard.hear_broken(None)
    assert await heard.tokens("gpt-4.1") == (135, 3)
    assert await heard.tokens_before("gpt-4.1", 45) == (90, 2)
