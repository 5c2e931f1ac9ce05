"""An embedder whose times are told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from litellm_plugins.telemetry.events import TextEmbedded

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder, Embedding
    from litellm_plugins.telemetry.events import Telemetry


class TimedEmbedder:
    """Before another `Embedder`, and behind the memo: what the memo knows takes no time. It closes that one."""

    def __init__(self, inner: Embedder, telemetry: Telemetry) -> None:
        self._inner, self._telemetry = inner, telemetry

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    async def embed(self, text: str) -> Embedding:
        started = time.perf_counter()
        embedding = await self._inner.embed(text)
        self._telemetry.emit(TextEmbedded((time.perf_counter() - started) * 1_000))
        return embedding

    async def aclose(self) -> None:
        await self._inner.aclose()
