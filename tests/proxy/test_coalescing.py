"""Identical requests at once, over two workers: one call, one charge, and everybody is answered."""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis
import yaml

from litellm_plugins.simulator.wire import RequestError
from tests.support import Keys, Provider, RunningProxy, eventually, mark_of, model, proxy_config
from tests.support.answers import cache_of
from tests.support.at_once import Told, ask_at_once, ask_over, chat, leave_once, post_at_once, words_of
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, new_question
from tests.support.redis_server import RedisServer
from tests.support.workers import in_turn, on_each_worker

if TYPE_CHECKING:
    import httpx

MERGED = "litellm_plugins_coalesced_total"
SPEND, ASKED = "litellm_spend_metric_total", "litellm_proxy_total_requests_metric_total"
TOOK_PART = ("taken_over", "followed")
LEASE_S = 15.0  # the machine of the tests stands still for seconds
HANGS_S = 500.0  # longer than any test
pytestmark = pytest.mark.timeout(240)  # the first of each store boots two workers


class Failing:
    """The simulator's script: questions that fail so many times before they are answered, or hang at first."""

    def __init__(self) -> None:
        self.left: Counter[str] = Counter()
        self.hung: set[str] = set()

    def __call__(self, _model: str, question: str) -> str | None:
        if question in self.hung:
            self.hung.remove(question)
            raise RequestError(500, "Nobody hears this: who has asked is gone by then.", stall_s=HANGS_S)
        if self.left[question] > 0:
            self.left[question] -= 1
            raise RequestError(500, "The server had an error while processing your request.")
        return None


@pytest.fixture(scope="module")
def failing() -> Failing:
    return Failing()


@pytest.fixture(scope="module")
def provider(failing: Failing) -> Iterator[Provider]:
    with Provider(script=failing) as provider:
        yield provider


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def proxy(
    request: pytest.FixtureRequest, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    pack: dict[str, Any] = {"coalesce": {"enabled": True, "lease_s": LEASE_S}}
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")
        pack["storage"] = {"url": server.url, "timeout_ms": 10_000}
    more = [
        model(CLAUDE, provider.url, via="anthropic"),
        model(LEGACY_MODEL, provider.url, via="text-completion-openai"),
    ]
    config = proxy_config(provider.url, pack=pack, more_models=more)
    folder = tmp_path_factory.mktemp(f"coalescing_{request.param}")
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2) as running:
        yield running


def slow(stall_s: float = 3.0) -> str:
    """A new question whose answer takes so long."""
    return f"{new_question()} simulator:stall:{stall_s:g}"


