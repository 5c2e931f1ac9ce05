"""`/plugins/cache/…`: the administrator's operations over HTTP, for the host's admins, and signed webhook events."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from litellm_plugins.cache.admin.events import SIGNATURE_HEADER, verify
from litellm_plugins.errors import NotFound
from litellm_plugins.proxy.admin_http import (
    Endpoint,
    Json,
    admin_of,
    body_of_anybody,
    object_of,
    reading,
    route,
    writing,
)

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.routing import APIRoute

    from litellm_plugins.cache.admin import CacheAdmin
    from litellm_plugins.proxy.boot import Pack

_ROOT = "/plugins/cache"
_MAX_EVENT = 256 * 1024


def admin_routes(pack: Pack) -> list[APIRoute]:
    """The routes to put ahead of the host's."""
    admin = pack.cache_admin
    return [
        reading(f"{_ROOT}/stats", lambda _, query: admin.stats(query)),
        reading(f"{_ROOT}/entries", lambda _, query: admin.entries(query)),
        reading(f"{_ROOT}/entries/{{cache_id}}", lambda request, _: admin.entry(request.path_params["cache_id"])),
        reading(f"{_ROOT}/gate", lambda _, query: admin.gate(query)),
        reading(f"{_ROOT}/audit", lambda _, query: admin.audit(query)),
        writing(f"{_ROOT}/invalidate", admin.invalidate),
        writing(f"{_ROOT}/curate", admin.curate),
        writing(f"{_ROOT}/warm", admin.warm),
        route(f"{_ROOT}/curate/{{cache_id}}", "DELETE", _uncurate(admin)),
        route(f"{_ROOT}/events", "POST", _event(pack)),
    ]


def _uncurate(admin: CacheAdmin) -> Endpoint:
    async def respond(request: Request) -> Json:
        actor = await admin_of(request)
        return await admin.uncurate(request.path_params["cache_id"], actor=actor)

    return respond


def _event(pack: Pack) -> Endpoint:
    settings = pack.settings.events

    async def respond(request: Request) -> Json:
        secret = os.environ.get(settings.secret_env or "", "")
        if not secret:
            raise NotFound("no events are taken here: events.secret_env names no variable that is set")
        body = await body_of_anybody(request, _MAX_EVENT)
        verify(secret, body, request.headers.get(SIGNATURE_HEADER), now=time.time(), tolerance_s=settings.tolerance_s)
        return await pack.cache_admin.event(object_of(body))

    return respond
