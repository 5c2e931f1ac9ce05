"""The gate ahead of the host's paths whose cost nobody tells us: whoever a budget covers is turned away there.

It asks the host who is there, and hands everybody else on to the host, as if it were not there. Where the host does
not know who it is, it is the host that says so.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from fastapi import Request, WebSocket
from fastapi.responses import JSONResponse
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth_websocket
from litellm.proxy.spend_tracking.budget_reservation import release_or_invalidate_budget_reservation

from litellm_plugins.proxy.budgets.paths import is_gated
from litellm_plugins.proxy.budgets.refusal import BudgetRefusal
from litellm_plugins.proxy.front import authenticated

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth
    from starlette.types import ASGIApp, Receive, Scope, Send

    from litellm_plugins.proxy.budgets.stage import HostBudgets

_POLICY_VIOLATION = 1008
_LONGEST_REASON = 120  # of closing a web socket; there may be 123 bytes of it
_SESSION = "websocket"


class Gate:
    """Stands before the host's routes. Looks at some requests, and hands all others on."""

    def __init__(self, budgets: HostBudgets, routes: ASGIApp) -> None:
        self._budgets, self._routes = budgets, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", _SESSION):
            await self._routes(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix(str(scope.get("root_path") or ""))
        gated = is_gated(path, "WEBSOCKET" if scope["type"] == _SESSION else scope["method"])
        await (self.handle if gated else self._routes)(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse it, or hand it on."""
        if scope["type"] == _SESSION:
            auth, heard = await _holder_of_session(scope, receive), receive
        else:
            body = await Request(scope, receive).body()
            # A scope of its own: the host keeps in it what it made of the request, and would find that again.
            apart = {name: value for name, value in scope.items() if name not in ("state", "router")} | {"state": {}}
            auth = await _holder(Request(apart, _again(body, receive)))
            heard = _again(body, receive)
        try:
            if auth is not None:
                self._budgets.pass_through({}, auth)
        except BudgetRefusal as exc:
            await _refuse(exc, scope, receive, send)
            return
        await self._routes(scope, heard, send)


async def _holder(request: Request) -> UserAPIKeyAuth | None:
    """Who asks; None: the host will say what is wrong with it."""
    try:
        return await _unreserved(await authenticated(request))
    except Exception:  # noqa: BLE001 - the host's edge: it is asked again, and answers then
        return None


async def _holder_of_session(scope: Scope, receive: Receive) -> UserAPIKeyAuth | None:
    async def unsent(_: MutableMapping[str, Any]) -> None:
        """The host would close the connection; it will, once it is asked in earnest."""

    try:
        return await _unreserved(await user_api_key_auth_websocket(WebSocket(scope, receive, unsent)))
    except Exception:  # noqa: BLE001 - as above
        return None


async def _unreserved(auth: UserAPIKeyAuth) -> UserAPIKeyAuth:
    """Without what the host has reserved on its own budgets: it will do that again."""
    if auth.budget_reservation is not None:
        await release_or_invalidate_budget_reservation(budget_reservation=auth.budget_reservation)
    return auth


async def _refuse(refusal: BudgetRefusal, scope: Scope, receive: Receive, send: Send) -> None:
    told = {"message": refusal.message, "type": refusal.type, "param": None, "code": refusal.openai_code}
    if scope["type"] == _SESSION:
        socket = WebSocket(scope, receive, send)
        offered = socket.headers.get("sec-websocket-protocol", "").split(",")[0].strip()
        await socket.accept(subprotocol=offered or None)
        await socket.send_text(json.dumps({"type": "error", "error": told}))
        await socket.close(code=_POLICY_VIOLATION, reason=refusal.message[:_LONGEST_REASON])
        return
    response = JSONResponse({"error": told}, status_code=int(refusal.code or 429), headers=refusal.headers)
    await response(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read of a request, for the next one who reads it."""
    told = False

    async def replayed() -> MutableMapping[str, Any]:
        nonlocal told
        if told:
            return await receive()  # that the client has left
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
