"""`litellm-plugins keys`: virtual keys without a database."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from litellm_plugins.cli import config_file
from litellm_plugins.errors import SettingsError
from litellm_plugins.virtual_keys.key_ring import hash_of, new_secret


@click.group()
def keys() -> None:
    """Virtual keys that live in the YAML file, by their hash."""


@keys.command()
@click.option("--name", required=True, help="What the key is called in logs and reports.")
@click.option("--team", help="The id of the team it belongs to, as under virtual_keys.teams.")
@click.option("--user", help="The user it belongs to.")
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A model it may use; repeat for more. Default: what its team may.",
)
@click.option("--json", "as_json", is_flag=True, help="Print secret and YAML entry as JSON.")
def new(name: str, team: str | None, user: str | None, models: tuple[str, ...], as_json: bool) -> None:
    """Make a key. The secret is printed this once and kept nowhere; the entry to paste holds its hash."""
    secret = new_secret()
    entry: dict[str, object] = {"name": name, "hash": f"sha256:{hash_of(secret)}"}
    entry |= {key: value for key, value in (("team", team), ("user", user), ("models", list(models))) if value}
    if as_json:
        click.echo(json.dumps({"secret": secret, "entry": entry}))
        return
    click.echo("The secret, shown only now:", err=True)
    click.echo(secret)
    click.echo("\nPaste under callback_settings.litellm_plugins.virtual_keys.keys and restart the proxy:", err=True)
    text = yaml.safe_dump([entry], default_flow_style=True, width=1_000, sort_keys=False).strip()
    click.echo(f"- {text[1:-1]}")


@keys.command("list")
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path("proxy_config.yaml"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_keys(path: Path, as_json: bool) -> None:
    """List the keys of a config: names, teams and models, never a secret."""
    try:
        settings = config_file.our_settings(config_file.load(path))
    except SettingsError as exc:
        raise click.ClickException(str(exc)) from exc
    found = settings.virtual_keys.keys if settings else ()
    if as_json:
        rows = [{"name": k.name, "team": k.team, "user": k.user, "models": list(k.models)} for k in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for key in found:
        click.echo(f"{key.name:<24} team {key.team or '-':<16} models {', '.join(key.models) or 'as the team'}")
    if not found:
        click.echo("no keys in this config", err=True)
