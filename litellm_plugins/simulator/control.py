"""The simulator's own routes: its health, and what it was asked."""

from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from litellm_plugins.simulator.bill import bill_for
from litellm_plugins.simulator.recorder import Recorder
from litellm_plugins.simulator.shelf import Shelf


def control_routes(recorder: Recorder, authorised: Callable[[Request], bool], shelf: Shelf) -> list[BaseRoute]:
    """`/health` is open; what shows prompts asks for the key, where there is one."""

    async def health(_: Request) -> Response:
        return _json({"status": "ok"})

    async def requests(request: Request) -> Response:
        if not authorised(request):
            return _json({"error": "the simulator's API key is needed"}, status=401)
        if request.method == "DELETE":
            recorder.clear()
            return Response(status_code=204)
        return _json(recorder.records())

    async def count(request: Request) -> Response:
        if not authorised(request):
            return _json({"error": "the simulator's API key is needed"}, status=401)
        return _json(recorder.count())

    async def bill(request: Request) -> Response:
        if not authorised(request):
            return _json({"error": "the simulator's API key is needed"}, status=401)
        return _json({"by_model": bill_for(recorder.kept()), "batches_by_model": shelf.bill()})

    return [
        Route("/health", health),
        Route("/simulator/bill", bill),
        Route("/simulator/requests", requests, methods=["GET", "DELETE"]),
        Route("/simulator/count", count),
    ]


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
