"""The metrics, read as a scraper reads them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from litellm_plugins.model import BudgetReason, BudgetState, Layer, Reason
from litellm_plugins.telemetry.events import AnswerHandled, BudgetDecided, BudgetSettled, StageFailed
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from tests.unit.telemetry.events import hit, miss


class Scrape:
    """A sink on a registry of its own, and what `/metrics` says of it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sink = PrometheusSink(self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"litellm_plugins_{name}", labels)

    def text(self) -> str:
        return generate_latest(self.registry).decode()


@pytest.fixture
def scrape() -> Scrape:
    return Scrape()


def test_requests_are_counted_by_layer_reason_and_model(scrape: Scrape) -> None:
    """The hit rate is a quotient of these."""
    for _ in range(3):
        scrape.sink.record(hit())
    scrape.sink.record(miss())
    semantic = {"layer": "semantic", "reason": "above_threshold", "model_group": "small"}
    assert scrape.value("requests_total", **semantic) == 3
    assert scrape.value("requests_total", layer="miss", reason="below_threshold", model_group="small") == 1


def test_requests_are_counted_by_class(scrape: Scrape) -> None:
    """How much of the traffic may be cached at all; those that were never classed are in no series."""
    scrape.sink.record(hit())
    scrape.sink.record(miss(volatility="static"))
    scrape.sink.record(miss())
    assert scrape.value("cache_classes_total", **{"class": "faq", "layer": "semantic"}) == 1
    assert scrape.value("cache_classes_total", **{"class": "static", "layer": "miss"}) == 1
    assert scrape.value("cache_classes_total", **{"class": "", "layer": "miss"}) is None


def test_what_hits_saved_adds_up_in_dollars_and_tokens(scrape: Scrape) -> None:
    """Of the cheapest tokens too."""
    for _ in range(1_000):
        scrape.sink.record(hit())
    assert scrape.value("saved_usd_total", cause="semantic", model_group="small") == pytest.approx(0.001234)
    assert scrape.value("saved_tokens_total", cause="semantic", model_group="small") == 17_000


def test_a_miss_saves_nothing(scrape: Scrape) -> None:
    """Not even a series of zero that a dashboard would count."""
    scrape.sink.record(miss(similarity=0.5))
    assert scrape.value("saved_usd_total", cause="miss", model_group="small") is None


def test_similarities_of_hits_and_misses_are_told_apart(scrape: Scrape) -> None:
    """The gap between the two is where a threshold belongs."""
    scrape.sink.record(hit(similarity=0.95))
    scrape.sink.record(miss(similarity=0.85))
    scrape.sink.record(miss())
    assert scrape.value("cache_similarity_ratio_count", layer="semantic") == 1
    assert scrape.value("cache_similarity_ratio_count", layer="miss") == 1
    assert scrape.value("cache_similarity_ratio_bucket", layer="miss", le="0.85") == 1
    assert scrape.value("cache_similarity_ratio_bucket", layer="miss", le="0.82") == 0


def test_a_decision_is_timed_in_seconds(scrape: Scrape) -> None:
    """Milliseconds in the event, seconds in Prometheus."""
    scrape.sink.record(miss(decision_ms=4.0))
    assert scrape.value("decision_seconds_sum", layer="miss") == pytest.approx(0.004)
    assert scrape.value("decision_seconds_bucket", layer="miss", le="0.005") == 1
    assert scrape.value("decision_seconds_bucket", layer="miss", le="0.002") == 0


def test_fresh_answers_are_counted_by_what_became_of_them(scrape: Scrape) -> None:
    scrape.sink.record(AnswerHandled("small", None))
    scrape.sink.record(AnswerHandled("small", Reason.FALLBACK_ANSWER))
    assert scrape.value("cache_answers_total", outcome="stored", model_group="small") == 1
    assert scrape.value("cache_answers_total", outcome="fallback_answer", model_group="small") == 1


def test_every_failure_counts_though_the_log_tells_one_a_minute(scrape: Scrape) -> None:
    for _ in range(100):
        scrape.sink.record(StageFailed("store", "store_busy", "database is locked, try 17"))
    assert scrape.value("stage_failures_total", stage="store", reason="store_busy") == 100


def test_no_label_is_anything_that_a_user_wrote_or_is_called(scrape: Scrape) -> None:
    """Every new value of a label is a new series for ever."""
    scrape.sink.record(hit())
    scrape.sink.record(StageFailed("store", "store_busy", "detail of one request"))
    told = scrape.text()
    for unbounded in ("Where is", "0123abcd", "Support", "ci-key", "detail of one request"):
        assert unbounded not in told


def test_every_layer_and_reason_makes_a_page_that_a_scraper_can_read(scrape: Scrape) -> None:
    """Names, help texts and label values, as the exposition format wants them."""
    for layer in Layer:
        for reason in Reason:
            scrape.sink.record(hit(layer=layer, reason=reason))
    families = {family.name for family in text_string_to_metric_families(scrape.text())}
    assert {"litellm_plugins_requests", "litellm_plugins_saved_usd", "litellm_plugins_decision_seconds"} <= families
    assert all(f'layer="{layer}"' in scrape.text() for layer in Layer)


def test_models_that_the_proxy_does_not_have_share_one_label() -> None:
    """A client may ask for any name: each would be a series for ever, on a page that every scrape reads."""
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, known_model={"small"}.__contains__)
    for number in range(100):
        sink.record(miss(model_group=f"made up {number}"))
        sink.record(AnswerHandled(f"made up {number}", None))
    sink.record(miss())
    counted = {"layer": "miss", "reason": "below_threshold"}
    assert registry.get_sample_value("litellm_plugins_requests_total", counted | {"model_group": "other"}) == 100
    assert registry.get_sample_value("litellm_plugins_requests_total", counted | {"model_group": "small"}) == 1
    assert "made up" not in generate_latest(registry).decode()


def test_budgets_that_metadata_names_share_one_label() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, known_budget={"day"}.__contains__)
    for budget in ("day", "", *(f"made-up-{number}" for number in range(100))):
        sink.record(BudgetDecided(BudgetState.OK, BudgetReason.WITHIN, "small", budget=budget))
        sink.record(BudgetSettled("small", (budget,), nano_usd=3, tokens=1, reserved_nano_usd=3, ending="success"))
    decided = {"state": "ok", "reason": "within"}
    for budget, times in (("day", 1), ("", 1), ("from metadata", 100)):
        name = "litellm_plugins_budget_decisions_total"
        assert registry.get_sample_value(name, {"budget": budget, **decided}) == times
        settled = registry.get_sample_value("litellm_plugins_budget_settled_nano_usd_total", {"budget": budget})
        assert settled == 3 * times
    assert "made-up" not in generate_latest(registry).decode()


@pytest.mark.parametrize("name", ["\ud83d", 'a"b', "a\nb", "a\\b"])
def test_a_model_name_of_any_characters_leaves_the_page_readable(scrape: Scrape, name: str) -> None:
    """It comes from the client: one request must not take `/metrics` away from the whole worker."""
    scrape.sink.record(miss(model_group=name))
    scrape.sink.record(hit(model_group=name))
    scrape.sink.record(AnswerHandled(name, None))
    assert list(text_string_to_metric_families(scrape.text()))
