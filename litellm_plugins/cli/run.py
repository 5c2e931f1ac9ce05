"""`litellm-plugins run`: the stock proxy on a config, with what it needs to boot in place."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path

import click

_ENV_FILE = Path(".env")
_MASTER_KEY = "LITELLM_MASTER_KEY"


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path("proxy_config.yaml"), show_default=True)
@click.argument("litellm_options", nargs=-1, type=click.UNPROCESSED)
def run(path: Path, litellm_options: tuple[str, ...]) -> None:
    """Start `litellm --config PATH`. Further options are LiteLLM's own, for example --port 4001.

    A strong master key is made once and kept in .env, where provider keys may stand too.
    """
    if not path.exists():
        raise click.ClickException(f"{path} does not exist")
    env = {**read_env_file(_ENV_FILE), **os.environ}
    if not env.get(_MASTER_KEY):
        env[_MASTER_KEY] = "sk-" + secrets.token_urlsafe(32)
        _append_private(_ENV_FILE, f"{_MASTER_KEY}={env[_MASTER_KEY]}\n")
        click.echo(f"made a master key and put it into {_ENV_FILE.resolve()}", err=True)
    env.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download at boot
    litellm = shutil.which("litellm", path=str(Path(sys.executable).parent)) or shutil.which("litellm")
    if litellm is None:
        raise click.ClickException("the litellm command is not installed; run `make setup`")
    options = list(litellm_options)
    if "--host" not in options:
        options += ["--host", "127.0.0.1"]  # opening it to a network is a decision, not a default
    os.execve(litellm, [litellm, "--config", str(path), *options], env)  # noqa: S606 - its own options, no shell


def read_env_file(path: Path) -> dict[str, str]:
    """The NAME=VALUE lines of a .env file; comments and blank lines are skipped."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, equals, value in pairs if equals}


def _append_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(text)
