"""`POST /plugins/feedback`: the end user's thumb on an answer. A key may speak about its own team's traffic only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm.proxy._types import LitellmUserRoles

from litellm_plugins.proxy.admin_http import Json, body_of_anybody, object_of, route
from litellm_plugins.proxy.any_key import holder_of
from litellm_plugins.proxy.host.conversion import identity_of
from litellm_plugins.proxy.review.tenant import tenant_of

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.review.feedback import FeedbackDesk

PATH = "/plugins/feedback"
_MAX_BODY = 32 * 1024


def feedback_route(desk: FeedbackDesk, *, traced: Callable[[], bool]) -> APIRoute:
    """The route to put ahead of the host's. `traced` says whether Langfuse has traces at all."""

    async def respond(request: Request) -> Json:
        auth = await holder_of(request)
        given = object_of(await body_of_anybody(request, _MAX_BODY))
        identity = identity_of(auth)
        is_admin = auth.user_role == LitellmUserRoles.PROXY_ADMIN
        by = identity.key_id or identity.user_id or ""
        return await desk.take(given, by=by, tenant=None if is_admin else tenant_of(identity), traced=traced())

    return route(PATH, "POST", respond)
