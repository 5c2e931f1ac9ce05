"""How the page's routes are made of functions, and how a fault looks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from fastapi.routing import APIRoute

from litellm_plugins.errors import PluginError, StoreUnavailable
from litellm_plugins.proxy.ui.http import ROOT, SAFE_HEADERS, base_of, page, refuse_other_sites
from litellm_plugins.ui.rendering import render, static

_LOG = logging.getLogger(__name__)
_HEADINGS = {403: "Not for you", 404: "Not there", 429: "Too soon", 503: "Not now"}

Respond = Callable[[Request], Awaitable[Response]]


def route(path: str, method: str, respond: Respond) -> APIRoute:
    """One of the page's: nothing for other sites, and every fault told on a page."""

    async def endpoint(request: Request) -> Response:
        try:
            refuse_other_sites(request)
            return await respond(request)
        except PluginError as exc:
            status = exc.http_status
            heading = _HEADINGS.get(status, "That did not work")
            told = _said_of(exc, request.method) if isinstance(exc, StoreUnavailable) else str(exc)
            body = render("fault.html", base=base_of(request), who=None, status=status, heading=heading, told=told)
            return page(body, status)

    return APIRoute(ROOT + path, endpoint, methods=[method], include_in_schema=False, response_model=None)


def static_route(name: str, kind: str) -> APIRoute:
    """The same for everybody, and with another address when it changes."""

    async def endpoint(_: Request) -> Response:
        return Response(
            static(name), media_type=kind, headers={**SAFE_HEADERS, "cache-control": "public, max-age=86400"}
        )

    return APIRoute(f"{ROOT}/{name}", endpoint, methods=["GET"], include_in_schema=False, response_model=None)


def _said_of(exc: StoreUnavailable, method: str) -> str:
    """Where the store lies is for the log alone: team owners read the page as well."""
    _LOG.warning("the page cannot be shown: %s", exc)
    again = " What you sent may not have arrived: send it again." if method == "POST" else ""
    return f"What this page reads from cannot be reached right now ({exc.reason}). Requests go on.{again}"
