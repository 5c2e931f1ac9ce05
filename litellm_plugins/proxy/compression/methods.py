"""The methods that the settings name, as a chain that can be run, and the embedder that one of them asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from litellm_plugins.compression.extractive.method import by_words, extractive
from litellm_plugins.compression.extractive.passages import Page, Passage
from litellm_plugins.compression.extractive.semantic import SemanticSelector
from litellm_plugins.compression.filler.method import filler
from litellm_plugins.compression.methods import Chain, Context, Method
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.embedding.local import LocalEmbedder
from litellm_plugins.proxy.compression.sidecars import Sidecars
from litellm_plugins.telemetry.events import StageFailed

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.settings.compression import Compression
    from litellm_plugins.telemetry.events import Telemetry

_LOSSLESS = "lossless"
_OF_DEADLINE = 0.75  # the share of what is left that the embedder has; words alone take some milliseconds


class HostMethods:
    """One for all requests of a worker."""

    def __init__(self, telemetry: Telemetry, embedder: Embedder | None = None) -> None:
        self._telemetry = telemetry
        # What users write is embedded on this machine only: a model elsewhere would cost more than it saves.
        self._shared = embedder if isinstance(embedder, LocalEmbedder) else None
        self._own: LocalEmbedder | None = None
        self.sidecars = Sidecars(telemetry)
        # One for each of `settings.compression.Method` but `lossless`, which is a part of the chain itself.
        self._makers: Mapping[str, Callable[[Compression], Method]] = {
            "filler": _filler,
            "extractive": self._extractive,
            "llmlingua": self.sidecars.method,
        }

    async def aclose(self) -> None:
        """Let go of what was made here; a shared embedder is its owner's."""
        await asyncio.to_thread(self.sidecars.close)
        if self._own is not None:
            await self._own.aclose()

    def chain(self, policy: Compression, rate: float) -> Chain:
        """What `policy` wants done to a text. Called on the event loop."""
        made = tuple(self._makers[name](policy) for name in policy.methods if name != _LOSSLESS)
        return Chain(made, _LOSSLESS in policy.methods, rate)

    def _extractive(self, policy: Compression) -> Method:
        if not policy.extractive.embeddings:
            return extractive(strict=policy.extractive.strict)
        rank = partial(self._by_meaning, asyncio.get_running_loop(), self._selector())
        return extractive(strict=policy.extractive.strict, rank=rank, settings="embeddings")

    def _by_meaning(
        self,
        loop: asyncio.AbstractEventLoop,
        selector: SemanticSelector,
        context: Context,
        passages: Sequence[Passage],
        pages: Sequence[Page],
    ) -> list[list[float]]:
        """In a thread of the pool: the loop is free, and asks the embedder. By words where that is late or gone."""
        worth = selector.worth(context.question, passages, pages, rate=context.rate)
        asked = asyncio.run_coroutine_threadsafe(worth, loop)
        try:
            return asked.result(max(0.0, context.left_s() * _OF_DEADLINE))
        except TimeoutError:
            asked.cancel()
            reason = "embedder_late"
        except EmbedderUnavailable as gone:
            reason = gone.reason
        loop.call_soon_threadsafe(self._telemetry.emit, StageFailed("compress", reason, "words alone chose"))
        return by_words(context, passages, pages)

    def _selector(self) -> SemanticSelector:
        if self._shared is not None:
            return SemanticSelector(self._shared)
        if self._own is None:
            self._own = LocalEmbedder()  # loads its model when it is first asked
        return SemanticSelector(self._own)


def _filler(policy: Compression) -> Method:
    return filler(policy.filler.languages)
