"""What /metrics shows of a hit: ours say which layer and what it saved, the host's own are as of any other request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import openai
import pytest

from tests.support import Keys, Metrics, Route, RunningProxy, eventually

MODEL = {"model_group": "gpt-4.1"}
REQUESTS = "litellm_plugins_requests_total"
STORED = "litellm_plugins_cache_answers_total"
HOST_REQUESTS = "litellm_proxy_total_requests_metric_total"
HOST_SPEND = "litellm_spend_metric_total"
HOST_HITS = "litellm_cache_hits_metric_total"
_CALM_S = 0.4  # the host counts after it answered

WAYS: Mapping[str, tuple[Route, bool]] = {
    "front route": ("v1", False),
    "front route, streamed": ("v1", True),
    "host's look-up": ("host", False),
    "host's look-up, streamed": ("host", True),
}
THINGS = ("spare key", "passport photo", "train ticket", "garden fence")  # too unlike to be taken for each other
HITS = ("semantic", "exact")

all_ways = pytest.mark.parametrize("way", WAYS)
all_hits = pytest.mark.parametrize("hit", HITS)


@dataclass(frozen=True, slots=True)
class Rise:
    """By how much the samples rose."""

    before: Metrics
    after: Metrics

    def of(self, name: str, **labels: str) -> float:
        """Of one of them."""
        return self.after.value(name, **labels) - self.before.value(name, **labels)


Measure = Callable[[Callable[[], object]], Rise]
Story = Mapping[tuple[str, str], Rise]


@pytest.fixture(scope="module")
def rise_over(proxy: RunningProxy) -> Measure:
    """Runs one request between two calm readings: what came before is counted before, what it did is counted after."""
    calm: list[Metrics] = []

    def measure(happens: Callable[[], object]) -> Rise:
        before = _calm(proxy, since=calm.pop() if calm else None)
        happens()
        eventually(lambda: _has_counted_one(before, proxy.metrics()), what="the request to be counted", every_s=0.1)
        calm.append(_calm(proxy))
        return Rise(before, calm[-1])

    return measure


def _calm(proxy: RunningProxy, since: Metrics | None = None) -> Metrics:
    """A reading that still holds after a while. `since`: an earlier one, which may hold already."""
    seen: list[Metrics] = [since or proxy.metrics()]

    def unchanged() -> bool:
        if since is None or len(seen) > 1:
            time.sleep(_CALM_S)
        seen.append(proxy.metrics())
        return _counts(seen[-2]) == _counts(seen[-1])

    eventually(unchanged, what="the proxy to have counted everything")
    return seen[-1]


def _has_counted_one(before: Metrics, now: Metrics) -> bool:
    """Whether the pack has, and the host, both when it began and when it was over."""
    rise = Rise(before, now)
    over = rise.of("litellm_request_total_latency_metric_count") + rise.of("litellm_proxy_failed_requests_metric_total")
    return rise.of(REQUESTS) >= 1 and rise.of(HOST_REQUESTS) >= 1 and over >= 1


def _counts(metrics: Metrics) -> list[float]:
    return [metrics.value(name) for name in (REQUESTS, STORED, HOST_REQUESTS, HOST_SPEND, HOST_HITS)]


@pytest.fixture(scope="module")
def story(proxy: RunningProxy, rise_over: Measure, keys: Keys) -> Story:
    """What rose with a miss, with a paraphrase of it, and with the same again; asked in all ways."""
    rises: dict[tuple[str, str], Rise] = {}
    for (way, (route, streamed)), thing in zip(WAYS.items(), THINGS, strict=True):
        asked, other_words = f"How do I order a {thing}?", f"How can I order a {thing}?"
        teach = proxy.teach_streamed if streamed else proxy.teach
        ask = proxy.ask_streamed if streamed else proxy.ask
        rises[way, "miss"] = rise_over(partial(teach, keys.sales, asked, route=route))
        rises[way, "semantic"] = rise_over(partial(ask, keys.sales, other_words, route=route))
        rises[way, "exact"] = rise_over(partial(ask, keys.sales, asked, route=route))
    return rises


@all_ways
@pytest.mark.parametrize(
    ("step", "reason"), [("miss", None), ("semantic", "above_threshold"), ("exact", "same_request")]
)
def test_each_request_is_counted_once_under_its_layer_and_reason(
    story: Story, way: str, step: str, reason: str | None
) -> None:
    rise = story[way, step]
    labels = MODEL | ({"reason": reason} if reason else {})

    assert rise.of(REQUESTS, layer=step, **labels) == rise.of(REQUESTS) == 1


@all_ways
def test_a_fresh_answer_is_stored_once(story: Story, way: str) -> None:
    assert story[way, "miss"].of(STORED, outcome="stored", **MODEL) == story[way, "miss"].of(STORED) == 1
    assert story[way, "semantic"].of(STORED) == story[way, "exact"].of(STORED) == 0


@all_ways
def test_the_similarity_of_a_paraphrase_is_observed(story: Story, way: str) -> None:
    rise = story[way, "semantic"]

    assert rise.of("litellm_plugins_cache_similarity_ratio_count", layer="semantic") == 1
    assert 0.92 <= rise.of("litellm_plugins_cache_similarity_ratio_sum", layer="semantic") < 1


@all_ways
@all_hits
def test_a_hit_saves_what_its_answer_cost_by_the_host_s_own_count(story: Story, way: str, hit: str) -> None:
    paid, saved = story[way, "miss"], story[way, hit]
    labels = {"cause": hit, **MODEL}

    assert paid.of(HOST_SPEND) > 0
    assert paid.of("litellm_plugins_saved_usd_total") == 0
    assert saved.of("litellm_plugins_saved_usd_total", **labels) == pytest.approx(paid.of(HOST_SPEND), abs=1e-9)
    assert saved.of("litellm_plugins_saved_tokens_total", **labels) == paid.of("litellm_total_tokens_metric_total")


@all_ways
@all_hits
def test_the_host_charges_nothing_for_a_hit(story: Story, way: str, hit: str) -> None:
    assert story[way, hit].of(HOST_SPEND) == 0


@all_ways
@pytest.mark.parametrize("step", ["miss", *HITS])
def test_the_host_counts_each_request_once_under_its_key(story: Story, way: str, step: str) -> None:
    rise = story[way, step]
    labels = {"api_key_alias": "sales", "team": "sales", "requested_model": "gpt-4.1", "status_code": "200"}

    assert rise.of(HOST_REQUESTS, **labels) == rise.of(HOST_REQUESTS) == 1
    assert rise.of("litellm_proxy_failed_requests_metric_total") == 0
    assert rise.of("litellm_request_total_latency_metric_count") == 1


@all_ways
def test_the_host_counts_hits_as_hits_of_its_cache(story: Story, way: str) -> None:
    assert story[way, "miss"].of(HOST_HITS) == 0
    for hit in HITS:
        assert story[way, hit].of(HOST_HITS, api_key_alias="sales") == story[way, hit].of(HOST_HITS) == 1


@all_ways
@all_hits
def test_a_hit_is_counted_under_the_same_model_as_the_miss(story: Story, way: str, hit: str) -> None:
    """Else every chart by model falls apart in two."""
    same = {"model": "gpt-4.1", "requested_model": "gpt-4.1"}

    assert story[way, "miss"].of("litellm_requests_metric_total", **same) == 1
    assert story[way, hit].of("litellm_requests_metric_total", **same) == 1
    assert story[way, hit].of(HOST_HITS, model="gpt-4.1") == 1


@pytest.mark.parametrize("route", ["v1", "host"])
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
    assert rise.of(STORED) == 0


def test_what_we_do_not_cache_is_counted_with_its_reason(
    proxy: RunningProxy, rise_over: Measure, keys: Keys, question: str
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": question}, image]}]
    rise = rise_over(lambda: proxy.ask(keys.support, messages=messages))

    assert rise.of(REQUESTS, layer="bypass", reason="unsupported_content", **MODEL) == rise.of(REQUESTS) == 1


@all_ways
def test_the_time_that_a_decision_took_is_observed(story: Story, way: str) -> None:
    for step in ("miss", *HITS):
        assert story[way, step].of("litellm_plugins_decision_seconds_count", layer=step) == 1
        assert 0 < story[way, step].of("litellm_plugins_decision_seconds_sum", layer=step) < 30


def test_no_metric_carries_a_question_or_a_secret(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question)
    text = proxy.http("GET", "/metrics/", proxy.master_key).text

    assert question not in text
    for secret in (*keys.all(), proxy.master_key):
        assert secret not in text
