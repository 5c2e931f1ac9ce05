"""The budgets of a config without its proxy: the ledger itself, opened in this process."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from litellm_plugins.cli.local_client import LocalClient

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json
    from litellm_plugins.settings import Settings


class LocalBudgets(LocalClient):
    """It sends no alerts."""

    lacking = "no callback_settings.litellm_plugins block: there are no budgets"

    def _open(self, settings: Settings) -> None:
        from litellm_plugins.proxy.boot import build

        self._pack = build(settings)
        if self._pack.sight is None:
            raise self._refused("no budgets in callback_settings.litellm_plugins")
        self._admin = self._pack.sight.admin

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        if method == "POST":
            writing = {"/reset": self._admin.reset, "/limit": self._admin.limit}
            return await writing[path](given, actor=f"cli:{getpass.getuser()}")
        return await self._admin.show(unquote(path[1:])) if path else await self._admin.list(given)

    async def _close(self) -> None:
        await self._pack.aclose()
