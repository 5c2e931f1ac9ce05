"""What an answer cost, by the host's own price list."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import litellm

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = logging.getLogger(__name__)


def cost_nano_usd(response: litellm.ModelResponse, *, model: str, provider: str, model_info: Mapping[str, Any]) -> int:
    """Nano-dollars for `response`; 0 where the host knows no price: what is not known is not claimed as saved."""
    try:
        cost = litellm.completion_cost(
            completion_response=response,
            model=model,
            custom_llm_provider=provider or None,
            call_type="acompletion",
            router_model_id=model_info.get("id"),
            base_model=model_info.get("base_model"),
        )
    except Exception as exc:  # noqa: BLE001 - the host raises bare Exception for an unpriced model
        _LOG.debug("no price for %s: %s", model, exc)
        return 0
    return round(cost * 1_000_000_000)
