"""`litellm-plugins budgets`: who has spent how much, and an administrator's hand on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from litellm_plugins.cli.budgets_client import LocalBudgets
from litellm_plugins.cli.connection import Client, connected
from litellm_plugins.cli.connection import show as show_answer

if TYPE_CHECKING:
    from rich.console import Console

_WITHOUT_LIMIT = "settings"

_connected = connected("/plugins/budgets", LocalBudgets, what="ledger")


@click.group()
def budgets() -> None:
    """Who has spent how much, and other limits. Through the running proxy, or on its ledger with --config."""


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
    """Other limits for one account, until its window ends. Of a rolling window: until they are taken back."""
    if all(value is None for value in limits.values()):
        raise click.UsageError("give at least one of --usd, --tokens, --requests; `settings` takes a limit back")
    given = {name: None if value == _WITHOUT_LIMIT else value for name, value in limits.items() if value is not None}
    told = client.call("POST", "/limit", {"account": account, **given})
    _show(told, as_json, lambda tables, out: tables.account(told, out))


def _path(account: str) -> str:
    return "/" + quote(account, safe="/=,")


def _show(told: Mapping[str, Any], as_json: bool, table: Callable[[Any, Console], None]) -> None:
    def draw(out: Console) -> None:
        from litellm_plugins.cli import budgets_tables

        table(budgets_tables, out)

    show_answer(told, as_json, draw)
