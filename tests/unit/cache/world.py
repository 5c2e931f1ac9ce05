"""A cache with everything around it in a test's hands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Layer, Reason, Reply, Request
from litellm_plugins.settings import Cache
from tests.unit.cache.builders import reply
from tests.unit.cache.fakes import Clock, FakeEmbedder, FakeStore

ON: dict[str, Any] = {"enabled": True, "semantic": {"threshold": 0.9}}


@dataclass
class World:
    """ "lost" and "gone" are 0.97 alike, "other" is far."""

    store: FakeStore = field(default_factory=FakeStore)
    embedder: FakeEmbedder = field(default_factory=lambda: FakeEmbedder(lost=0.0, gone=14.0, other=60.0))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.layers = CacheLayers(store=self.store, embedder=self.embedder, clock=self.clock)

    async def ask(self, request: Request, **policy: Any) -> Verdict:
        return await self.layers.look_up(request, Cache.model_validate(ON | policy))

    async def keep(self, request: Request, given: Reply | None = None, **policy: Any) -> Reason | None:
        """Ask, and store the answer to the miss, as the pipeline does."""
        settings = Cache.model_validate(ON | policy)
        verdict = await self.layers.look_up(request, settings)
        return await self.layers.remember(verdict, request, given or reply(), settings)


def told(verdict: Verdict) -> tuple[Layer, Reason]:
    """Who answered, and why."""
    return verdict.layer, verdict.reason
