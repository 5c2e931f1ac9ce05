"""Garbage is collected between the loop's tasks, not within one: up to Python 3.11 the interpreter crashes otherwise.

A collection runs finalizers. Where one begins while a context variable is being set, and a finalizer sets one too, the
interpreter reads memory that is freed (CPython gh-148891). The host, its tracing and we set context variables for every
request. From 3.12 on the interpreter itself collects between two instructions only.
"""

from __future__ import annotations

import asyncio
import gc
import sys

_EVERY_S = 0.02
_SAFE_FROM = (3, 12)


class _Tracked:
    """What the collector keeps an eye on: making one is what begins a collection that is due."""

    __slots__ = ("it",)


def collect_between_tasks(*, version: tuple[int, int] = sys.version_info[:2]) -> None:
    """From now on, where this Python needs it. Raises: RuntimeError where no loop runs."""
    loop = asyncio.get_running_loop()
    if version >= _SAFE_FROM or not gc.isenabled():
        return
    gc.disable()
    loop.call_later(_EVERY_S, _collect_if_due, loop)


def _collect_if_due(loop: asyncio.AbstractEventLoop) -> None:
    gc.enable()  # so that the interpreter's own thresholds decide, and its own rule for the oldest
    _Tracked()
    gc.disable()
    loop.call_later(_EVERY_S, _collect_if_due, loop)
