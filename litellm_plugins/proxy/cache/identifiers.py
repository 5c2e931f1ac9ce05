"""What in an answer names who asked for it: taken off before it is kept, put on for who gets it.

A response of OpenAI's Responses API repeats its request's metadata and user, and the host seals into its id which user
and team may continue from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm.proxy.hooks.responses_id_security import ResponsesIDSecurity
from litellm.types.llms.openai import ResponsesAPIResponse

from litellm_plugins.proxy.host.endpoints import RESPONSES, Body, Endpoint

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

_REPEATED: Mapping[str, Any] = {
    "metadata": {},
    "user": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
}


def without_owner(endpoint: Endpoint, body: Body) -> Body:
    """The answer as nobody's."""
    if isinstance(usage := body.get("usage"), Mapping) and usage.get("cost") is not None:
        body = {**body, "usage": {**usage, "cost": None} if endpoint is RESPONSES else _without_cost(usage)}
    if endpoint is not RESPONSES:
        return body
    plain_id, _, _ = ResponsesIDSecurity()._decrypt_response_id(body["id"])
    return {**body, **{name: value for name, value in _REPEATED.items() if name in body}, "id": plain_id}


def _without_cost(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if name != "cost"}


async def with_owner(endpoint: Endpoint, body: Body, data: dict[str, Any], auth: UserAPIKeyAuth) -> Body:
    """The answer as that of the request `data`."""
    if endpoint is not RESPONSES:
        return body
    asked = (data.get("proxy_server_request") or {}).get("body") or {}
    repeated = {name: asked.get(name) or value for name, value in _REPEATED.items() if name in body or asked.get(name)}
    sealed = await ResponsesIDSecurity().async_post_call_success_hook(
        data=data, user_api_key_dict=auth, response=ResponsesAPIResponse(**body)
    )
    return {**body, **repeated, "id": getattr(sealed, "id", body["id"])}
