"""A stored answer as a stream, put together again as a client does it."""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from litellm_plugins.proxy.wire.chat import stream
from litellm_plugins.proxy.wire.sse import DONE
from tests.unit.cache.builders import tool_call

USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}


def body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    choices = [
        {"index": n, "message": {"role": "assistant"} | message, "finish_reason": "stop"}
        for n, message in enumerate(messages)
    ]
    return {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt", "choices": choices, "usage": USAGE} | more


def events(of: dict[str, Any], *, include_usage: bool = False) -> list[dict[str, Any]]:
    """The chunks, each checked to be one well-formed event; `[DONE]` is checked and left out."""
    raw = list(stream(of | {"model": "small"}, include_usage=include_usage))
    assert raw.pop() == DONE == b"data: [DONE]\n\n"
    for event in raw:
        assert event.startswith(b"data: ")
        assert event.endswith(b"\n\n")
        assert b"\n" not in event[:-2], "a line break inside would end the event"
    return [orjson.loads(event[6:]) for event in raw]


def joined(of: dict[str, Any], index: int = 0) -> str:
    """The content of one choice, from its deltas."""
    deltas = [c["delta"] for event in events(of) for c in event["choices"] if c["index"] == index]
    return "".join(delta.get("content") or "" for delta in deltas)


ALPHABET = [
    "a",
    "ü",
    "你",
    "👩‍👩‍👧",
    " ",
    "\n",
    "\t",
    "\u00a0",
    "\u2028",
    "\x1c",
    "\x85",
    "\r\n",
    "\u200b",
    '"',
    "\\",
    "data: ",
]
TEXTS = [
    "Hello",
    " leading",
    "trailing ",
    "  both\n\n",
    "two  blanks   three",
    "\n",
    " ",
    "a\n\nb\r\nc\td",
    "```python\n    def f():\n        return 1\n```\n",
    "data: [DONE]\n\ndata: {}",
    "word " * 1_000,
    "x" * 100_000,
    " " * 10_000,
    "你好世界。" * 50,
    "e\u0301 vs é",
    "\x00\x01\x7f",
    *("".join(some) for some in itertools.product(ALPHABET, repeat=2)),
    *("".join(some) for some in itertools.islice(itertools.permutations(ALPHABET, 7), 0, 50_000, 500)),
]


def test_the_deltas_together_are_the_answer_to_the_byte() -> None:
    """White space and line breaks of every kind, at both ends and in between: code must stay code."""
    for text in TEXTS:
        assert joined(body({"content": text})) == text


def test_a_long_answer_comes_in_pieces() -> None:
    """A client that shows words as they come must have some to show."""
    pieces = [e["choices"][0]["delta"].get("content") for e in events(body({"content": "word " * 80}))]
    assert len([piece for piece in pieces if piece]) == 10


def test_every_chunk_bears_the_same_head_and_the_model_that_was_asked_for() -> None:
    """SDKs group chunks by id."""
    told = events(body({"content": "a b"}, system_fingerprint="fp"), include_usage=True)
    heads = [{name: value for name, value in event.items() if name not in {"choices", "usage"}} for event in told]
    expected = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "small",
        "system_fingerprint": "fp",
    }
    assert heads == [expected] * len(told)
    assert "system_fingerprint" not in events(body({"content": "a"}, system_fingerprint=None))[0]


def test_a_choice_begins_with_its_role_and_ends_once_with_its_reason() -> None:
    """And no word comes after the end."""
    for text in ("", "a", "word " * 100):
        told = [event["choices"][0] for event in events(body({"content": text}))]
        assert told[0]["delta"]["role"] == "assistant"
        assert [choice["finish_reason"] for choice in told] == [None] * (len(told) - 1) + ["stop"]
        assert told[-1]["delta"] == {}


def test_several_choices_are_each_whole() -> None:
    """`n: 2`: the chunks are told apart by their index, whatever order the body has them in."""
    of = body({"content": "the first one"}, {"content": "  the second\n"})
    of["choices"].reverse()
    assert joined(of, 0) == "the first one"
    assert joined(of, 1) == "  the second\n"
    ends = [c for event in events(of) for c in event["choices"] if c["finish_reason"]]
    assert sorted(end["index"] for end in ends) == [0, 1]


def test_tool_calls_come_back_with_their_arguments_to_the_byte() -> None:
    """Put together by index, as every SDK does."""
    arguments = ['{"city": "Paris",\n  "unit":"°C"}', "", '{"a":"\\n\\u00e9"}']
    calls = [tool_call(text, call_id=f"call_{n}") for n, text in enumerate(arguments)]
    told = events(body({"content": None, "tool_calls": calls}))
    deltas = [delta for event in told for delta in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [delta.pop("index") for delta in deltas] == [0, 1, 2]
    assert deltas == calls
    assert joined(body({"content": None, "tool_calls": calls})) == ""


def test_an_answer_without_words_says_so_with_null_and_not_with_an_empty_text() -> None:
    """As it was when it was fresh."""
    first, *_ = events(body({"content": None, "tool_calls": [tool_call()]}))
    assert first["choices"][0]["delta"]["content"] is None
    first, *_ = events(body({"content": "", "tool_calls": [tool_call()]}))
    assert first["choices"][0]["delta"]["content"] == ""


def test_words_before_a_tool_call_are_kept() -> None:
    of = body({"content": "I look. ", "tool_calls": [tool_call()]})
    assert joined(of) == "I look. "
    assert [e for e in events(of) if e["choices"][0]["delta"].get("tool_calls")]


def test_what_else_a_message_holds_comes_with_its_first_chunk() -> None:
    """The thoughts of a reasoning model, citations."""
    first, *rest = events(body({"content": "Yes", "reasoning_content": "Hm. ", "refusal": None, "annotations": [1]}))
    delta = first["choices"][0]["delta"]
    assert (delta["reasoning_content"], delta["annotations"]) == ("Hm. ", [1])
    assert "refusal" not in delta
    assert not any("reasoning_content" in event["choices"][0]["delta"] for event in rest)


def test_log_probabilities_stay_with_their_words() -> None:
    """One per token, and only the provider knows which tokens make which words."""
    of = body({"content": "two words"})
    of["choices"][0]["logprobs"] = {
        "content": [{"token": "two", "logprob": -0.1}, {"token": " words", "logprob": -0.2}]
    }
    (bearer,) = [e["choices"][0] for e in events(of) if e["choices"][0]["logprobs"]]
    assert bearer["delta"] == {"content": "two words"}
    assert len(bearer["logprobs"]["content"]) == 2


def test_usage_comes_in_a_last_chunk_of_no_choices_when_it_was_asked_for() -> None:
    """`stream_options: {include_usage: true}`."""
    *others, last = events(body({"content": "a b"}), include_usage=True)
    assert (last["choices"], last["usage"]) == ([], USAGE)
    assert all(not other.get("usage") for other in others)


def test_usage_does_not_come_unasked() -> None:
    """Clients that read `choices[0]` of every chunk would break on the one without."""
    told = events(body({"content": "a b"}))
    assert all(event["choices"] for event in told)
    assert not any("usage" in event for event in told)
