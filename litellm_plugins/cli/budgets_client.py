"""The budgets of a config without its proxy: the ledger itself, opened in this process."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

import click

from litellm_plugins.cli import config_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json
    from litellm_plugins.proxy.boot import Pack


class LocalBudgets:
    """Keeps `cli.connection.Client`. A proxy may run beside it. It sends no alerts."""

    def __init__(self, path: Path) -> None:
        settings = config_file.our_settings(config_file.load(path))
        if settings is None:
            raise click.ClickException(f"{path}: no callback_settings.litellm_plugins block: there are no budgets")
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
        from litellm_plugins.proxy.boot import build

        self._pack: Pack = build(settings)
        logging.getLogger("litellm_plugins").setLevel(logging.WARNING)
        if self._pack.sight is None:
            raise click.ClickException(f"{path}: no budgets in callback_settings.litellm_plugins")
        self._admin = self._pack.sight.admin
        self._runner = asyncio.Runner()

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        try:
            return self._runner.run(self._operation(method, path, given or {}))
        except PluginError as exc:
            raise click.ClickException(str(exc)) from exc

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        if method == "POST":
            writing = {"/reset": self._admin.reset, "/limit": self._admin.limit}
            return await writing[path](given, actor=f"cli:{getpass.getuser()}")
        return await self._admin.show(unquote(path[1:])) if path else await self._admin.list(given)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._pack.aclose())
        self._runner.close()
