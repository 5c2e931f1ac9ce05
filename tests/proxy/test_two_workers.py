"""Two worker processes share what they learn."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.mmap_dict import MmapedDict

from tests.support import Keys, Provider, RunningProxy, proxy_config
from tests.support.at_once import chat
from tests.support.fixtures import new_question
from tests.support.workers import ask_each_worker, on_each_worker

pytestmark = pytest.mark.timeout(200)  # the first boots two workers
CHAT = "/v1/chat/completions"
REQUESTS = "litellm_plugins_requests_total"


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
        answers = ask_each_worker(two_workers, "POST", CHAT, keys.support, json=chat(asked))
        assert [answer.headers["x-litellm-plugins-cache"] for answer in answers] == [layer] * 2
        if asked == question:
            assert {answer.json()["id"] for answer in answers} == {taught.body.id}
    assert provider.times_asked(question) == 1
    assert two_workers.metrics().value(REQUESTS, layer="exact") == 2


def test_clients_that_are_known_to_be_on_a_worker_are_on_it(two_workers: RunningProxy, keys: Keys) -> None:
    """Nobody else is asked, as many as there are of them, and none goes over to another connection."""
    with on_each_worker(two_workers, clients=3) as found:
        workers = sorted(found)
        assert [len(found[worker]) for worker in workers] == [3, 3]
        for worker in workers:
            before = [_requests(two_workers, each) for each in workers]
            for client in found[worker]:
                assert _asked(client, keys.support).status_code == 200
            more = [_requests(two_workers, each) - had for each, had in zip(workers, before, strict=True)]
            assert more == [3 if each == worker else 0 for each in workers]

        client = found[workers[0]][0]
        assert _asked(client, keys.support, connection="close").status_code == 200
        with pytest.raises(httpx.ConnectError, match="the worker has ended the connection"):
            _asked(client, keys.support)


def test_a_worker_that_takes_no_connection_is_said_to(two_workers: RunningProxy) -> None:
    with on_each_worker(two_workers) as found:
        stopped, other = found
    os.kill(stopped, signal.SIGSTOP)
    try:
        with (
            pytest.raises(AssertionError, match=rf"waited 0\.5 s in vain .*2 workers.*had \{{{other}: 1\}}"),
            on_each_worker(two_workers, timeout_s=0.5),
        ):
            pass
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_told_to_stop_both_workers_end_in_order(two_workers: RunningProxy) -> None:
    """The last test of this file: it leaves no proxy."""
    assert two_workers.stop() in {0, -signal.SIGTERM}

    log = two_workers.log()
    assert log.count("Application shutdown complete") == 2
    assert "Traceback" not in log


def _asked(client: httpx.Client, key: str, **headers: str) -> httpx.Response:
    return client.post(CHAT, headers={"authorization": f"Bearer {key}", **headers}, json=chat(new_question()))


def _requests(proxy: RunningProxy, worker: int) -> float:
    """What one worker has counted: each does in files of its own, which its process id names."""
    file = proxy.folder / "prometheus" / f"counter_{worker}.db"
    if not file.exists():
        return 0
    counted = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
    return float(sum(value for key, value, *_ in counted if json.loads(key)[1] == REQUESTS))
