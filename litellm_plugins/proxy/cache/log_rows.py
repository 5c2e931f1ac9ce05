"""Past requests and answers out of logs, for `litellm-plugins cache warm --source log`.

Two shapes are known, one JSON object per line:

- `{"request": {…}, "response": {…}}`: the bodies as they went over the wire (`team`, `key`, `user` may stand beside);
- LiteLLM's standard logging payload, as its callbacks write it: `messages`, `response`, `model_group`,
  `model_parameters`, `metadata.user_api_key_team_id` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import litellm
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.errors import RequestError
from litellm_plugins.model import Identity, Reply, Request, Usage
from litellm_plugins.proxy.host import conversion

_CALL_TYPES = ("acompletion", "completion")


class HostLogs:
    """Keeps `LogReader`."""

    def read(self, row: Mapping[str, Any], default: Identity) -> tuple[Request, Reply]:
        """As in `LogReader`."""
        if isinstance(row.get("request"), Mapping):
            body, identity = dict(row["request"]), _of_bodies(row, default)
        else:
            body, identity = _of_payload(row, default)
        response = row.get("response")
        if not isinstance(response, Mapping):
            raise RequestError("response: expected the answer's body", param="response")
        request = _request(body, identity)
        return request, _reply(row, response, request)


def _of_bodies(row: Mapping[str, Any], default: Identity) -> Identity:
    return _identity(default, team=row.get("team"), key=row.get("key"), end_user=row["request"].get("user"))


def _of_payload(row: Mapping[str, Any], default: Identity) -> tuple[dict[str, Any], Identity]:
    if row.get("call_type", "acompletion") not in _CALL_TYPES:
        raise RequestError(f"call_type: {row.get('call_type')!r} is not a chat completion", param="call_type")
    if row.get("cache_hit") is True or row.get("status", "success") != "success":
        raise RequestError("status: not a fresh answer that succeeded", param="status")
    parameters, metadata = row.get("model_parameters") or {}, row.get("metadata") or {}
    if not isinstance(parameters, Mapping) or not isinstance(metadata, Mapping):
        raise RequestError("request: expected {request, response} or a standard logging payload", param="request")
    model = row.get("model_group") or row.get("model")
    identity = _identity(
        default,
        team=metadata.get("user_api_key_team_id"),
        key=metadata.get("user_api_key_hash"),
        end_user=metadata.get("user_api_key_end_user_id") or row.get("end_user"),
    )
    return {**parameters, "model": model, "messages": row.get("messages")}, identity


def _identity(default: Identity, *, team: object, key: object, end_user: object) -> Identity:
    def named(value: object, otherwise: str | None) -> str | None:
        return value if isinstance(value, str) and value else otherwise

    return Identity(
        team_id=named(team, default.team_id),
        key_id=named(key, default.key_id),
        end_user_id=named(end_user, None),
    )


def _request(body: dict[str, Any], identity: Identity) -> Request:
    """The request as the live one is seen: by the same code, from the same fields."""
    from litellm.proxy import proxy_server

    if not isinstance(body.get("model"), str) or not isinstance(body.get("messages"), list):
        raise RequestError("request: expected a model and messages", param="request")
    data = {**body, "proxy_server_request": {"body": body}}
    request = conversion.to_request(data, UserAPIKeyAuth(), call_type="acompletion", router=proxy_server.llm_router)
    return replace(request, identity=identity)


def _reply(row: Mapping[str, Any], response: Mapping[str, Any], request: Request) -> Reply:
    body = conversion.wire_body(response)
    usage = body.get("usage") or {}
    model, cost_usd = str(row.get("model") or body.get("model") or ""), row.get("response_cost")
    try:
        litellm.ModelResponse(**body)  # what cannot be served must not be stored
        return Reply(
            body=body,
            model=model,
            provider=str(row.get("custom_llm_provider") or "openai"),
            model_group=request.model_group,
            usage=Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)),
            cost_nano_usd=round(cost_usd * 1e9) if isinstance(cost_usd, int | float) else 0,
        )
    except (TypeError, ValueError, AttributeError) as exc:
        raise RequestError(f"response: not a chat completion: {type(exc).__name__}", param="response") from exc
