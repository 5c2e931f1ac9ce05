"""Where tags choose the deployment, they choose the answer, and so belong into the key.

The host filters by tags when the router, a deployment's `model_info`, or a key's or team's router settings say so. As
soon as any deployment bears tags we take them all into the key, whatever the switches say: at worst a hit is missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLACES = ("metadata", "litellm_metadata")


def routing_tags(data: Mapping[str, Any], router: Any) -> tuple[str, ...]:
    """What of the request may choose the deployment by tag: its tags, and its User-Agent where patterns match that."""
    deployments = [_mapping(d.get("litellm_params")) for d in getattr(router, "model_list", None) or ()]
    by_pattern = any(parameters.get("tag_regex") for parameters in deployments)
    if not by_pattern and not any(parameters.get("tags") for parameters in deployments):
        return ()
    lists = (_mapping(data.get(place)).get("tags") for place in _PLACES)
    tags = {str(tag) for tags in lists if isinstance(tags, list) for tag in tags}
    if by_pattern:
        headers = _mapping(_mapping(data.get("proxy_server_request")).get("headers"))
        tags.add(f"user-agent: {headers.get('user-agent', '')}")
    return tuple(sorted(tags))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
