"""Our decision for the host's own `complexity_router`: for requests that did not come by our stage.

`auto` as the target of a fallback is such a one. The host's context does not say which router asks; its metadata does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.boot import loaded_pack

if TYPE_CHECKING:
    from litellm.types.router import RoutingContext


class RouterClassifier:
    """Named by `complexity_router_config.classifier_plugin: litellm_plugins.proxy.router`."""

    async def classify(self, context: RoutingContext) -> str | None:
        """Our tier's name, which must be one of the router's labels or names; None: the host decides."""
        pack, ticket = loaded_pack(), tickets.find({"metadata": context.metadata})
        if pack is None or pack.routing is None or ticket is None:
            return None
        return await pack.routing.tier_for(str(context.metadata.get("model_group") or ""), ticket)
