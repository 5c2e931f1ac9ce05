"""`litellm-plugins routing report`: what came of each tier and arm, and what an experiment has shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.connection import Client, connected, show
from litellm_plugins.cli.local_client import LocalClient

if TYPE_CHECKING:
    from rich.console import Console

    from litellm_plugins.cli.connection import Json
    from litellm_plugins.settings import Settings


class LocalReport(LocalClient):
    """There is one operation."""

    lacking = "nothing is counted there: callback_settings.litellm_plugins.insight"

    def _open(self, settings: Settings) -> None:
        if not settings.insight.enabled:
            raise self._refused(self.lacking)
        from litellm_plugins.proxy.insight.stores import open_insight
        from litellm_plugins.proxy.routing.report import RouteReport
        from litellm_plugins.proxy.stores import open_stores

        self._usage, self._stores = open_insight(settings).usage, open_stores(settings)
        feedback = self._stores.feedback if settings.feedback.enabled else None
        self._report = RouteReport(self._usage, feedback, clock_ms=lambda: time.time_ns() // 1_000_000)

    async def _operation(self, method: str, path: str, given: Mapping[str, Any]) -> Json:
        return await self._report.report(given)

    async def _close(self) -> None:
        await self._usage.aclose()
        await self._stores.entries.aclose()


@click.command()
@click.option("--since", default="7d", show_default=True, help="24h, 7d, 2w, or a time in UTC: 2027-01-31T08:00.")
@click.option("--until", help="The same; default: now.")
@connected("/plugins/routing/report", LocalReport, what="store")
def report(client: Client, since: str, until: str | None, as_json: bool) -> None:
    """Requests, dollars, errors, latency and thumbs by router, tier and arm; each arm tested against its control."""
    told = client.call("GET", "", {"since": since, **({} if until is None else {"until": until})})

    def draw(out: Console) -> None:
        _draw(told, out)

    show(told, as_json, draw)


def _draw(told: Mapping[str, Any], out: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    if not told["rows"]:
        out.print("no request was routed in this time")
        return
    table = Table("router", "tier", "experiment", "arm", title_justify="left")
    for name in ("requests", "dollars", "a request", "errors", "retried", "latency", "thumbs"):
        table.add_column(name, justify="right")
    for row in told["rows"]:
        table.add_row(
            *(Text(row[name]) for name in ("router", "tier", "experiment", "arm")),
            f"{row['requests']:,}",
            f"{row['usd']:.4f}",
            f"{row['usd_per_request']:.6f}",
            f"{row['errors']:,}",
            f"{row['retried']:,}",
            "-" if row["latency_ms"] is None else f"{row['latency_ms']:,.0f} ms",
            f"+{row['thumbs_up']} -{row['thumbs_down']}",
        )
    out.print(table)
    for each in told["comparisons"]:
        out.print(Text(f"{each['router']}/{each['tier']}, {each['experiment']}: {each['verdict']}. {each['sentence']}"))
