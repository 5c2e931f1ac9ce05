"""`litellm-plugins compressor`: the process in which LLMLingua-2's model runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def compressor() -> None:
    """The process in which LLMLingua-2's model runs, beside the proxy."""


@compressor.command()
@click.option("--model", required=True, help="A folder with the model, or its name in the Hugging Face cache.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1; auto: a GPU if there is one.")
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Listen on this unix socket, not on a port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. Nobody is asked who he is.")
@click.option("--port", default=8300, show_default=True, help="0 takes a free one.")
@click.option("--most-waiting", default=16, show_default=True, type=click.IntRange(1), help="Texts; more are refused.")
@click.option("--download", is_flag=True, help="Fetch the model from the Hugging Face hub if it is not here.")
@click.option("--parent", type=int, hidden=True, help="End when this process, which started us, is gone.")
def serve(
    *,
    model: str,
    device: str,
    path: Path | None,
    host: str,
    port: int,
    most_waiting: int,
    download: bool,
    parent: int | None,
) -> None:
    """Load the model and compress texts until interrupted. Needs the extra `llmlingua` (docs/llmlingua.md)."""
    from litellm_plugins.compression.llmlingua.engine import LinguaEngine
    from litellm_plugins.compression.llmlingua.serving import exit_now, listen_tcp, listen_unix
    from litellm_plugins.compression.llmlingua.serving import serve as run

    try:
        listener = listen_tcp(host, port) if path is None else listen_unix(path)
    except OSError as exc:
        raise click.ClickException(str(exc)) from exc
    engine = LinguaEngine(model, device=device, download=download)
    exit_now(run(engine, listener, most_waiting=most_waiting, parent=parent))
