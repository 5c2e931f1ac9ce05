"""The cache of a config without its proxy: the store itself, opened in this process."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.local_client import LocalClient

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json
    from litellm_plugins.settings import Settings


class LocalCache(LocalClient):
    """It embeds only where the pack itself does."""

    lacking = "no callback_settings.litellm_plugins block: there is no cache"

    def _open(self, settings: Settings) -> None:
        from litellm_plugins.proxy.boot import build

        self._pack = build(settings)
        self._embeds_here = settings.cache.semantic.embedder == "local"

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        if path in ("/curate", "/warm") and not self._embeds_here:
            raise click.ClickException(
                "cache.semantic.embedder is a model of the proxy's: this needs it running (--url)"
            )
        admin, actor = self._pack.cache_admin, f"cli:{getpass.getuser()}"
        _, operation, *rest = path.split("/", 2)
        if method == "DELETE":
            return await admin.uncurate(rest[0], actor=actor)
        if rest:
            return await admin.entry(rest[0])
        if method == "GET":
            reading = {"stats": admin.stats, "entries": admin.entries, "audit": admin.audit, "gate": admin.gate}
            return await reading[operation](given)
        writing = {"invalidate": admin.invalidate, "curate": admin.curate, "warm": admin.warm}
        return await writing[operation](given, actor=actor)

    async def _close(self) -> None:
        await self._pack.pipeline.aclose()
