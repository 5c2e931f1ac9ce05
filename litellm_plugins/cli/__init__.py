"""`litellm-plugins <group> <command>`: one file per command group, each loaded when it is asked for."""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "budgets": ("litellm_plugins.cli.budgets", "budgets"),
    "cache": ("litellm_plugins.cli.cache", "cache"),
    "check": ("litellm_plugins.cli.check", "check"),
    "compressor": ("litellm_plugins.cli.compressor", "compressor"),
    "costs": ("litellm_plugins.cli.costs", "costs"),
    "demo": ("litellm_plugins.cli.demo", "demo"),
    "eval": ("litellm_plugins.cli.eval", "eval_group"),
    "keys": ("litellm_plugins.cli.keys", "keys"),
    "prompt-cache": ("litellm_plugins.cli.prompt_cache", "prompt_cache"),
    "review": ("litellm_plugins.cli.review", "review"),
    "routing": ("litellm_plugins.cli.routing", "routing"),
    "run": ("litellm_plugins.cli.run", "run"),
    "simulator": ("litellm_plugins.cli.simulator", "simulator"),
    "ui": ("litellm_plugins.cli.ui", "ui"),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is used or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="litellm-plugins")
def main() -> None:
    """Run a stock LiteLLM proxy cheaply, and see why it is cheap."""
