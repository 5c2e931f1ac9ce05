"""Garbage is collected between tasks: no context variable is being set meanwhile."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from litellm_plugins.proxy.host.safe_gc import collect_between_tasks

_OLD = (3, 11)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    enabled, thresholds = gc.isenabled(), gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    if enabled:
        gc.enable()


class Ring:
    """Garbage that only a collection finds."""

    def __init__(self) -> None:
        self.me = self


async def test_no_collection_begins_within_a_task_and_garbage_goes_all_the_same() -> None:
    began_in: list[object] = []
    seen = lambda phase, _info: began_in.append(asyncio.current_task()) if phase == "start" else None  # noqa: E731
    gc.set_threshold(100, 5, 5)
    gc.callbacks.append(seen)
    try:
        collect_between_tasks(version=_OLD)
        gone: list[weakref.ref[Ring]] = []
        for _ in range(20):
            gone += [weakref.ref(Ring()) for _ in range(500)]  # five times what would begin one
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    finally:
        gc.callbacks.remove(seen)
    assert len(began_in) >= 3
    assert set(began_in) == {None}
    assert all(ring() is None for ring in gone[:5_000])


@pytest.mark.parametrize(("version", "enabled"), [((3, 12), True), (_OLD, False)])
async def test_newer_pythons_are_left_alone(version: tuple[int, int], *, enabled: bool) -> None:
    collect_between_tasks(version=version)
    assert gc.isenabled() is enabled


async def test_who_switched_the_collector_off_keeps_it_off() -> None:
    gc.disable()
    collect_between_tasks(version=_OLD)
    await asyncio.sleep(0.1)
    assert not gc.isenabled()


_CRASHES = """
import asyncio, contextvars, gc, sys
from litellm_plugins.proxy.host.safe_gc import collect_between_tasks

SETTING = [contextvars.ContextVar(f"variable_{i}") for i in range(64)]
gone = 0

class Ring:
    def __init__(self):
        self.me = self

    def __del__(self):
        global gone
        gone += 1
        for each in SETTING:
            each.set(object())

async def main(kept_safe):
    if kept_safe:
        collect_between_tasks()
    for each in SETTING:
        each.set(object())
    for i in range(1_800):
        Ring()
        # A collection is due in a few allocations, which are those of the next line.
        gc.set_threshold(gc.get_count()[0] + i // 30 % 8 + 1, 1_000, 1_000)
        SETTING[i % 30].set(object())
        gc.set_threshold(100_000, 1_000, 1_000)
        if i % 30 == 0:
            gc.set_threshold(1, 1_000, 1_000)
            await asyncio.sleep(0.03 if i % 300 == 0 else 0)
            gc.set_threshold(100_000, 1_000, 1_000)
    print(gone)

asyncio.run(main(sys.argv[1] == "safe"))
"""


def _ends(how: str) -> subprocess.CompletedProcess[str]:
    # This allocator overwrites what is freed, so that reading it is noticed at once.
    env = {**os.environ, "PYTHONMALLOC": "debug"}
    command = [sys.executable, "-c", _CRASHES, how]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


def test_the_interpreter_survives_finalizers_that_set_context_variables() -> None:
    safe = _ends("safe")
    assert safe.returncode == 0, safe.stderr
    assert int(safe.stdout) >= 1_500


def test_without_it_an_old_interpreter_crashes() -> None:
    """Else the test above shows nothing."""
    crashes = {-signal.SIGSEGV, -signal.SIGABRT}  # the latter where the allocator notices first
    assert _ends("as it is").returncode in (crashes if sys.version_info < (3, 12) else {0})
