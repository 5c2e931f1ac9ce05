"""The sidecar as a process that the proxy starts: it is shared, it comes back, and it never outlives its proxy."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from litellm_plugins.compression.llmlingua.child import Child, Start
from litellm_plugins.compression.llmlingua.client import LinguaClient
from tests.support.compressor import standin
from tests.support.waiting import eventually

Make = Callable[[], Child]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Child] = []
    start = Start("small-words", python=str(standin(tmp_path)))

    def child() -> Child:
        made.append(Child(start, folder=tmp_path / "run"))
        return made[-1]

    yield child
    for each in made:
        each.stop()


def ready(child: Child) -> bool:
    client = LinguaClient(child.url, most_in_flight=1)
    health = client.health()
    return health is not None and health.ready


def started_by(child: Child) -> int | None:
    return child.pid


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_it_is_started_once_for_all_workers_killed_it_comes_back_and_stopped_it_is_gone(make: Make) -> None:
    first, second = make(), make()
    first.start()
    eventually(lambda: ready(first), what="it to serve")
    second.start()
    assert first.url == second.url
    assert started_by(second) is None
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.path.parent.stat().st_mode) == 0o700

    pid = first.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: first.pid not in (None, pid) and ready(first), what="another one to serve")

    first.stop()
    eventually(lambda: second.pid is not None and ready(second), what="the second worker to start its own")
    last = started_by(second)
    assert last is not None
    second.stop()
    assert gone(last)


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from litellm_plugins.compression.llmlingua.child import Child, Start\n"
        "child = Child(Start('small-words', python=sys.argv[1]), folder=Path(sys.argv[2]))\n"
        "child.start()\n"
        "while child.pid is None: time.sleep(0.01)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    program = standin(tmp_path)
    command = [sys.executable, "-c", code, str(program), str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        other = Child(Start("small-words", python=str(program)), folder=tmp_path / "run")
        eventually(lambda: ready(other), what="it to serve")
        parent.kill()
    eventually(lambda: gone(pid), what="the sidecar to notice")


def test_a_model_that_cannot_be_loaded_is_not_tried_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child = Child(Start("broken", python=str(standin(tmp_path))), folder=tmp_path / "run")
    child.start()
    eventually(lambda: "begun again in 60 s" in caplog.text, what="it to be told")
    assert child.pid is None
    child.stop()


def test_a_folder_of_somebody_elses_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    child = Child(Start("small-words"), folder=Path("/proc/1/nowhere"))
    child.start()
    eventually(lambda: "no compressor of our own" in caplog.text, what="it to be told")
    child.stop()
