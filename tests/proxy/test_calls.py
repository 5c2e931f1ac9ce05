"""Each request is told of once when it is over, whatever way it took; and all who count come to the same sums.

The same traffic goes through a proxy with budgets, whose ledger must agree, and through one without.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budget_proxy import body_of, budget
from tests.support.budgets import PRICES, held_by, open_calls
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, SLOW_CLAUDE, SLOW_MODEL, new_question
from tests.support.provider import mark_of

Line = Mapping[str, Any]
EMBEDDER = "text-embedding-3-small"
NANO = 1_000_000_000
SPENT = "litellm_plugins_spent_usd_total"
SLOW_WAYS = ("left", "left-stream", "left-messages", "timeout")  # of the other provider


def ask(proxy: RunningProxy, endpoint: str, feature: str, text: str, **more: Any) -> httpx.Response:
    path, body = body_of(endpoint, text, feature, **more)
    if endpoint == "azure":
        path = path.replace("/x/", f"/{body['model']}/")
    return proxy.http("POST", path, KEYS.support, json=body)


def ask_elsewhere(proxy: RunningProxy, path: str, feature: str, body: dict[str, Any]) -> httpx.Response:
    return proxy.http("POST", path, KEYS.support, json={**body, "metadata": {"feature": feature}})


def succeeds(endpoint: str, **more: Any) -> Callable[[RunningProxy, str], None]:
    def run(proxy: RunningProxy, feature: str) -> None:
        response = ask(proxy, endpoint, feature, new_question(), **more)
        assert response.is_success, response.text

    return run


def fails(endpoint: str, **more: Any) -> Callable[[RunningProxy, str], None]:
    def run(proxy: RunningProxy, feature: str) -> None:
        assert ask(proxy, endpoint, feature, f"{new_question()} simulator:error:500", **more).status_code >= 400

    return run


def hits(endpoint: str, *, stream: bool = False) -> Callable[[RunningProxy, str], None]:
    room = {"max_output_tokens" if endpoint == "responses" else "max_tokens": 500}  # a cut answer is not stored

    def run(proxy: RunningProxy, feature: str) -> None:
        question = new_question()
        assert ask(proxy, endpoint, f"{feature}-first", question, **room).is_success
        eventually(lambda: proxy.has_stored(mark_of(question)), what="the answer to be stored")
        again = ask(proxy, endpoint, feature, question, stream=stream, **room)
        assert again.headers["x-litellm-plugins-cache"] == "exact"

    return run


def leaves_a_stream(endpoint: str, slow: str) -> Callable[[RunningProxy, str], None]:
    def run(proxy: RunningProxy, feature: str) -> None:
        path, body = body_of(endpoint, f"{new_question()} Tell me at length.", feature, model=slow, stream=True)
        body.pop("max_tokens", None)
        if endpoint == "messages":
            body["max_tokens"] = 500
        headers = {"authorization": f"Bearer {KEYS.support}"}
        with proxy.stream("POST", path, json=body, headers=headers) as response:
            assert response.is_success
            next(response.iter_lines())

    return run


def leaves(proxy: RunningProxy, feature: str) -> None:
    path, body = body_of("chat", f"{new_question()} simulator:stall:4", feature, model=SLOW_MODEL)
    with contextlib.suppress(httpx.ReadTimeout):  # it has asked its provider by then, on a busy machine as well
        proxy.http("POST", path, KEYS.support, json=body, timeout=1.5)
        raise AssertionError("it answered too soon")


def sends_nonsense(proxy: RunningProxy, feature: str) -> None:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": new_question()}]}
    metadata = {"feature": feature, "litellm_plugins": {"cache": "nonsense"}}
    assert proxy.http("POST", "/v1/chat/completions", KEYS.support, json={**body, "metadata": metadata}).is_client_error


def says_nothing(proxy: RunningProxy, feature: str) -> None:
    assert ask_elsewhere(proxy, "/v1/chat/completions", feature, {"model": "gpt-4.1", "messages": []}).is_client_error


def embeds(proxy: RunningProxy, feature: str) -> None:
    assert ask_elsewhere(proxy, "/v1/embeddings", feature, {"model": EMBEDDER, "input": new_question()}).is_success


def completes(proxy: RunningProxy, feature: str) -> None:
    body = {"model": LEGACY_MODEL, "prompt": new_question(), "max_tokens": 5}
    assert ask_elsewhere(proxy, "/v1/completions", feature, body).is_success


def moderates(proxy: RunningProxy, feature: str) -> None:
    ask_elsewhere(proxy, "/v1/moderations", feature, {"model": "gpt-4.1", "input": "x"})


@dataclass(frozen=True, slots=True)
class Way:
    """One way out: how it is taken, and what is told of it."""

    take: Callable[[RunningProxy, str], None]
    told: Mapping[str, Any]
    only_with_budgets: bool = False


def answered(endpoint: str = "chat", **more: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "ending": "success", "cache": "miss", "attempts": 1, **more}


HIT = {"ending": "success", "cache": "exact", "attempts": 0, "cost_usd": "0"}
WAYS: Mapping[str, Way] = {
    "chat": Way(succeeds("chat"), answered(model="gpt-4.1", deployment="gpt-4.1", provider="openai", stream=False)),
    "chat-streamed": Way(succeeds("chat", stream=True), answered(model="gpt-4.1", stream=True)),
    "host": Way(succeeds("azure"), answered(model="gpt-4.1")),
    "host-streamed": Way(succeeds("azure", stream=True), answered(model="gpt-4.1", stream=True)),
    "messages": Way(succeeds("messages"), answered("messages", model=CLAUDE, provider="anthropic")),
    "messages-streamed": Way(succeeds("messages", stream=True), answered("messages", model=CLAUDE, stream=True)),
    "responses": Way(succeeds("responses"), answered("responses", model="gpt-4.1")),
    "responses-streamed": Way(succeeds("responses", stream=True), answered("responses", model="gpt-4.1", stream=True)),
    "completions": Way(completes, answered("completions", model=LEGACY_MODEL)),
    "embeddings": Way(embeds, answered("embeddings", model=EMBEDDER)),
    "hit": Way(hits("chat"), {**HIT, "endpoint": "chat"}),
    "hit-streamed": Way(hits("chat", stream=True), {**HIT, "stream": True}),
    "hit-host": Way(hits("azure"), HIT),
    "hit-host-streamed": Way(hits("azure", stream=True), {**HIT, "stream": True}),
    "hit-messages": Way(hits("messages"), {**HIT, "endpoint": "messages"}),
    "hit-responses": Way(hits("responses"), {**HIT, "endpoint": "responses"}),
    "error": Way(fails("chat"), {"ending": "failure", "reason": "InternalServerError", "cost_usd": "0", "attempts": 1}),
    "error-streamed": Way(fails("chat", stream=True), {"ending": "failure", "reason": "InternalServerError"}),
    "error-messages": Way(fails("messages"), {"ending": "failure", "endpoint": "messages"}),
    "error-responses": Way(fails("responses"), {"ending": "failure", "endpoint": "responses"}),
    "fallback": Way(
        succeeds("chat", model="fragile"), answered(attempts=2, model="gpt-4.1-mini", model_group="fragile")
    ),
    "unknown-model": Way(
        lambda proxy, feature: _none(ask(proxy, "chat", feature, new_question(), model="no-such")),
        {"attempts": 0, "cost_usd": "0", "model": None},  # by stage 1, where that is on, or else by the host
    ),
    "left-stream": Way(leaves_a_stream("chat", SLOW_MODEL), {"ending": "gone", "stream": True, "attempts": 1}),
    "left-messages": Way(leaves_a_stream("messages", SLOW_CLAUDE), {"ending": "gone", "endpoint": "messages"}),
    "left": Way(leaves, {"ending": "gone", "stream": False, "attempts": 1}),
    "bad-controls": Way(sends_nonsense, {"ending": "refused", "reason": "invalid_cache_control", "cost_usd": "0"}),
    "elsewhere": Way(moderates, {"endpoint": "moderation"}),
    "timeout": Way(
        lambda proxy, feature: _none(ask(proxy, "chat", feature, new_question(), model="impatient")),
        {"ending": "failure", "reason": "Timeout"},
        only_with_budgets=True,
    ),
    "over-budget": Way(
        lambda proxy, feature: _none(ask(proxy, "chat", feature, new_question())),
        {"ending": "refused", "reason": "above_limit", "cost_usd": "0", "attempts": 0},
        only_with_budgets=True,
    ),
    "unfit": Way(says_nothing, {"ending": "refused", "reason": "empty_conversation"}, only_with_budgets=True),
}


def _none(response: httpx.Response) -> None:
    assert response.is_error


def all_lines(proxy: RunningProxy) -> list[Line]:
    texts = (text for text in proxy.log().splitlines() if '"call_finished"' in text)
    return [json.loads(text[text.index("{") :]) for text in texts]


def lines_of(proxy: RunningProxy, feature: str) -> list[Line]:
    return [line for line in all_lines(proxy) if line.get("feature") == feature]


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def pacing() -> Iterator[Provider]:
    with Provider(latency_scale=1) as provider:
        yield provider


@pytest.fixture(scope="module")
def budgeted(charging: Provider, pacing: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Every look-up by meaning is paid for; budget `all` covers everything."""
    config = proxy_config(
        charging.url,
        pack={
            "cache": {"semantic": {"embedder": EMBEDDER}},
            "admission": {"enabled": True},
            "budgets": [
                {"name": "all", "window": "1d", "limit_usd": 10},
                budget("calls-over-budget", limit_usd="0.000001"),
            ],
        },
        more_models=[
            model(CLAUDE, charging.url, via="anthropic"),
            model(LEGACY_MODEL, charging.url, via="text-completion-openai"),
            model(SLOW_MODEL, pacing.url, "gpt-4.1"),
            model(SLOW_CLAUDE, pacing.url, CLAUDE, via="anthropic"),
            model("impatient", pacing.url, "gpt-4.1", timeout=0.5, extra_headers={"x-simulator-fault": "stall:2"}),
        ],
    )
    with RunningProxy(config, tmp_path_factory.mktemp("calls"), provider_url=charging.url) as proxy:
        eventually(lambda: charging.bill().get(EMBEDDER), what="the embedder to be warm")
        charging.clear()
        yield proxy


