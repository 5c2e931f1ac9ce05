"""`GET /plugins/prompt-cache`: the families of prompts and what the provider's cache made of them; for admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.admin_http import reading

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.prompt_caching.stage import HostPromptCaching

ROOT = "/plugins/prompt-cache"


def prompt_cache_routes(caching: HostPromptCaching) -> list[APIRoute]:
    """The route to put ahead of the host's."""
    return [reading(ROOT, lambda _, query: caching.report(query))]
