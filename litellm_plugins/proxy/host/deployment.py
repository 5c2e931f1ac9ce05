"""Whom the host asks for an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import litellm


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model of one provider, as the price list and loggers name it."""

    model: str
    provider: str
    model_group: str  # another than the requested one after a fallback
    info: Mapping[str, Any]


def group_called(kwargs: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """The model group that is called: the host's own routers are no model themselves."""
    routed = metadata.get("routing_decision")
    named = routed.get("routed_model") if isinstance(routed, Mapping) else None
    return str(named or metadata.get("model_group") or kwargs.get("model") or "")


def deployment_of(kwargs: Mapping[str, Any], metadata: Mapping[str, Any]) -> Deployment:
    """The deployment of a call, from what the host hands to its hooks and its cache."""
    model, provider = str(kwargs.get("model") or ""), str(kwargs.get("custom_llm_provider") or "")
    # As the host does before it logs: "openai/gpt-4.1" and "gpt-4.1" would be two models in every chart.
    with contextlib.suppress(litellm.BadRequestError):  # a provider that the host does not know by name
        model, provider, _, _ = litellm.get_llm_provider(model=model, custom_llm_provider=provider or None)
    info = kwargs.get("model_info") or metadata.get("model_info") or {}
    return Deployment(model, provider, str(metadata.get("model_group") or ""), info)
