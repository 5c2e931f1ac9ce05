"""`litellm-plugins routing <command>`: one file per command."""

from __future__ import annotations

import click

from litellm_plugins.cli.routing_calibrate import calibrate
from litellm_plugins.cli.routing_report import report
from litellm_plugins.cli.routing_train import train


@click.group()
def routing() -> None:
    """What routers decided, and what came of it."""


routing.add_command(calibrate)
routing.add_command(report)
routing.add_command(train)
