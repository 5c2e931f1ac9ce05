"""`litellm-plugins …`: in this process where it asks a proxy, as a process of its own spends seconds on its imports."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from litellm_plugins.cli import main
from tests.support.process import ProxyProcess, proxy_env

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
    """One that has a pack of its own, on the store of `proxy`.

    In a process of its own, as metrics are a process's: a fork of the one that proxies are forks of, if there is one.
    """
    line = [str(Path(sys.executable).parent / "litellm-plugins"), *arguments, "--config", str(proxy.config_path)]
    env = proxy_env("http://127.0.0.1:9", proxy.folder) | {"LITELLM_MASTER_KEY": ""}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        if ProxyProcess.template is not None:
            with err.open("wb") as errors:
                done = ProxyProcess.template.fork(line, proxy.folder, env, errors.fileno(), output=out)
            code = done.wait(110)
        else:
            with out.open("wb") as output, err.open("wb") as errors:
                code = subprocess.run(
                    line, cwd=proxy.folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                    timeout=110, check=False,
                ).returncode  # fmt: skip
        said = Said(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))
    assert "Traceback" not in said.err, said.err
    return said
