"""What an answer cost, by the host's own price list."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import litellm
from litellm.litellm_core_utils.litellm_logging import use_custom_pricing_for_model

if TYPE_CHECKING:
    from litellm_plugins.proxy.host.deployment import Deployment

_LOG = logging.getLogger(__name__)


def cost_nano_usd(response: Any, deployment: Deployment, *, call_type: Any) -> int:
    """Nano-dollars for `response`; 0 where the host knows no price: what is not known is not claimed as saved."""
    try:
        cost = litellm.completion_cost(
            completion_response=response,
            model=deployment.model,
            custom_llm_provider=deployment.provider or None,
            call_type=call_type,
            router_model_id=deployment.info.get("id"),
            base_model=deployment.info.get("base_model"),
            custom_pricing=use_custom_pricing_for_model({"metadata": {"model_info": deployment.info}}),
        )
    except Exception as exc:  # noqa: BLE001 - the host raises bare Exception for an unpriced model
        _LOG.debug("no price for %s: %s", deployment.model, exc)
        return 0
    return round(cost * 1_000_000_000)


def told_nano_usd(response: Any) -> int:
    """Nano-dollars of a call of our own, by the host's count, which knows a deployment's own prices."""
    return round(float(response._hidden_params.get("response_cost") or 0.0) * 1_000_000_000)
