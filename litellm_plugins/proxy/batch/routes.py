"""`GET` and `DELETE /plugins/deferred/{id}`: a key may ask of its own team's requests only, or of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.admin_http import Json, route
from litellm_plugins.proxy.any_key import holder_of
from litellm_plugins.proxy.batch.wishes import PATH
from litellm_plugins.proxy.host.conversion import identity_of

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.batch.stage import HostBatch


def deferred_routes(batch: HostBatch) -> list[APIRoute]:
    """The routes to put ahead of the host's."""

    async def show(request: Request) -> Json:
        return await batch.show(request.path_params["id"], identity_of(await holder_of(request)))

    async def cancel(request: Request) -> Json:
        return await batch.cancel(request.path_params["id"], identity_of(await holder_of(request)))

    path = f"{PATH}/{{id}}"
    return [route(path, "GET", show), route(path, "DELETE", cancel)]
