"""Closing what the pack holds open where the host's cache seat, which the host closes for us, is not ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litellm.proxy import proxy_server


def at_shutdown(close: Callable[[], Awaitable[None]]) -> None:
    """Have the host call `close` when it has answered everybody. Its lifespan looks its own event up by this name."""
    theirs = proxy_server.proxy_shutdown_event

    async def ours_first(*args: Any, **kwargs: Any) -> None:
        try:
            await close()
        finally:
            await theirs(*args, **kwargs)

    proxy_server.proxy_shutdown_event = ours_first
