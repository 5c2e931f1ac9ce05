"""`litellm-plugins …`: in this process where it asks a proxy, as a process of its own spends seconds on its imports."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from click.testing import CliRunner

from litellm_plugins.cli import main
from tests.support.process import ProxyProcess

_NOT_INHERITED = ("LITELLM", "OPENAI")


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def on_proxy(proxy: ProxyProcess, *arguments: str, says: str = "") -> Said:
    """A command that asks `proxy`, as its admin."""
    env: dict[str, str | None] = {name: None for name in os.environ if name.startswith(_NOT_INHERITED)}
    env["LITELLM_MASTER_KEY"] = proxy.master_key
    # On a thread, as it may run a loop of its own, and some tests have one.
    with contextlib.chdir(proxy.folder), ThreadPoolExecutor(1) as thread:
        line = [*arguments, "--url", proxy.url]
        done = thread.submit(CliRunner().invoke, main, line, input=says, env=env).result()
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


def on_store(proxy: ProxyProcess, *arguments: str) -> Said:
    """One that has a pack of its own, on the store of `proxy`: in a process of its own, for metrics are a process's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    done = subprocess.run(
        [sys.executable, "-m", "litellm_plugins.cli", *arguments, "--config", str(proxy.config_path)],
        env=env | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        check=False,
        text=True,
        timeout=110,
        cwd=proxy.folder,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)
