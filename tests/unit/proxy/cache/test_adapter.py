from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from litellm.litellm_core_utils.sensitive_data_masker import SensitiveDataMasker

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Reply, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.cache.adapter import PluginCache
from litellm_plugins.settings import Cache
from litellm_plugins.telemetry.events import CacheDecided

ANSWER = {
    "id": "chatcmpl-1", "created": 1, "model": "gpt-4.1", "object": "chat.completion",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "First, never"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


class Kept:
    """A pipeline that notes what reaches it."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []

    async def after_call(self, decision: Decision, reply: Reply, *, again: bool = False) -> None:
        self.replies.append(reply)


def chunk(finish_reason: str | None) -> SimpleNamespace:
    return SimpleNamespace(choices=[SimpleNamespace(finish_reason=finish_reason)])


def a_ticket() -> tickets.Ticket:
    request = Request("chat", "gpt-4.1", (), {}, Identity())
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "gpt-4.1")
    return tickets.Ticket(Decision(request, Cache(), Verdict(Layer.MISS, Reason.EMPTY), event))


@pytest.mark.filterwarnings("ignore:Item 'summary' on TypedDict")  # pydantic's, about a type of the host's
@pytest.mark.parametrize(
    ("chunks", "stored"),
    [
        (None, 1),  # not a stream
        ([chunk(None), chunk("stop")], 1),
        ([chunk(None), chunk(None)], 0),
        ([], 0),
    ],
)
async def test_a_stream_that_just_stops_is_not_taken_for_an_answer(chunks: list[Any] | None, stored: int) -> None:
    """The host makes up a "stop" for a connection that ended without one: half a sentence would be served for hours."""
    kept, ticket = Kept(), a_ticket()
    ticket.chunks = chunks
    cache = PluginCache(kept, closes=_nothing)  # type: ignore[arg-type]  # what it calls of a pipeline is all here
    metadata = {tickets.METADATA_KEY: ticket, "model_group": "gpt-4.1"}
    await cache.async_add_cache(json.dumps(ANSWER), model="gpt-4.1", custom_llm_provider="openai", metadata=metadata)
    assert len(kept.replies) == stored


def test_the_host_cannot_walk_from_the_cache_into_the_pack() -> None:
    """Its `/cache/ping` prints all that it reaches: questions in the embedder's memo would be among it."""
    seat = PluginCache("the pipeline", closes=_nothing)  # type: ignore[arg-type]
    assert "the pipeline" not in str(SensitiveDataMasker().mask_dict(vars(seat)))


async def _nothing() -> None:
    pass
