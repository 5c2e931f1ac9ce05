"""`litellm-plugins demo`: see the pack at work on this machine, without a key or a bill."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import click

from litellm_plugins.cli import config_file
from litellm_plugins.errors import PluginError

_WIDTH = 100  # where no terminal says how wide it is
_INTERRUPTED = 130  # as shells count: 128 and the signal's number


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path("proxy_config.yaml"), show_default=True)
@click.option("--requests", type=click.IntRange(1, 100_000), default=400, show_default=True, help="How many to send.")
@click.option("--model", default="gpt-4.1", show_default=True, help="Which of the config's OpenAI models to ask for.")
@click.option(
    "--latency-scale",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="The simulated provider's waits, times this; 1 is about a real one's pace.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
@click.option("--keep", is_flag=True, help="Keep the temporary folder (config, log, database) and say where it is.")
def demo(path: Path, requests: int, model: str, latency_scale: float, as_json: bool, keep: bool) -> None:
    """Ask a stock proxy with the pack a few hundred real questions: what was saved, and what was wrong?

    The provider is simulated: no API key is needed and nothing leaves this machine.
    """
    from rich.console import Console

    from litellm_plugins import demo as demonstration
    from litellm_plugins.demo.report import as_json as plain
    from litellm_plugins.demo.report import shortcomings
    from litellm_plugins.demo.table import show

    told, out = (Console(stderr=to_stderr, width=_width(to_stderr)) for to_stderr in (True, False))
    options = demonstration.Options(model=model, requests=requests, latency_scale=latency_scale, keep=keep)
    try:
        report, settings = demonstration.run(config_file.load(path), options, told)
    except KeyboardInterrupt:
        click.echo("stopped; nothing is left running", err=True)
        raise SystemExit(_INTERRUPTED) from None
    except PluginError as exc:
        raise click.ClickException(str(exc)) from exc
    problems = shortcomings(report, shared_by_config=settings.cache.scope == "global")
    if as_json:
        facts = {
            "model": model,
            "latency_scale": latency_scale,
            "provider": "simulated",
            "problems": problems,
        }
        click.echo(json.dumps({**facts, **plain(report)}, indent=2))
    else:
        title = (
            f"{report.requests} requests to {model} through LiteLLM {version('litellm')}; "
            f"{path.name}, threshold {settings.cache.semantic.threshold:g}"
        )
        show(report, out, title=title, latency_scale=latency_scale)
    for problem in problems:
        click.echo(f"NOT as it should be: {problem}", err=True)
    raise SystemExit(1 if problems else 0)


def _width(stderr: bool) -> int | None:
    return None if (sys.stderr if stderr else sys.stdout).isatty() else _WIDTH
