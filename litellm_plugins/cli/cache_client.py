"""The cache of a config without its proxy: the store itself, opened in this process."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from litellm_plugins.cli import config_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json
    from litellm_plugins.proxy.boot import Pack


class LocalClient:
    """Keeps `cli.connection.Client`. A proxy may run beside it."""

    def __init__(self, path: Path) -> None:
        settings = config_file.our_settings(config_file.load(path))
        if settings is None:
            raise click.ClickException(f"{path}: no callback_settings.litellm_plugins block: there is no cache")
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
        from litellm_plugins.proxy.boot import build

        self._pack: Pack = build(settings)
        logging.getLogger("litellm_plugins").setLevel(logging.WARNING)
        self._embeds_here = settings.cache.semantic.embedder == "local"
        self._runner = asyncio.Runner()

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        if path in ("/curate", "/warm") and not self._embeds_here:
            raise click.ClickException(
                "cache.semantic.embedder is a model of the proxy's: this needs it running (--url)"
            )
        try:
            return self._runner.run(self._operation(method, path, given or {}))
        except PluginError as exc:
            raise click.ClickException(str(exc)) from exc

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._pack.pipeline.aclose())
        self._runner.close()
