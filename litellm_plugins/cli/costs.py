"""`litellm-plugins costs`: what was spent on what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_plugins.cli.connection import Client, connected, show
from litellm_plugins.cli.costs_client import LocalCosts

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.option("--by", default="feature", show_default=True, help="One or more of what there is, as feature,team.")
@click.option("--since", default="7d", show_default=True, help="24h, 7d, 2w, or a time in UTC: 2027-01-31T08:00.")
@click.option("--until", help="The same; default: now.")
@click.option("--top", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Rows; the dearest.")
@connected("/plugins/costs", LocalCosts, what="store")
def costs(client: Client, by: str, since: str, until: str | None, top: int, as_json: bool) -> None:
    """Dollars, tokens and requests by whatever is asked for. Through the running proxy, or on its store with --config.

    There are endpoint, feature, team, user, end_user, key, model_group, model, deployment, provider, layer, ending.
    And, apart from these, of requests that a router has sent on: router, tier, experiment, arm.
    """
    given = {"by": by, "since": since, "top": str(top), **({} if until is None else {"until": until})}
    told = client.call("GET", "", given)

    def draw(out: Console) -> None:
        from litellm_plugins.cli import costs_tables

        costs_tables.show(told, out)

    show(told, as_json, draw)
