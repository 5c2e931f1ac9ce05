"""LLMLingua-2's process beside a running proxy, which starts it, does without it, and takes it along when it ends."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, proxy_config
from tests.support.compressor import standin

PREFIX = "x-litellm-plugins-compression"
SENTENCE = "The committee of place {0} met in the year {0} and did not approve of it: the costs were at 3.50. "
_numbers = itertools.count(1)


def asked() -> str:
    """A text that nobody asked before."""
    number = next(_numbers)
    prose = "".join(SENTENCE.format(f"{number}{at}") for at in range(40))
    return f"{prose}\n\nWhat did the committee in report {number} not approve?"


def sent_about(provider: Provider, text: str) -> str:
    [request] = provider.requests_about(text.rpartition("\n")[2])
    content: str = request["body"]["messages"][0]["content"]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llmlingua")


@pytest.fixture(scope="module")
def mine(provider: Provider, folder: Path) -> Iterator[RunningProxy]:
    compression = {
        "enabled": True,
        "methods": ["llmlingua"],
        "min_tokens": 100,
        "deadline_ms": 10_000,
        "llmlingua": {"model": "small-words", "python": str(standin(folder))},
        "features": {"hasty": {"deadline_ms": 300}},
    }
    config = proxy_config(provider.url, pack={"cache": {"semantic": {"enabled": False}}, "compression": compression})
    (folder / "run").mkdir()
    env = {"XDG_RUNTIME_DIR": str(folder / "run")}
    with RunningProxy(config, folder / "proxy", provider_url=provider.url, env=env) as proxy:
        yield proxy


def sidecar_of(folder: Path) -> int:
    """The process that listens at the proxy's socket; 0 where none does."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            said = (each / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"compressor_engine.py" in b" ".join(said) and str(folder).encode() in b" ".join(said):
            return int(each.name)
    return 0


def compressed(proxy: RunningProxy) -> bool:
    return proxy.ask(KEYS.support, asked(), max_tokens=5).headers[PREFIX] == "applied"


def test_the_proxy_starts_it_and_prose_goes_out_shorter(mine: RunningProxy, provider: Provider) -> None:
    eventually(lambda: compressed(mine), what="the process to be ready", timeout_s=60, every_s=0.5)
    text = asked()
    answer = mine.ask(KEYS.support, text, max_tokens=5)
    sent = sent_about(provider, text)
    assert answer.headers[PREFIX] == "applied"
    assert int(answer.headers[f"{PREFIX}-tokens-after"]) < int(answer.headers[f"{PREFIX}-tokens-before"])
    assert sent != text
    assert sent.count("did not approve") == text.count("did not approve")
    assert sent.endswith(text.rpartition("\n")[2])


def test_past_the_deadline_the_original_goes_out(mine: RunningProxy, provider: Provider, folder: Path) -> None:
    eventually(lambda: compressed(mine), what="the process to be ready", timeout_s=60, every_s=0.5)
    (folder / "slow_s").write_text("2")
    text = asked()
    answer = mine.ask(KEYS.support, text, max_tokens=5, extra_body={"metadata": {"feature": "hasty"}})
    (folder / "slow_s").write_text("0")
    assert answer.headers[PREFIX] == "deadline"
    assert sent_about(provider, text) == text


def test_killed_it_is_done_without_and_comes_back_by_itself(
    mine: RunningProxy, provider: Provider, folder: Path
) -> None:
    eventually(lambda: compressed(mine), what="the process to be ready", timeout_s=60, every_s=0.5)
    before = sidecar_of(folder)
    assert before
    os.kill(before, signal.SIGKILL)
    text = asked()
    assert mine.ask(KEYS.support, text, max_tokens=5).headers[PREFIX] == "compressor_unavailable"
    assert sent_about(provider, text) == text
    eventually(lambda: compressed(mine), what="another one", timeout_s=60, every_s=0.5)
    assert sidecar_of(folder) != before
    failed = mine.metrics().value(
        "litellm_plugins_stage_failures_total", stage="compress", reason="llmlingua_unavailable"
    )
    assert failed >= 1


def test_it_ends_when_the_proxy_is_killed(mine: RunningProxy, folder: Path) -> None:
    eventually(lambda: compressed(mine), what="the process to be ready", timeout_s=60, every_s=0.5)
    before = sidecar_of(folder)
    os.kill(mine.process_group, signal.SIGKILL)  # of the group only the proxy
    eventually(lambda: sidecar_of(folder) != before, what="it to notice")
