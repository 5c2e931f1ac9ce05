"""Dates and ids that change go to the end of the system prompt, before marks are put; and back for another model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.moving import Changing, Move, move, restored

THREAD_FROM_CHARS = 32_000  # reading a longer prompt would hold up every other request


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the volatile lines of one request: why, and how many were moved."""

    volatile: str
    lines: int = 0
    endpoint: str = ""
    in_a_block: Move | None = None  # of their own

    def undone(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that change for a model whose marks need no block of their own: none where nothing was moved."""
        return {} if self.in_a_block is None else restored(self.endpoint, data, self.in_a_block)


async def moved(
    endpoint: str, data: dict[str, Any], changing: Changing, tenant: str, model: str, stands_down: Why | None
) -> Moved:
    """Decide, and write to `data`. `stands_down`: why the request gets no marks of ours."""
    if stands_down is not None and stands_down is not Why.AUTOMATIC:  # nothing would be read for it
        return Moved(stands_down.value)
    own_block = stands_down is None
    reading = partial(move, endpoint, data, changing, tenant, model, own_block=own_block)
    is_long = chars((data.get("system"), data.get("messages"))) > THREAD_FROM_CHARS
    found = await asyncio.to_thread(reading) if is_long else reading()
    data.update(found.fields or {})
    return Moved(found.reason.value, found.lines, endpoint, found if own_block and found.fields else None)


def chars(value: object) -> int:
    """Of all texts in it."""
    if isinstance(value, str):
        return len(value)
    within = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sum(map(chars, within))
