"""`litellm-plugins simulator`: a provider on this machine that costs nothing."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def simulator(options: tuple[str, ...]) -> None:
    """Start a local provider that speaks OpenAI's and Anthropic's protocols, to try settings without a bill."""
    from litellm_plugins.simulator.server import main

    main(list(options))
