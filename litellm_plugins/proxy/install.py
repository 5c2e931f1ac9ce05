"""Putting the pack into the running proxy: the cache seat, the front route, and a warm start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import litellm

from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.proxy.cache.adapter import PluginCache
from litellm_plugins.proxy.cache.host_judge import host_router, why_not
from litellm_plugins.proxy.host.safe_gc import collect_between_tasks
from litellm_plugins.settings import cache_anywhere

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from litellm_plugins.proxy.boot import Pack

_LOG = logging.getLogger(__name__)
_tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only


def install(pack: Pack) -> None:
    """Called while the host imports its callbacks: its loop runs, its router is not built yet."""
    cached = cache_anywhere(pack.settings)
    with contextlib.suppress(RuntimeError):  # no loop: `litellm-plugins check`
        _start(pack)
    _put_ahead(_routes(pack, cached=cached))
    if pack.budgets is not None and pack.budgets.has_gate:
        from litellm.proxy import proxy_server

        from litellm_plugins.proxy.budgets.gate import Gate

        router = proxy_server.app.router
        router.middleware_stack = Gate(pack.budgets, router.middleware_stack)
    if not cached:
        from litellm_plugins.proxy.host.shutdown import at_shutdown

        at_shutdown(pack.aclose)
        return
    if litellm.cache is not None:
        _LOG.warning("litellm_settings.cache is on too: litellm_plugins takes its place")
    # At import, because the router freezes whether there is a cache when it is built.
    litellm.cache = PluginCache(pack.pipeline, closes=pack.aclose)
    try:
        task = asyncio.get_running_loop().create_task(_warm(pack))
        pack.pipeline.start()
    except RuntimeError:  # no loop: `litellm-plugins check`
        return
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _start(pack: Pack) -> None:
    """What runs beside the requests, but for the pipeline's own. Raises: RuntimeError where no loop runs."""
    collect_between_tasks()
    pack.gauges.start()
    if pack.budgets is not None:
        pack.budgets.start()
        if pack.sight is not None:
            pack.sight.start()
    if pack.compression is not None:
        pack.compression.start()
    if pack.feedback is not None:
        pack.feedback.start(pack.pipeline.telemetry.emit)
    if pack.review is not None:
        pack.review.start()
    if pack.insight is not None:
        pack.insight.start()
    if pack.routing is not None:
        pack.routing.scoring.start()
    if pack.batch is not None:
        pack.batch.start()
    if pack.early_stop is not None:
        pack.early_stop.start()


def _routes(pack: Pack, *, cached: bool) -> list[BaseRoute]:
    """Ours: those that every request is held against first, then those of administration."""
    from litellm_plugins.proxy.batch.routes import deferred_routes
    from litellm_plugins.proxy.budgets.routes import budget_routes
    from litellm_plugins.proxy.cache.routes import admin_routes
    from litellm_plugins.proxy.front import front_routes
    from litellm_plugins.proxy.insight.routes import insight_routes
    from litellm_plugins.proxy.langfuse.trace import is_traced
    from litellm_plugins.proxy.prompt_caching.routes import prompt_cache_routes
    from litellm_plugins.proxy.review.feedback_routes import feedback_route
    from litellm_plugins.proxy.review.routes import review_routes
    from litellm_plugins.proxy.ui.routes import ui_routes
    from litellm_plugins.proxy.ui.tokens import ui_token_routes

    parts = (pack.budgets, pack.admission, pack.routing, pack.batch)
    in_front = cached or any(part is not None for part in parts)
    return [
        *(front_routes(pack) if in_front else []),
        *(admin_routes(pack) if cached else []),
        *(budget_routes(pack.sight.admin) if pack.sight is not None else []),
        *(deferred_routes(pack.batch) if pack.batch is not None else []),
        *([feedback_route(pack.feedback, traced=is_traced)] if pack.feedback is not None else []),
        *(prompt_cache_routes(pack.prompt_caching) if pack.prompt_caching is not None else []),
        *(review_routes(pack.review) if pack.review is not None else []),
        *(insight_routes(pack.insight.costs, pack.insight.routes) if pack.insight is not None else []),
        *([*ui_routes(pack.ui), *ui_token_routes(pack.ui)] if pack.ui is not None else []),
    ]


def _put_ahead(routes: list[BaseRoute]) -> None:
    from litellm.proxy import proxy_server

    proxy_server.app.router.routes[0:0] = routes


async def _warm(pack: Pack) -> None:
    """The first embedding takes a second: let it be nobody's. By now the host's router is up."""
    if pack.embedder is None:
        return
    judge, router = pack.settings.cache.semantic.judge, host_router()
    problem = None if judge is None or router is None else why_not(router, judge.model)
    if problem is not None:
        _LOG.warning("the judge of answers is off until this is mended (cache.semantic.judge.model): %s", problem)
    try:
        await pack.embedder.embed("How do I get started?")
    except EmbedderUnavailable as exc:
        _LOG.warning("the semantic cache is off until its embedder works: %s", exc)
