"""What the budgets do beside a request: nobody waits for it, and a worker that ends lets it come to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only


def beside(work: Coroutine[Any, Any, None]) -> None:
    """Have it done."""
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def is_busy() -> bool:
    """Whether there is anything left of it."""
    return bool(_tasks)
