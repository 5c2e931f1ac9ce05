"""The marks as the host translates them for Bedrock: cache points, where the marks stood."""

from __future__ import annotations

from typing import Any

import litellm

from litellm_plugins.prompt_caching.blocks import blocks_of
from litellm_plugins.prompt_caching.marking import marked
from litellm_plugins.proxy.prompt_caching.stage import _TokenCounts

POINT = {"cachePoint": {"type": "default"}}


def test_a_mark_becomes_a_cache_point_behind_its_text() -> None:
    turns = [("system", "Rules"), ("user", "A document"), ("assistant", "Yes"), ("user", "And?")]
    data: dict[str, Any] = {"messages": [{"role": role, "content": text} for role, text in turns]}
    blocks = blocks_of("chat", data, len)
    messages = marked(data, {blocks[0].place: "5m", blocks[1].place: "5m"})["messages"]
    sent: Any = litellm.AmazonConverseConfig().transform_request(
        model="anthropic.claude-sonnet-4-5-20250929-v1:0",
        messages=messages,
        optional_params={},
        litellm_params={},
        headers={},
    )
    assert sent["system"] == [{"text": "Rules"}, POINT]
    assert sent["messages"][0]["content"] == [{"text": "A document"}, POINT]
    assert POINT not in sent["messages"][-1]["content"]


def test_tokens_are_remembered_by_hash_and_odd_texts_counted() -> None:
    """Of no text anything is kept; a half of a surrogate pair is no reason to fail."""
    count = _TokenCounts()
    assert count("Hello there, <|endoftext|>") == count("Hello there, <|endoftext|>") > 4
    assert count("\ud83d") > 0
    assert all(len(key) == 16 for key in count._known)