@pytest.fixture(scope="module")
def told(budgeted: RunningProxy, charging: Provider, pacing: Provider) -> dict[str, list[Line]]:
    """What was told of each way, with budgets."""
    return _taken(budgeted, WAYS)


@pytest.fixture(scope="module")
def told_without(proxy: RunningProxy) -> dict[str, list[Line]]:
    """The same, without."""
    return _taken(proxy, {name: way for name, way in WAYS.items() if not way.only_with_budgets})


def _taken(proxy: RunningProxy, ways: Mapping[str, Way]) -> dict[str, list[Line]]:
    for name, way in ways.items():
        way.take(proxy, f"calls-{name}")
    for name in ways:
        with contextlib.suppress(AssertionError):
            eventually(lambda name=name: lines_of(proxy, f"calls-{name}"), what=name, timeout_s=12)  # type: ignore[misc]
    return {name: lines_of(proxy, f"calls-{name}") for name in ways}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_out_is_told_once(told: dict[str, list[Line]], way: str) -> None:
    assert [_as_in(WAYS[way].told, line) for line in told[way]] == [dict(WAYS[way].told)]


@pytest.mark.parametrize("way", [name for name, way in WAYS.items() if not way.only_with_budgets])
def test_and_so_it_is_without_budgets(told_without: dict[str, list[Line]], way: str) -> None:
    assert [_as_in(WAYS[way].told, line) for line in told_without[way]] == [dict(WAYS[way].told)]


