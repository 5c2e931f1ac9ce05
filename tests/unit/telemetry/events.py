"""Events for the sinks to tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litellm_plugins.model import Layer, Reason
from litellm_plugins.telemetry.events import CacheDecided

_HIT = CacheDecided(
    layer=Layer.SEMANTIC,
    reason=Reason.ABOVE_THRESHOLD,
    endpoint="chat",
    model_group="small",
    team="Support",
    key="ci-key",
    stream=True,
    similarity=0.94341,
    cache_id="0123abcd",
    matched_question="Where is my card?",
    saved_nano_usd=1_234,
    saved_tokens=17,
    decision_ms=1.2345,
    volatility="faq",
)
_MISS = CacheDecided(
    layer=Layer.MISS, reason=Reason.BELOW_THRESHOLD, endpoint="chat", model_group="small", decision_ms=1.2345
)


def hit(**different: Any) -> CacheDecided:
    """A semantic hit."""
    return replace(_HIT, **different)


def miss(**different: Any) -> CacheDecided:
    """A miss."""
    return replace(_MISS, **different)
