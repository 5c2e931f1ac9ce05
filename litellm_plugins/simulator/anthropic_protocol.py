"""Anthropic's wire protocol: its endpoints, how it carries the key, and how it says that something is wrong."""

import secrets
from typing import Any

from litellm_plugins.simulator.anthropic_messages import count_tokens, messages
from litellm_plugins.simulator.openai_protocol import bearer
from litellm_plugins.simulator.wire import Endpoint, Headers, RequestError, WireProtocol

_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _key(headers: Headers) -> str | None:
    return headers.get("x-api-key") or bearer(headers)


def _error_body(error: RequestError) -> dict[str, Any]:
    usual = "api_error" if error.status >= 500 else "invalid_request_error"
    worded = {"type": _ERROR_TYPES.get(error.status, usual), "message": error.message}
    return {"type": "error", "error": worded, "request_id": f"req_{secrets.token_hex(12)}"}


ANTHROPIC = WireProtocol(
    endpoints=(
        Endpoint("messages", "POST", ("/v1/messages",), messages),
        Endpoint("count_tokens", "POST", ("/v1/messages/count_tokens",), count_tokens),
    ),
    credential=_key,
    error_body=_error_body,
)
