"""What is told of the judge of answers."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from litellm_plugins.cache.judging import Judgement
from litellm_plugins.model import JudgeOutcome
from litellm_plugins.pipeline import tells_judgements
from litellm_plugins.telemetry.events import Telemetry
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

SAME = Judgement(JudgeOutcome.SAME, 38_400, 0.81234)
DOWN = Judgement(JudgeOutcome.FAILED, took_s=0.1, reason="provider_error", detail="provider_error: mini: Timeout")
SPENT = Judgement(JudgeOutcome.BUDGET_SPENT, reason="budget_spent", detail="until midnight")
STILL_SPENT = Judgement(JudgeOutcome.BUDGET_SPENT)


def test_verdicts_dollars_and_failures_are_counted() -> None:
    registry = CollectorRegistry()
    tell = tells_judgements(Telemetry([PrometheusSink(registry)]), "mini")
    for judged in (SAME, SAME, DOWN, SPENT, STILL_SPENT):
        tell(judged)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"litellm_plugins_{name}", labels)

    assert value("cache_judgements_total", outcome="same") == 2
    assert value("cache_judgements_total", outcome="budget_spent") == 2
    assert value("cache_judge_usd_total") == pytest.approx(0.0000768)
    assert value("stage_failures_total", stage="judge", reason="provider_error") == 1
    assert value("stage_failures_total", stage="judge", reason="budget_spent") == 1


def test_the_log_tells_each_call_with_its_cost_and_once_that_the_money_is_gone(lines: list[dict[str, object]]) -> None:
    tell = tells_judgements(Telemetry([LogSink()]), "mini")
    for judged in (SAME, SPENT, STILL_SPENT, Judgement(JudgeOutcome.BUSY)):
        tell(judged)
    call, spent = lines
    assert {name: call[name] for name in call if name not in {"time", "level"}} == {
        "event": "answers_judged",
        "outcome": "same",
        "model": "mini",
        "cost_usd": "0.0000384",
        "took_ms": 812.3,
    }
    assert (spent["event"], spent["stage"], spent["reason"]) == ("stage_failed", "judge", "budget_spent")
