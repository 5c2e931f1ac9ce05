"""A part of a config without its proxy: its store itself, opened in this process."""

from __future__ import annotations

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import click

from litellm_plugins.cli import config_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json
    from litellm_plugins.settings import Settings


class LocalClient(ABC):
    """Keeps `cli.connection.Client`. A proxy may run beside it."""

    lacking: ClassVar[str]  # what is said of a config without our block

    def __init__(self, path: Path) -> None:
        self._path = path
        settings = config_file.our_settings(config_file.load(path))
        if settings is None:
            raise self._refused(self.lacking)
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
        self._open(settings)
        logging.getLogger("litellm_plugins").setLevel(logging.WARNING)
        self._runner = asyncio.Runner()

    @abstractmethod
    def _open(self, settings: Settings) -> None:
        """Make what operations ask. Raises: click.ClickException where the settings leave it off."""

    @abstractmethod
    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        """As `call`. Raises: PluginError."""

    @abstractmethod
    async def _close(self) -> None:
        """Close what was opened."""

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        try:
            return self._runner.run(self._operation(method, path, given or {}))
        except PluginError as exc:
            raise click.ClickException(str(exc)) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._close())
        self._runner.close()

    def _refused(self, why: str) -> click.ClickException:
        return click.ClickException(f"{self._path}: {why}")
