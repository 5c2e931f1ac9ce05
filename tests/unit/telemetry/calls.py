"""Finished requests for the sinks to tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litellm_plugins.model import Layer
from litellm_plugins.telemetry.events import CallFinished

_CALL = CallFinished(
    at_s=1_790_000_000.0,
    endpoint="chat",
    model_group="small",
    layer=Layer.MISS,
    ending="success",
    model="small",
    deployment="gpt-4.1",
    provider="openai",
    team="Support",
    key="ci-key",
    user="ann",
    end_user="customer-7",
    feature="faq",
    stream=True,
    prompt_tokens=100,
    cached_prompt_tokens=64,
    completion_tokens=20,
    spent_nano_usd=360_000,
    own_nano_usd=140,
    took_ms=812.34,
    first_token_ms=95.6,
    attempts=2,
    call_id="call-1",
    trace_id="trace-1",
)


def call(**different: Any) -> CallFinished:
    """A streamed miss that was retried once."""
    return replace(_CALL, **different)
