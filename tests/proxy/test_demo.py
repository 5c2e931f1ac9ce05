"""`litellm-plugins demo`, the first thing that a newcomer runs, as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
def test_the_demo_shows_hits_of_both_kinds_and_none_that_crosses_teams() -> None:
    """Real questions through a real proxy: it ends well, errs rarely, and leaves nothing running."""
    command = [str(Path(sys.executable).parent / "litellm-plugins"), "demo", "--json", "--latency-scale", "0.05"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=220, check=False)
    assert run.returncode == 0, run.stderr[-2_000:]
    told = json.loads(run.stdout)
    requests = {layer["layer"]: layer["requests"] for layer in told["layers"]}
    assert requests["exact"] >= 80
    assert requests["semantic"] >= 5
    assert requests["miss"] >= 100
    assert sum(requests.values()) == told["requests"] == 400
    assert told["problems"] == []
    assert told["crossed"] == 0
    assert sum(layer["wrong"] for layer in told["layers"]) <= 4  # 1 % of the requests
    assert still_running() == []


def still_running() -> list[str]:
    """Command lines of proxies that still run on a demo's config."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if "litellm-plugins-demo" in line:
            found.append(line)
    return found
