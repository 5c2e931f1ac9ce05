"""`litellm-plugins run`: the stock proxy on a config, with what it needs to boot in place."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import socket
import stat
import sys
from pathlib import Path

import click
from dotenv import dotenv_values

_ENV_FILE = Path(".env")
_MASTER_KEY = "LITELLM_MASTER_KEY"
_HOST, _PORT = "127.0.0.1", "4000"
# With these the host starts no server.
_NO_SERVER = (
    "--version",
    "-v",
    "--help",
    "--health",
    "--test",
    "--test_async",
    "--setup",
    "--skip_server_startup",
    "--validate_config",
)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path("proxy_config.yaml"), show_default=True)
@click.argument("litellm_options", nargs=-1, type=click.UNPROCESSED)
def run(path: Path, litellm_options: tuple[str, ...]) -> None:
    """Start `litellm --config PATH`. Further options are LiteLLM's own, for example --port 4001.

    A strong master key is made once and kept in .env, where provider keys may stand too.
    """
    if not path.exists():
        raise click.ClickException(f"{path} does not exist")
    kept = read_env_file(_ENV_FILE)
    env = {**os.environ, **{name: value for name, value in kept.items() if not os.environ.get(name)}}
    if not env.get(_MASTER_KEY):
        env[_MASTER_KEY] = "sk-" + secrets.token_urlsafe(32)
        _append_private(_ENV_FILE, f"{_MASTER_KEY}={env[_MASTER_KEY]}\n")
        click.echo(f"made a master key and put it into {_ENV_FILE.resolve()}", err=True)
    env.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download at boot
    litellm = shutil.which("litellm", path=str(Path(sys.executable).parent)) or shutil.which("litellm")
    if litellm is None:
        raise click.ClickException("the litellm command is not installed; run `make setup`")
    options = list(litellm_options)
    if not _given(options, "--host"):
        options += ["--host", _HOST]  # opening it to a network is a decision, not a default
    where, port = _value(options, "--host", _HOST), _value(options, "--port", env.get("PORT") or _PORT)
    if not any(_given(options, each) for each in _NO_SERVER) and is_taken(where, port):
        # The host would find out after a minute; or, of 4000, listen on some other port that it draws.
        raise click.ClickException(f"something listens on {where}:{port} already: stop it, or give another --port")
    if _given(options, "--num_workers") and not _given(options, "--timeout_worker_healthcheck"):
        # uvicorn gives a worker 5 s to answer; importing the host takes longer, and it would start anew for ever.
        options += ["--timeout_worker_healthcheck", "60"]
    os.execve(litellm, [litellm, "--config", str(path), *options], env)  # noqa: S606 - its own options, no shell


def _given(options: list[str], name: str) -> bool:
    return any(option == name or option.startswith(f"{name}=") for option in options)


def _value(options: list[str], name: str, default: str) -> str:
    """What is given last counts."""
    for at in range(len(options) - 1, -1, -1):
        if options[at].startswith(f"{name}="):
            return options[at].partition("=")[2]
        if options[at] == name and at + 1 < len(options):
            return options[at + 1]
    return default


def is_taken(host: str, port: str) -> bool:
    """Whether nobody else can listen there; False where that cannot be told."""
    try:
        where = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(*where[:3]) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that just ended does not count
            listener.bind(where[4])
    except (OSError, ValueError, OverflowError) as exc:
        return isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE
    return False


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a .env file, read as the host reads it; a bare name is left out."""
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _append_private(path: Path, text: str) -> None:
    """Add `text` as lines of its own, and close the file to others first: what is added is a secret."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o700)
        before = file.read()
        file.write((b"" if not before or before.endswith(b"\n") else b"\n") + text.encode())
