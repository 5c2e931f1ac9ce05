"""`litellm-plugins costs`: what was spent on what."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from litellm_plugins.cli.cache_client import Client, RemoteClient
from litellm_plugins.cli.run import read_env_file
from litellm_plugins.errors import PluginError

_ROOT = "/plugins/costs"
_WIDTH = 140  # where no terminal says how wide it is


@click.command()
@click.option("--by", default="feature", show_default=True, help="One or more of what there is, as feature,team.")
@click.option("--since", default="7d", show_default=True, help="24h, 7d, 2w, or a time in UTC: 2027-01-31T08:00.")
@click.option("--until", help="The same; default: now.")
@click.option("--top", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Rows; the dearest.")
@click.option("--url", envvar="LITELLM_PLUGINS_URL", default="http://127.0.0.1:4000", show_default=True)
@click.option("--key", "admin_key", envvar="LITELLM_MASTER_KEY", help="An admin's key; default: of .env.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="Read this config's store itself.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def costs(
    by: str,
    since: str,
    until: str | None,
    top: int,
    url: str,
    admin_key: str | None,
    path: Path | None,
    as_json: bool,
) -> None:
    """Dollars, tokens and requests by whatever is asked for, models and hours; through the running proxy or --config.

    There are endpoint, feature, team, user, end_user, key, model_group, model, deployment, provider, layer, ending.
    """
    given = {"by": by, "since": since, "top": str(top), **({} if until is None else {"until": until})}
    try:
        with _client(url, admin_key, path) as client:
            told = client.call("GET", "", given)
    except PluginError as exc:
        raise click.ClickException(str(exc)) from exc
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    from litellm_plugins.cli.costs_tables import show

    show(told, Console(width=None if sys.stdout.isatty() else _WIDTH))


def _client(url: str, admin_key: str | None, path: Path | None) -> Client:
    if path is not None:
        from litellm_plugins.cli.costs_client import LocalCosts

        return LocalCosts(path)
    key = admin_key or read_env_file(Path(".env")).get("LITELLM_MASTER_KEY")
    if not key:
        raise click.ClickException("no admin key: set LITELLM_MASTER_KEY or give --key")
    return RemoteClient(url, key, root=_ROOT)
