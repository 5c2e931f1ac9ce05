"""What /metrics shows of a hit: ours say which layer and what it saved, the host's own are as of any other request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import openai
import pytest

from tests.support import Keys, Metrics, Provider, Route, RunningProxy, eventually

MODEL = {"model_group": "gpt-4.1"}
REQUESTS = "litellm_plugins_requests_total"
HOST_REQUESTS = "litellm_proxy_total_requests_metric_total"
HOST_SPEND = "litellm_spend_metric_total"
HOST_HITS = "litellm_cache_hits_metric_total"
_CALM_S = 0.4  # the host counts after it answered

FRONT_AND_HOST = pytest.mark.parametrize("route", ["v1", "host"])
PLAIN_AND_STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


@dataclass(frozen=True, slots=True)
class Rise:
    """By how much the samples rose."""

    before: Metrics
    after: Metrics

    def of(self, name: str, **labels: str) -> float:
        """Of one of them."""
        return self.after.value(name, **labels) - self.before.value(name, **labels)


Measure = Callable[[Callable[[], object]], Rise]


@pytest.fixture
def rise_over(proxy: RunningProxy) -> Measure:
    """Runs something between two calm readings: what earlier tests did is counted before it, what it did after it."""

    def measure(happens: Callable[[], object]) -> Rise:
        before = _calm(proxy)
        happens()
        return Rise(before, _calm(proxy))

    return measure


def _calm(proxy: RunningProxy) -> Metrics:
    seen: list[Metrics] = [proxy.metrics()]

    def unchanged() -> bool:
        time.sleep(_CALM_S)
        seen.append(proxy.metrics())
        return _requests(seen[-2]) == _requests(seen[-1])

    eventually(unchanged, what="the proxy to have counted everything")
    return seen[-1]


def _requests(metrics: Metrics) -> list[float]:
    return [metrics.value(name) for name in (REQUESTS, HOST_REQUESTS, HOST_SPEND, HOST_HITS)]


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    """A question and a paraphrase of it, near enough for a semantic hit."""
    return _PAIRS


def _new_pairs() -> Iterator[tuple[str, str]]:
    things = ("spare key", "new passport photo", "train ticket", "garden fence", "library book", "tax form")
    for thing in things:
        yield f"How do I order a {thing}?", f"How can I order a {thing}?"


_PAIRS = _new_pairs()


@FRONT_AND_HOST
@PLAIN_AND_STREAMED
def test_each_request_is_counted_once_under_its_layer_and_reason(
    proxy: RunningProxy,
    rise_over: Measure,
    keys: Keys,
    pair: Iterator[tuple[str, str]],
    route: Route,
    streamed: bool,
) -> None:
    asked, other_words = next(pair)
    ask = proxy.ask_streamed if streamed else proxy.ask
    teach = proxy.teach_streamed if streamed else proxy.teach

    rise = rise_over(lambda: teach(keys.legal, asked, route=route, user="metrics"))
    assert rise.of(REQUESTS, layer="miss", **MODEL) == 1
    assert rise.of("litellm_plugins_cache_answers_total", outcome="stored", **MODEL) == 1
    assert rise.of("litellm_plugins_saved_usd_total") == 0

    rise = rise_over(lambda: ask(keys.legal, other_words, route=route, user="metrics"))
    assert rise.of(REQUESTS, layer="semantic", reason="above_threshold", **MODEL) == 1
    assert rise.of(REQUESTS) == 1
    assert rise.of("litellm_plugins_cache_similarity_ratio_count", layer="semantic") == 1
    assert 0.92 <= rise.of("litellm_plugins_cache_similarity_ratio_sum", layer="semantic") < 1

    rise = rise_over(lambda: ask(keys.legal, asked, route=route, user="metrics"))
    assert rise.of(REQUESTS, layer="exact", reason="same_request", **MODEL) == 1
    assert rise.of(REQUESTS) == 1
    assert rise.of("litellm_plugins_cache_answers_total") == 0


@FRONT_AND_HOST
@PLAIN_AND_STREAMED
def test_a_hit_saves_what_its_answer_cost_by_the_host_s_own_count(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str, route: Route, streamed: bool
) -> None:
    teach = proxy.teach_streamed if streamed else proxy.teach
    ask = proxy.ask_streamed if streamed else proxy.ask
    paid = rise_over(lambda: teach(keys.support, question, route=route))
    hit = rise_over(lambda: ask(keys.support, question, route=route))

    assert paid.of(HOST_SPEND) > 0
    assert hit.of("litellm_plugins_saved_usd_total", cause="exact", **MODEL) == pytest.approx(
        paid.of(HOST_SPEND), abs=1e-9
    )
    assert hit.of("litellm_plugins_saved_tokens_total", cause="exact", **MODEL) == paid.of(
        "litellm_total_tokens_metric_total"
    )
    assert hit.of(HOST_SPEND) == 0


@FRONT_AND_HOST
@PLAIN_AND_STREAMED
def test_the_host_counts_a_miss_and_a_hit_once_each(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str, route: Route, streamed: bool
) -> None:
    teach = proxy.teach_streamed if streamed else proxy.teach
    ask = proxy.ask_streamed if streamed else proxy.ask
    ours = {"api_key_alias": "support", "requested_model": "gpt-4.1", "status_code": "200"}

    miss = rise_over(lambda: teach(keys.support, question, route=route))
    assert miss.of(HOST_REQUESTS, **ours) == miss.of(HOST_REQUESTS) == 1
    assert miss.of(HOST_HITS) == 0
    hit = rise_over(lambda: ask(keys.support, question, route=route))
    assert hit.of(HOST_REQUESTS, **ours) == hit.of(HOST_REQUESTS) == 1
    assert hit.of(HOST_HITS, api_key_alias="support") == hit.of(HOST_HITS) == 1
    assert hit.of("litellm_proxy_failed_requests_metric_total") == 0


@FRONT_AND_HOST
def test_the_host_s_latency_of_a_hit_is_observed_once(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str, route: Route
) -> None:
    proxy.teach(keys.support, question, route=route)
    hit = rise_over(lambda: proxy.ask(keys.support, question, route=route))

    assert hit.of("litellm_request_total_latency_metric_count") == 1


@FRONT_AND_HOST
def test_a_hit_is_counted_under_the_same_model_as_the_miss(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str, route: Route
) -> None:
    """Else every chart by model falls apart in two."""
    same = {"model": "gpt-4.1", "requested_model": "gpt-4.1"}
    miss = rise_over(lambda: proxy.teach(keys.support, question, route=route))
    hit = rise_over(lambda: proxy.ask(keys.support, question, route=route))

    assert miss.of("litellm_requests_metric_total", **same) == 1
    assert hit.of("litellm_requests_metric_total", **same) == 1
    assert hit.of(HOST_HITS, model="gpt-4.1") == 1


@FRONT_AND_HOST
def test_a_failed_request_is_a_miss_of_ours_and_one_failure_of_the_host_s(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str, route: Route
) -> None:
    def fails() -> None:
        with pytest.raises(openai.InternalServerError):
            proxy.ask(keys.support, f"{question} simulator:error:500", route=route)

    rise = rise_over(fails)
    assert rise.of(REQUESTS, layer="miss", **MODEL) == rise.of(REQUESTS) == 1
    assert rise.of(HOST_REQUESTS, status_code="500") == rise.of(HOST_REQUESTS) == 1
    assert rise.of("litellm_proxy_failed_requests_metric_total") == 1
    assert rise.of("litellm_plugins_cache_answers_total") == 0


def test_what_we_do_not_cache_is_counted_with_its_reason(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": question}, image]}]
    rise = rise_over(lambda: proxy.ask(keys.support, messages=messages))

    assert rise.of(REQUESTS, layer="bypass", reason="unsupported_content", **MODEL) == rise.of(REQUESTS) == 1


def test_the_time_that_a_decision_took_is_observed(
    proxy: RunningProxy, provider: Provider, rise_over: Measure, keys: Keys, question: str
) -> None:
    rise = rise_over(lambda: proxy.teach(keys.support, question))

    assert rise.of("litellm_plugins_decision_seconds_count", layer="miss") == 1
    assert 0 < rise.of("litellm_plugins_decision_seconds_sum", layer="miss") < 30


def test_no_metric_carries_a_question_or_a_secret(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question)
    text = proxy.http("GET", "/metrics/", proxy.master_key).text

    assert question not in text
    for secret in (*keys.all(), proxy.master_key):
        assert secret not in text
