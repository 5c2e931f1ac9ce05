"""Writes feedback to Langfuse as scores, by its public API and with the host's own credentials; in the background."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx

from litellm_plugins.proxy.langfuse.project import host_of, is_configured
from litellm_plugins.telemetry.events import StageFailed
from litellm_plugins.telemetry.queue import BoundedQueue, Bounds

if TYPE_CHECKING:
    from litellm_plugins.review.feedback import Feedback
    from litellm_plugins.telemetry.events import Event

NAME = "user_feedback"
_PATH = "/api/public/scores"
_TIMEOUT_S = 10.0
_RETRIED = frozenset({408, 425, 429})
# Tried for a minute: a Langfuse that is being restarted is back by then.
_BOUNDS = Bounds(items=1_000, batch=20, every_s=2.0, tries=30)


class Scores:
    """One receiver: the project of the host's LANGFUSE_* variables. `prompts`: may texts of users be told?"""

    def __init__(
        self, *, prompts: Callable[[], bool], tell: Callable[[Event], None], environ: Mapping[str, str] = os.environ
    ) -> None:
        self._prompts, self._tell, self._environ = prompts, tell, environ
        self._http: httpx.AsyncClient | None = None
        self.queue = BoundedQueue("langfuse_scores", self._deliver, bounds=_BOUNDS)

    @property
    def is_configured(self) -> bool:
        """Whether there is somebody to write to."""
        return is_configured(self._environ)

    def put(self, feedback: Feedback) -> bool:
        """Whether it will be written, as far as that is known now."""
        return self.is_configured and self.queue.put(feedback)

    async def aclose(self) -> None:
        """Write what is left, for a moment."""
        await self.queue.drain()
        if self._http is not None:
            await self._http.aclose()

    async def _deliver(self, batch: Sequence[Feedback]) -> None:
        """A score has the id of its feedback, and Langfuse replaces the one of the same: again is no harm."""
        if self._http is None:
            logging.getLogger("httpx").addFilter(_no_scores)
            self._http = httpx.AsyncClient(timeout=_TIMEOUT_S)
        auth = (self._environ["LANGFUSE_PUBLIC_KEY"], self._environ["LANGFUSE_SECRET_KEY"])
        for feedback in batch:
            response = await self._http.post(f"{host_of(self._environ)}{_PATH}", json=self._score(feedback), auth=auth)
            if response.status_code in _RETRIED or response.status_code >= 500:
                raise ConnectionError(f"HTTP {response.status_code}")
            if not response.is_success:  # another try would not be welcome either
                self._tell(StageFailed("feedback", "score_refused", f"HTTP {response.status_code}"))

    def _score(self, feedback: Feedback) -> dict[str, Any]:
        told = {
            "cache_id": feedback.cache_id,
            "cache": feedback.layer,
            "verdict": str(feedback.verdict or ""),
            "about": str(feedback.about),
        }
        score: dict[str, Any] = {
            "id": feedback.id,
            "name": NAME,
            "traceId": feedback.trace_id,
            "value": feedback.value,
            "dataType": "NUMERIC",
            "metadata": {name: value for name, value in told.items() if value},
        }
        if feedback.comment and self._prompts():
            score["comment"] = feedback.comment
        if environment := self._environ.get("LANGFUSE_TRACING_ENVIRONMENT"):
            score["environment"] = environment
        return score


def _no_scores(record: logging.LogRecord) -> bool:
    """Httpx tells of every request; a line for each thumb is of no use."""
    return _PATH not in record.getMessage()
