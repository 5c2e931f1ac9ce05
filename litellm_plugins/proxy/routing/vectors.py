"""The embeddings that routing looks at: the cache's own where it made one, else one made here, in bounded time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.embedding.memo import MemoEmbedder
from litellm_plugins.proxy.host.timed_embedder import TimedEmbedder
from litellm_plugins.telemetry.events import StageFailed

if TYPE_CHECKING:
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.embedding.embedder import Embedder, Vector
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry

LATE, UNAVAILABLE = "embedding_late", "embedding_unavailable"


class RouteEmbedder:
    """Always the bundled model, in whose space scorers are fitted: the cache's if that is it, else one of its own."""

    def __init__(self, embedder: Embedder, telemetry: Telemetry, *, timeout_s: float, is_cache_s: bool) -> None:
        self._embedder, self._telemetry, self._timeout_s = embedder, telemetry, timeout_s
        self._is_cache_s = is_cache_s
        self._examples: dict[str, Vector] = {}
        self._learning: asyncio.Task[None] | None = None

    @property
    def model_id(self) -> str:
        """As in `Embedder`. Raises: EmbedderUnavailable."""
        return self._embedder.model_id

    def of_request(self, verdict: Verdict | None) -> RequestVectors:
        """For one request, whose look-up came to `verdict`."""
        return RequestVectors(self, verdict if self._is_cache_s else None)

    async def embed(self, text: str) -> Vector:
        """Within the time that a request may wait. Raises: TimeoutError, EmbedderUnavailable."""
        async with asyncio.timeout(self._timeout_s):
            return (await self._embedder.embed(text)).vector

    def failed(self, reason: str, detail: str) -> None:
        """Count it."""
        self._telemetry.emit(StageFailed("route", reason, detail))

    async def examples(self, texts: tuple[str, ...]) -> list[Vector]:
        """Those that are known by now. The others are learnt beside the requests, once."""
        missing = [text for text in texts if text not in self._examples]
        if missing:
            self.learn(missing)
            if self._learning is not None:
                await asyncio.wait({self._learning}, timeout=self._timeout_s)
        found = [self._examples[text] for text in texts if text in self._examples]
        if len(found) < len(texts):
            self.failed(LATE, "the examples of a rule are not read yet")
        return found

    def learn(self, texts: list[str]) -> None:
        """Begin to embed examples. Raises: RuntimeError where no loop runs."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.get_running_loop().create_task(self._learn(texts))

    async def _learn(self, texts: list[str]) -> None:
        for text in texts:
            try:
                self._examples[text] = (await self._embedder.embed(text)).vector
            except EmbedderUnavailable as exc:
                self.failed(UNAVAILABLE, str(exc))
                return

    async def aclose(self) -> None:
        """Let go of the model, where it is not the cache's."""
        if self._learning is not None:
            self._learning.cancel()
        if not self._is_cache_s:
            await self._embedder.aclose()


class RequestVectors:
    """Of one request's texts, each made once."""

    def __init__(self, embedder: RouteEmbedder, verdict: Verdict | None) -> None:
        self._embedder = embedder
        self._known: dict[str, Vector | None] = {}
        self.why_none = ""  # of the last text that has none
        if verdict is not None and verdict.embedding is not None and verdict.keys is not None and verdict.keys.question:
            self._known[verdict.keys.question.strip()] = verdict.embedding.vector

    async def of(self, text: str) -> Vector | None:
        """None: it cannot be had, or not in time; why is counted, and said by `why_none`."""
        text = text.strip()
        if not text:
            return None
        if text not in self._known:
            self._known[text] = await self._made(text)
        return self._known[text]

    async def examples(self, texts: tuple[str, ...]) -> list[Vector]:
        """Of a rule."""
        return await self._embedder.examples(texts)

    async def _made(self, text: str) -> Vector | None:
        try:
            return await self._embedder.embed(text)
        except TimeoutError:
            self.why_none = LATE
            self._embedder.failed(LATE, "")
        except EmbedderUnavailable as exc:
            self.why_none = UNAVAILABLE
            self._embedder.failed(UNAVAILABLE, str(exc))
        return None


def route_embedder(settings: Settings, of_cache: Embedder | None, telemetry: Telemetry) -> RouteEmbedder | None:
    """None where nothing looks at embeddings."""
    if not settings.routing.needs_vectors:
        return None
    timeout_s = settings.routing.embed_timeout_ms / 1_000
    if of_cache is not None and settings.cache.semantic.embedder == "local":
        return RouteEmbedder(of_cache, telemetry, timeout_s=timeout_s, is_cache_s=True)
    from litellm_plugins.embedding.local import LocalEmbedder

    own = MemoEmbedder(TimedEmbedder(LocalEmbedder(), telemetry))
    return RouteEmbedder(own, telemetry, timeout_s=timeout_s, is_cache_s=False)
