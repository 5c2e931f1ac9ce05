"""Who asks on a path of ours that every key may ask on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request

from litellm_plugins.proxy.front import authenticated

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

_FOR_EVERY_KEY = "/v1/models"
_OF_THE_BODY = (b"content-length", b"content-type")


async def holder_of(request: Request) -> UserAPIKeyAuth:
    """The host lets only admins on paths that it does not know: so it is asked as for the list of models,
    which every key may read, also one that has spent its budget. Raises: ProxyException.
    """

    async def nothing() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(name, value) for name, value in request.scope["headers"] if name not in _OF_THE_BODY]
    scope = {**request.scope, "path": _FOR_EVERY_KEY, "raw_path": _FOR_EVERY_KEY.encode(), "method": "GET"}
    return await authenticated(Request({**scope, "headers": headers, "state": {}}, nothing))