@pytest.mark.parametrize("streams", [0, 100, 50])
def test_a_hundred_at_once_are_one_call_one_charge_and_a_hundred_answers(
    proxy: RunningProxy, provider: Provider, keys: Keys, streams: int
) -> None:
    question = slow()
    before = proxy.metrics()
    asked = [(keys.support, chat(question, stream=n // 2 * streams % 100 < streams)) for n in range(100)]

    with on_each_worker(proxy, clients=50) as clients:
        told = ask_over(in_turn(clients), asked)

    assert {each.status for each in told} == {200}
    assert provider.times_asked(question) == 1
    by_cache = Counter(each.cache for each in told)
    assert by_cache["miss"] == 1
    # A busy machine begins some when the answer is there already.
    assert by_cache["coalesced"] + by_cache["exact"] == 99
    assert by_cache["coalesced"] > 0
    assert len({each.text for each in told}) == len({each.answer_id for each in told}) == 1
    assert len({(each.usage["prompt_tokens"], each.usage["completion_tokens"]) for each in told}) == 1
    merged = [each.headers for each in told if each.cache == "coalesced"]
    assert {headers["x-litellm-plugins-cache-reason"] for headers in merged} == {"in_flight"}
    assert {float(headers["x-litellm-response-cost"]) for headers in merged} == {0.0}
    (saved,) = {headers["x-litellm-plugins-saved-usd"] for headers in merged}

    eventually(lambda: proxy.metrics().value(ASKED) - before.value(ASKED) >= 100, what="all to be logged", every_s=0.5)
    eventually(
        lambda: proxy.metrics().value(SPEND) - before.value(SPEND) == pytest.approx(float(saved)),
        what="one charge",
        every_s=0.5,
    )
    after = proxy.metrics()
    for part, times in (("led", 1), ("followed", by_cache["coalesced"])):
        assert after.value(MERGED, part=part) - before.value(MERGED, part=part) == times


def test_both_workers_take_part(proxy: RunningProxy) -> None:
    """After the tests above: each worker counts in files of its own."""
    counters = (proxy.folder / "prometheus").glob("counter_*.db")
    assert sum(b'"part": "followed"' in file.read_bytes() for file in counters) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", ["messages", "responses", "completions", "azure"])
def test_on_every_endpoint(proxy: RunningProxy, provider: Provider, keys: Keys, endpoint: str, stream: bool) -> None:
    """Azure's spelling takes the host's own route, where its cache look-up serves those who waited."""
    question = slow(1.5)
    user = [{"role": "user", "content": question}]
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "messages": ("/v1/messages", {"model": CLAUDE, "max_tokens": 500, "messages": user}),
        "responses": ("/v1/responses", {"model": "gpt-4.1", "input": question}),
        "completions": ("/v1/completions", {"model": LEGACY_MODEL, "prompt": question}),
        "azure": ("/openai/deployments/gpt-4.1/chat/completions", {"model": "gpt-4.1", "messages": user}),
    }
    path, body = asked[endpoint]
    answers = post_at_once(f"{proxy.url}{path}", [(keys.support, {**body, "stream": stream})] * 10)
    told = [answer for answer in answers if answer is not None and answer.status_code == 200]
    assert len(told) == 10
    assert provider.times_asked(question) == 1
    assert all(mark_of(question) in words_of(answer) for answer in told)
    by_cache = Counter(cache_of(answer.headers) for answer in told)
    assert by_cache["miss"] == 1
    assert by_cache["coalesced"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_where_the_leader_fails_the_next_one_leads(
    proxy: RunningProxy, provider: Provider, keys: Keys, failing: Failing, stream: bool
) -> None:
    question = slow()
    failing.left[question] = 2
    told = ask_at_once(proxy.url, [(keys.support, chat(question, stream=stream))] * 20)
    assert Counter(each.status for each in told) == {500: 2, 200: 18}
    assert provider.times_asked(question) == 3
    assert len({each.text for each in told if each.status == 200}) == 1


def test_an_answer_that_may_not_be_kept_is_not_waited_for_by_one_after_the_other(
    proxy: RunningProxy, provider: Provider, keys: Keys
) -> None:
    """Cut off by `max_tokens`: no cache keeps it. Twenty in a row would take a minute."""
    question = slow()
    told = ask_at_once(proxy.url, [(keys.support, chat(question, max_tokens=2))] * 20)
    assert {(each.status, each.cache) for each in told} == {(200, "miss")}
    assert provider.times_asked(question) == 20


def test_what_is_somebody_elses_is_never_merged(proxy: RunningProxy, provider: Provider, keys: Keys) -> None:
    question = slow()
    one_tenant = [keys.support, keys.support_colleague]
    told = ask_at_once(proxy.url, [(key, chat(question)) for key in (*one_tenant, keys.sales, keys.freelancer) * 5])
    assert provider.times_asked(question) == 3
    assert len({each.answer_id for each in told}) == 3
    assert {each.answer_id for each in told[::4]} == {each.answer_id for each in told[1::4]}


@pytest.mark.parametrize("controls", [{"no-cache": True}, {"no-store": True}])
def test_who_wants_an_answer_of_its_own_asks_for_it(
    proxy: RunningProxy, provider: Provider, keys: Keys, controls: dict[str, Any]
) -> None:
    question = slow(1)
    told = ask_at_once(proxy.url, [(keys.support, chat(question, cache=controls))] * 3)
    assert {each.cache for each in told} <= {"miss", "exact"}
    assert "exact" not in {each.cache for each in told} or "no-store" in controls
    assert provider.times_asked(question) == sum(each.cache == "miss" for each in told) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_leader_whose_client_leaves_lets_nobody_down(
    proxy: RunningProxy, provider: Provider, keys: Keys, stream: bool
) -> None:
    question = slow()
    asked, body = functools.partial(provider.times_asked, question), chat(question, stream=stream)
    leave_once(proxy.url, "/v1/chat/completions", keys.support, body, probe=asked, what="the leader to ask")
    told = ask_at_once(proxy.url, [(keys.support, chat(question, stream=stream))] * 10)
    assert {each.status for each in told} == {200}
    assert len({each.text for each in told}) == 1
    assert provider.times_asked(question) <= 2


def test_a_leader_that_is_killed_is_replaced_within_seconds(
    proxy: RunningProxy, provider: Provider, keys: Keys, failing: Failing
) -> None:
    """The last test: it costs a worker, which the host's supervisor replaces."""
    question = new_question()
    failing.hung.add(question)
    before = proxy.metrics()
    with on_each_worker(proxy, clients=6) as clients, ThreadPoolExecutor(11) as pool:
        (killed, (first, *with_it)), (_, (watching, *elsewhere)) = clients.items()

        def ask(client: httpx.Client) -> Future[list[Told]]:
            return pool.submit(ask_over, [client], [(keys.support, chat(question))])

        asked = [ask(first)]
        eventually(lambda: provider.times_asked(question) == 1, what="the first to lead", timeout_s=60)
        assert _leader(proxy) == killed
        asked += [ask(client) for client in with_it]
        waiting = [ask(client) for client in elsewhere]
        eventually(lambda: _in_flight(proxy, watching) == len(waiting), what="those of the other worker to wait")
        os.kill(killed, signal.SIGKILL)
        lost = [told for each in asked for told in each.result(timeout=120)]
        answered = [told for each in waiting for told in each.result(timeout=120)]
    assert {each.status for each in lost} == {None}
    assert {each.status for each in answered} == {200}
    assert len({each.text for each in answered}) == 1
    assert provider.times_asked(question) == 2

    def merged() -> dict[str, float]:
        after = proxy.metrics()
        return {part: after.value(MERGED, part=part) - before.value(MERGED, part=part) for part in TOOK_PART}

    eventually(lambda: merged() == {"taken_over": 1, "followed": len(waiting) - 1}, what="all to be counted")


def _in_flight(proxy: RunningProxy, client: httpx.Client) -> int:
    """The requests that this client's worker has not answered yet, but for the one that asks for their number."""
    asked = client.get("/health/backlog", headers={"authorization": f"Bearer {proxy.master_key}"})
    return int(asked.raise_for_status().json()["in_flight_requests"]) - 1


def _leader(proxy: RunningProxy) -> int:
    """The process that leads a flight: the store names it."""
    if proxy.database.exists():
        with closing(sqlite3.connect(f"{proxy.database.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            ((owner,),) = db.execute("SELECT owner FROM flights WHERE ending = ''").fetchall()
    else:
        url = yaml.safe_load(proxy.config_path.read_text())["callback_settings"]["litellm_plugins"]["storage"]["url"]
        with closing(redis.Redis.from_url(url, decode_responses=True)) as server:
            held = [str(server.get(name)) for name in server.scan_iter("litellm_plugins:1:flight:*")]
        (owner,) = [each.removeprefix(":") for each in held if each.startswith(":")]
    return int(owner.partition("-")[0])
