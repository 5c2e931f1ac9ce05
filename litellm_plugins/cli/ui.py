"""`litellm-plugins ui`: tokens with which a team's owner may look at the page, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_plugins.cli.connection import Client, show, through_proxy

if TYPE_CHECKING:
    from rich.console import Console

_ROOT = "/plugins/ui/tokens"


@click.group()
def ui() -> None:
    """Who else may look at the page at /plugins/ui."""


@ui.command()
@click.option("--team", required=True, help="By id or alias, as `litellm-plugins costs --by team` names it.")
@click.option("--days", type=click.IntRange(min=1), help="How long it is good; default: 30, at most ui.token_days.")
@through_proxy(_ROOT)
def token(client: Client, team: str, days: int | None, as_json: bool) -> None:
    """Make a token for a team's owner: it shows that team's numbers alone. It is printed this once and kept nowhere."""
    made = client.call("POST", "", {"team": team, **({} if days is None else {"days": days})})

    def draw(_: Console) -> None:
        click.echo(f"For team {made['team']}, until {made['until']}; to revoke it: ui revoke {made['id']}", err=True)
        click.echo(made["token"])

    show(made, as_json, draw)


@ui.command()
@through_proxy(_ROOT)
def tokens(client: Client, as_json: bool) -> None:
    """List the tokens that are good; never the tokens themselves."""
    told = client.call("GET", "")

    def draw(out: Console) -> None:
        for each in told["tokens"]:
            out.print(f"{each['id']}  team {each['team']}, until {each['until']}, by {each['by']}", markup=False)
        if not told["tokens"]:
            click.echo("no tokens", err=True)

    show(told, as_json, draw)


@ui.command()
@click.argument("token_id")
@through_proxy(_ROOT)
def revoke(client: Client, token_id: str, as_json: bool) -> None:
    """Take a token back, and with it every session that it opened, at once."""
    told = client.call("POST", "/revoke", {"id": token_id})
    show(told, as_json, lambda _: click.echo(f"revoked: team {told['revoked']['team']}"))
