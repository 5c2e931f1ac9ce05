"""Two worker processes share what they learn."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support import Keys, Provider, RunningProxy, proxy_config

pytestmark = pytest.mark.timeout(200)  # the first boots two workers


@pytest.fixture(scope="module")
def two_workers(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Started as users start it, by the installed command."""
    config, folder = proxy_config(provider.url), tmp_path_factory.mktemp("two_workers")
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2, forked=False) as proxy:
        yield proxy


def test_what_one_worker_learned_the_other_serves(
    two_workers: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    taught = two_workers.teach(keys.support, question)
    two_workers.teach(keys.support, "How do I block a lost card?")
    for asked, layer in ((question, "exact"), ("How can I block a lost card?", "semantic")):
        answers = _ask_anew(two_workers, keys.support, asked, times=24)
        assert {answer.headers["x-litellm-plugins-cache"] for answer in answers} == {layer}
    assert provider.times_asked(question) == 1
    assert {a.json()["id"] for a in _ask_anew(two_workers, keys.support, question, times=4)} == {taught.body.id}

    # Each worker keeps its counters in files of its own: both took part.
    counters = (two_workers.folder / "prometheus").glob("counter_*.db")
    assert sum(b"litellm_plugins_requests_total" in file.read_bytes() for file in counters) == 2
    assert two_workers.metrics().value("litellm_plugins_requests_total", layer="exact") == 28


def test_told_to_stop_both_workers_end_in_order(two_workers: RunningProxy) -> None:
    """The last test of this file: it leaves no proxy."""
    assert two_workers.stop() in {0, -signal.SIGTERM}

    log = two_workers.log()
    assert log.count("Application shutdown complete") == 2
    assert "Traceback" not in log


def _ask_anew(proxy: RunningProxy, key: str, text: str, *, times: int) -> list[httpx.Response]:
    """Each time over a new connection, several at once: so both workers get their share."""

    def ask(_: int) -> httpx.Response:
        return httpx.post(
            f"{proxy.url}/v1/chat/completions",
            headers={"authorization": f"Bearer {key}"},
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]},
            trust_env=False,
            timeout=60,
        )

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, range(times)))
