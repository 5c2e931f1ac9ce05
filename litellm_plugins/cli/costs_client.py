"""The costs of a config without its proxy: the store itself, opened in this process."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from litellm_plugins.cli import config_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.cli.connection import Json


class LocalCosts:
    """Keeps `cli.connection.Client`. A proxy may run beside it."""

    def __init__(self, path: Path) -> None:
        settings = config_file.our_settings(config_file.load(path))
        if settings is None:
            raise click.ClickException(f"{path}: no callback_settings.litellm_plugins block: nothing is counted")
        if not settings.insight.enabled:
            raise click.ClickException(f"{path}: callback_settings.litellm_plugins.insight.enabled is off")
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download
        from litellm_plugins.insight.costs import Costs
        from litellm_plugins.proxy.insight.stores import open_insight

        self._usage = open_insight(settings).usage
        logging.getLogger("litellm_plugins").setLevel(logging.WARNING)
        self._costs = Costs(self._usage, clock_ms=lambda: time.time_ns() // 1_000_000)
        self._runner = asyncio.Runner()

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Json:
        """There is one operation."""
        try:
            return self._runner.run(self._costs.report(given or {}))
        except PluginError as exc:
            raise click.ClickException(str(exc)) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._usage.aclose())
        self._runner.close()
