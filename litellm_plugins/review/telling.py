"""An item as routes, command line and page tell it."""

from __future__ import annotations

from typing import Any

from litellm_plugins.review.items import Item


def told(item: Item) -> dict[str, Any]:
    """Plain values; docs/review.md explains each."""
    state = item.state
    return {
        "id": item.id,
        "at_s": item.at_s,
        "kind": str(item.kind),
        "why": str(state.why),
        "control": item.control,
        "team": item.team,
        "tenant": item.tenant,
        "trace_id": item.trace_id,
        "call_id": item.call_id,
        "cache_id": item.cache_id or None,
        "layer": item.layer,
        "reason": item.reason,
        "question": item.question,
        "matched_question": item.matched_question or None,
        "answer": item.answer,
        "similarity": item.similarity,
        "probability": item.probability,
        "tier": item.tier,
        "arm": item.arm,
        "model": item.model,
        "model_group": item.model_group,
        "feature": item.feature,
        "check": item.check,
        "methods": item.methods,
        "age_s": item.age_s,
        "served": item.served,
        "thumb": state.thumb or None,
        "opinion": state.opinion and str(state.opinion),
        "verdict": state.verdict and str(state.verdict),
        "by": state.by,
        "effects": list(state.effects),
    }
