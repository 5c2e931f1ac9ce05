"""LLMLingua-2 end to end: a proxy, the real package in a process of its own on a tiny model, a provider."""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llmlingua.tiny_model import prose
from tests.support import KEYS, Provider, RunningProxy, eventually, proxy_config

PREFIX = "x-litellm-plugins-compression"
_numbers = itertools.count(1)
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def mine(
    provider: Provider, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("e2e")
    (folder / "run").mkdir()
    compression = {
        "enabled": True,
        "methods": ["llmlingua"],
        "min_tokens": 100,
        "deadline_ms": 60_000,
        "llmlingua": {"model": str(models["bert"]), "python": sys.executable, "device": "cpu"},
        "features": {"hasty": {"deadline_ms": 20}},
    }
    config = proxy_config(provider.url, pack={"cache": {"semantic": {"enabled": False}}, "compression": compression})
    env = {"XDG_RUNTIME_DIR": str(folder / "run")}
    with RunningProxy(config, folder / "proxy", provider_url=provider.url, env=env) as proxy:
        eventually(lambda: compressed(proxy), what="the model to be loaded", timeout_s=100, every_s=0.5)
        yield proxy


def asked(chars: int = 8_000) -> str:
    """A text that nobody asked before."""
    number = next(_numbers)
    return f"Report {number} is this.\n\n{prose(chars)}\n\nWhat did they not approve in report {number}?"


def sent_about(provider: Provider, text: str) -> str:
    [request] = provider.requests_about(text.rpartition("\n")[2])
    content: str = request["body"]["messages"][0]["content"]
    return content


def compressed(proxy: RunningProxy) -> bool:
    return proxy.ask(KEYS.support, asked(2_500), max_tokens=5).headers[PREFIX] == "applied"


def sidecar_of(proxy: RunningProxy) -> int:
    """The process that the proxy has started; 0 where there is none."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            said = (each / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"compressor" in said and str(proxy.process_group).encode() in said:
            return int(each.name)
    return 0


def test_prose_goes_out_shorter(mine: RunningProxy, provider: Provider) -> None:
    text = asked()
    answer = mine.ask(KEYS.support, text, max_tokens=5)
    sent = sent_about(provider, text)
    before, after = (int(answer.headers[f"{PREFIX}-tokens-{when}"]) for when in ("before", "after"))
    assert answer.headers[PREFIX] == "applied"
    assert after < 0.75 * before
    assert sent.endswith(text.rpartition("\n")[2])
    assert sent.startswith(text[:300])
    assert "committee" in sent


def test_the_event_loop_is_free_while_it_compresses(mine: RunningProxy) -> None:
    """A health check beside 8,000 characters takes less than 50 ms, in the best of three rounds on a shared machine.

    On a machine that is busy it takes longer whatever the proxy does. So what counts is the time, or the CPU time of
    all threads of the proxy in it, where that is less: while the proxy has no core, its loop is not what is waited for.
    """
    cpu_clock = (~mine.process_group << 3) | 2  # clock_getcpuclockid(3) of that process

    def looked() -> tuple[float, list[float], list[float]]:
        done = threading.Event()
        took: list[float] = []
        cpu: list[float] = []

        def look() -> None:
            while not done.is_set():
                began, worked = time.monotonic(), time.clock_gettime(cpu_clock)
                mine.http("GET", "/health/liveliness")
                took.append(time.monotonic() - began)
                cpu.append(time.clock_gettime(cpu_clock) - worked)
                time.sleep(0.005)

        looking = threading.Thread(target=look)
        looking.start()
        began = time.monotonic()
        answer = mine.ask(KEYS.support, asked(), max_tokens=1)
        asking = time.monotonic() - began
        done.set()
        looking.join()
        assert answer.headers[PREFIX] == "applied"
        return asking, took, [min(each) for each in zip(took, cpu, strict=True)]

    rounds = [looked() for _ in range(3)]
    for asking, took, lag in rounds:
        slowest, median, most = (1_000 * each for each in (max(took), statistics.median(took), max(lag)))
        said = (
            f"{len(took)} health checks, median {median:.1f} ms, slowest {slowest:.1f} ms, of the proxy {most:.1f} ms"
        )
        print(f"8,000 characters in {asking * 1_000:.0f} ms; beside it {said}")  # noqa: T201 - a measurement
    assert min(len(took) for _, took, _ in rounds) >= 5
    assert min(max(lag) for *_, lag in rounds) < 0.05


def test_past_the_deadline_the_original_goes_out(mine: RunningProxy, provider: Provider) -> None:
    text = asked()
    answer = mine.ask(KEYS.support, text, max_tokens=5, extra_body={"metadata": {"feature": "hasty"}})
    assert answer.headers[PREFIX] == "deadline"
    assert sent_about(provider, text) == text


def test_killed_the_original_goes_out_and_it_comes_back_by_itself(mine: RunningProxy, provider: Provider) -> None:
    before = sidecar_of(mine)
    os.kill(before, signal.SIGKILL)
    text = asked()
    assert mine.ask(KEYS.support, text, max_tokens=5).headers[PREFIX] == "compressor_unavailable"
    assert sent_about(provider, text) == text
    eventually(lambda: compressed(mine), what="another one", timeout_s=100, every_s=0.5)
    assert sidecar_of(mine) not in (0, before)


def test_it_ends_with_the_proxy_when_that_is_killed(mine: RunningProxy) -> None:
    pid = sidecar_of(mine)
    assert pid
    os.kill(mine.process_group, signal.SIGKILL)  # of the group only the proxy
    eventually(lambda: not sidecar_of(mine), what="it to notice")