def test_events_metrics_ledger_and_the_provider_s_bill_agree(
    told: dict[str, list[Line]], budgeted: RunningProxy, charging: Provider
) -> None:
    """But for the streams that were left and the calls that timed out: those are booked by what was heard of them."""
    eventually(lambda: not open_calls(budgeted), what="everything to be settled")
    lines, metrics = all_lines(budgeted), budgeted.metrics()
    paid, own = _nano(lines, "cost_usd"), _nano(lines, "own_usd")

    assert held_by(budgeted, "all").spent == paid + own
    assert round(metrics.value(SPENT, cause="provider") * NANO) == paid
    assert round(metrics.value(SPENT, cause="own") * NANO) == own > 0
    assert round(metrics.value("litellm_plugins_team_spent_usd_total", team="support") * NANO) == paid + own
    assert _bill(charging) == paid + own - _nano([line for way in SLOW_WAYS for line in told[way]], "cost_usd")
    assert metrics.value("litellm_plugins_calls_total") == len(lines)
    assert metrics.value("litellm_plugins_team_calls_total", team="support") == len(lines)
    assert metrics.value("litellm_plugins_call_seconds_count") == len(lines)
    for direction in ("prompt", "completion"):
        counted = metrics.value("litellm_plugins_tokens_total", direction=direction)
        assert counted == sum(line.get(f"{direction}_tokens", 0) for line in lines) > 0
    saved = metrics.value("litellm_plugins_saved_usd_total")
    assert round(saved * NANO) == _nano(lines, "saved_usd") > 0
    assert metrics.value("litellm_plugins_dropped_total") == 0


def test_no_user_stands_in_a_line_unless_the_settings_say_so(told: dict[str, list[Line]]) -> None:
    assert not [line for lines in told.values() for line in lines if "user" in line or "end_user" in line]


def test_times_are_those_of_the_client(told: dict[str, list[Line]]) -> None:
    for way in ("chat-streamed", "messages-streamed", "responses-streamed", "left-stream"):
        (line,) = told[way]
        assert 0 < line["first_token_ms"] <= line["took_ms"] < 20_000, way
    assert "first_token_ms" not in told["chat"][0]
    assert told["left-stream"][0]["took_ms"] > 0


def test_a_stranger_s_request_is_nobody_s(told: dict[str, list[Line]], budgeted: RunningProxy) -> None:
    before = len(all_lines(budgeted))
    path, body = body_of("chat", "x", "stranger")
    assert budgeted.http("POST", path, "sk-wrong", json=body).status_code == 401
    ask(budgeted, "chat", "calls-after", new_question())
    eventually(lambda: lines_of(budgeted, "calls-after"), what="a later request to be told")
    assert len(all_lines(budgeted)) == before + 1


def _nano(lines: Iterable[Line], name: str) -> int:
    return int(sum(Decimal(line.get(name, "0")) for line in lines) * NANO)


def _bill(provider: Provider) -> int:
    prices = {**PRICES, LEGACY_MODEL: (Fraction(1_500), Fraction(2_000))}
    total = Fraction(0)
    for name, tokens in provider.bill().items():
        total += prices[name][0] * tokens["prompt_tokens"] + prices[name][1] * tokens["completion_tokens"]
    return int(total)


def _as_in(wanted: Mapping[str, Any], line: Line) -> dict[str, Any]:
    return {name: line.get(name) for name in wanted}
