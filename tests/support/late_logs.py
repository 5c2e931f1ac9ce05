"""A callback of the host's kind that holds up its logs of errors, and those of every callback after it."""

from __future__ import annotations

import asyncio
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

CALLBACK = f"{__name__}.late"
LATE = "logged late"  # in a question: the log of its error comes
_LATE_S = 1.5  # after the request is over


class LateLogs(CustomLogger):
    """As slow as a busy one."""

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        if LATE in str(kwargs.get("messages") or kwargs.get("input")):
            await asyncio.sleep(_LATE_S)


late = LateLogs()
