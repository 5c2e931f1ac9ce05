"""`litellm-plugins budgets`: who has spent how much, and an administrator's hand on it."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from litellm_plugins.cli.budgets_client import LocalBudgets
from litellm_plugins.cli.cache_client import Client, RemoteClient
from litellm_plugins.cli.run import read_env_file
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from rich.console import Console

_ROOT = "/plugins/budgets"
_WIDTH = 160  # where no terminal says how wide it is
_WITHOUT_LIMIT = "settings"
F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def budgets() -> None:
    """Who has spent how much; through the running proxy, or on its ledger with --config."""


def _connected(command: F) -> F:
    """Gives the command a client, and the options that say to what."""

    @click.option("--url", envvar="LITELLM_PLUGINS_URL", default="http://127.0.0.1:4000", show_default=True)
    @click.option("--key", "admin_key", envvar="LITELLM_MASTER_KEY", help="An admin's key; default: of .env.")
    @click.option("--config", "path", type=click.Path(path_type=Path), help="Work on this config's ledger itself.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
    @functools.wraps(command)
    def connected(*args: Any, url: str, admin_key: str | None, path: Path | None, **options: Any) -> None:  # noqa: ANN401
        try:
            with _client(url, admin_key, path) as client:
                command(client, *args, **options)
        except PluginError as exc:
            raise click.ClickException(str(exc)) from exc

    return connected  # type: ignore[return-value]  # click takes what it is given


@budgets.command(name="list")
@click.option("--name", help="Only the accounts of this budget.")
@click.option("--account", help="Only accounts that begin with this: team-day/team=support.")
@_connected
def list_(client: Client, *, as_json: bool, **given: str | None) -> None:
    """Every account: limit, spend, what is left, state and forecast. Exit code 1 where a limit is reached."""
    told = client.call("GET", "", {name: value for name, value in given.items() if value is not None})
    _show(told, as_json, lambda tables, out: tables.accounts(told["budgets"], out))
    raise SystemExit(1 if any(each["state"] == "hard" for each in told["budgets"]) else 0)


@budgets.command()
@click.argument("account")
@_connected
def show(client: Client, *, account: str, as_json: bool) -> None:
    """Everything about one account, such as company or team-day/team=support."""
    told = client.call("GET", _path(account))
    _show(told, as_json, lambda tables, out: tables.account(told, out))


@budgets.command()
@click.argument("account", required=False)
@click.option("--budget", help="Every account of this budget instead.")
@click.option("--dry-run", is_flag=True, help="Say whose spend would be forgotten, and forget nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_connected
def reset(client: Client, *, account: str | None, budget: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Forget what was spent in the present window, and limits set by hand. What is reserved stays so."""
    given = {name: value for name, value in (("account", account), ("budget", budget)) if value is not None}
    if not (dry_run or yes):
        would = client.call("POST", "/reset", {**given, "dry_run": True})
        if not as_json:
            _show(would, as_json, lambda tables, out: tables.accounts(would["budgets"], out))
        click.confirm(f"Forget what {would['would_reset']} of them spent?", abort=True, err=True)
    told = client.call("POST", "/reset", {**given, "dry_run": dry_run})
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif dry_run:
        _show(told, as_json, lambda tables, out: tables.accounts(told["budgets"], out))
        click.echo(f"{told['would_reset']} would be reset")
    else:
        click.echo(f"{told['reset']} reset")


@budgets.command(name="set")
@click.argument("account")
@click.option("--usd", "limit_usd", help="Dollars, or `settings` for what these say.")
@click.option("--tokens", "limit_tokens", help="Tokens, or `settings`.")
@click.option("--requests", "limit_requests", help="Requests, or `settings`.")
@_connected
def set_(client: Client, *, account: str, as_json: bool, **limits: str | None) -> None:
    """Other limits for one account, until its window ends; of a rolling window, until they are taken back."""
    given = {name: None if value == _WITHOUT_LIMIT else value for name, value in limits.items() if value is not None}
    told = client.call("POST", "/limit", {"account": account, **given})
    _show(told, as_json, lambda tables, out: tables.account(told, out))


def _path(account: str) -> str:
    return "/" + quote(account, safe="/=,")


def _client(url: str, admin_key: str | None, path: Path | None) -> Client:
    if path is not None:
        return LocalBudgets(path)
    key = admin_key or read_env_file(Path(".env")).get("LITELLM_MASTER_KEY")
    if not key:
        raise click.ClickException("no admin key: set LITELLM_MASTER_KEY or give --key")
    return RemoteClient(url, key, root=_ROOT)


def _show(told: Mapping[str, Any], as_json: bool, table: Callable[[Any, Console], None]) -> None:
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    from litellm_plugins.cli import budgets_tables

    table(budgets_tables, Console(width=None if sys.stdout.isatty() else _WIDTH))
