"""The costs of a config without its proxy: the store itself, opened in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.cli.local_client import LocalClient

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json
    from litellm_plugins.settings import Settings


class LocalCosts(LocalClient):
    """There is one operation."""

    lacking = "no callback_settings.litellm_plugins block: nothing is counted"

    def _open(self, settings: Settings) -> None:
        if not settings.insight.enabled:
            raise self._refused("callback_settings.litellm_plugins.insight.enabled is off")
        from litellm_plugins.insight.costs import Costs
        from litellm_plugins.proxy.insight.stores import open_insight

        self._usage = open_insight(settings).usage
        self._costs = Costs(self._usage, clock_ms=lambda: time.time_ns() // 1_000_000)

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        return await self._costs.report(given)

    async def _close(self) -> None:
        await self._usage.aclose()
