"""The MCP server of `mcp_server.py` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.process import free_port
from tests.support.waiting import eventually

_SERVER = Path(__file__).with_name("mcp_server.py")


@contextmanager
def mcp_server() -> Iterator[int]:
    """Its port, while it runs."""
    port = free_port()
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, str(_SERVER), str(port)], stdout=quiet, stderr=quiet) as process:

        def answers() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/mcp", trust_env=False).status_code > 0
            except httpx.TransportError:
                return False

        try:
            eventually(answers, what="the MCP server", timeout_s=60)
            yield port
        finally:
            process.terminate()
