"""What the queue picks of real traffic, and what verdicts on routes and on shortened prompts change; over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from litellm_plugins.evaluation import routing_rows
from litellm_plugins.evaluation.rows import read_rows
from litellm_plugins.routing.outcomes import parse
from tests.support import Keys, Provider, RunningProxy, eventually, model, proxy_config

if TYPE_CHECKING:
    import httpx

UNSURE = "I'm not sure, it may be Lyon."
NOTES = "\n\n".join(
    f"Town {number} lies on the river. Its market is held on day {number}, whatever the weather. The people like music"
    " and long walks through the park. Nobody knows why the tower was built. The old mill makes flour for the bakers."
    for number in range(40)
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The cheap model is unsure of capitals."""
    with Provider(script=lambda of, asked: UNSURE if of == "gpt-4.1-nano" and "capital" in asked else None) as provider:
        yield provider


@pytest.fixture(scope="module")
def picking(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Nothing is drawn by chance but prompts that went out shorter, and of these all."""
    tiers = [{"name": "simple", "models": ["nano"]}, {"name": "complex", "models": ["gpt-4.1"]}]
    pack: dict[str, Any] = {
        "review": {
            "enabled": True, "control_share": 0, "compressed_share": "100%", "near": 0.2, "old_answer_hours": 1 / 3_600,
        },
        "cache": {"semantic": {"threshold": 0.8}},
        "insight": {"flush_s": 0.2, "anomalies": {"look_every_s": 1, "dear_request_usd": "0.002"}},
        "routing": {"routers": {"auto": {"tiers": tiers, "thresholds": [0.99]}}},
        "compression": {
            "enabled": True, "min_tokens": 200, "methods": ["extractive"], "extractive": {"strict": False},
            "rate": 0.4, "deadline_ms": 10_000,
        },
    }  # fmt: skip
    more = [model("nano", provider.url, "gpt-4.1-nano"), model("auto", provider.url, "gpt-4.1-mini")]
    config = proxy_config(provider.url, pack=pack, more_models=more)
    with RunningProxy(config, tmp_path_factory.mktemp("picking"), provider_url=provider.url) as proxy:
        yield proxy


def test_a_hit_near_the_operating_point_and_one_on_an_old_answer_are_picked(picking: RunningProxy, keys: Keys) -> None:
    stored, asked = "How do I order a new cheque book?", "How can I order a new cheque book?"

    def is_stored() -> bool:
        return _ask(picking, keys.sales, stored).headers["x-litellm-plugins-cache"] == "exact"

    eventually(is_stored, what="the answer to be stored")
    assert _ask(picking, keys.sales, asked, cache={"no-store": True}).headers["x-litellm-plugins-cache"] == "semantic"
    near = eventually(lambda: _picked(picking, asked), what="the hit that just passed")[0]
    assert (near["kind"], near["why"], near["matched_question"]) == ("hit", "near_operating_point", stored)

    def is_old() -> list[dict[str, Any]]:
        _ask(picking, keys.sales, stored)
        return [each for each in _picked(picking, stored) if each["why"] == "old_answer"]

    [old] = eventually(is_old, what="a hit on an answer that is a second old")
    assert old["age_s"] > 1


def test_what_the_cost_monitor_points_at_is_picked(picking: RunningProxy, keys: Keys) -> None:
    """A request that costs many times as much as others; nothing else has its answer judged."""
    usual, dear = "What did the crown cost?", f"What of all that? {'Tell me of its clauses. ' * 300}"
    _ask(picking, keys.sales, usual, of="gpt-4.1-mini")
    _ask(picking, keys.sales, dear)
    picked = eventually(lambda: _picked(picking, dear), what="the answer that was dear", timeout_s=40)
    assert {(each["kind"], each["why"]) for each in picked} == {("answer", "anomaly")}
    assert _picked(picking, usual) == []


def test_a_cheap_answer_that_is_doubted_is_picked_and_a_verdict_on_it_is_a_row_to_train_on(
    picking: RunningProxy, keys: Keys, tmp_path: Path
) -> None:
    doubted, sure = "What is the capital of France?", "How do I open a window?"
    for question in (doubted, sure):
        assert _ask(picking, keys.support, question, of="auto").headers["x-litellm-plugins-route-tier"] == "simple"
    [item] = eventually(lambda: _picked(picking, doubted), what="the doubted answer")
    assert (item["kind"], item["why"], item["check"], item["tier"]) == ("route", "low_check", "hedging", "simple")
    assert _picked(picking, sure) == []  # written by the same batch, or one before

    assert "outcome" in _judge(picking, item["id"], "wrong")
    told = picking.http("GET", "/plugins/review/outcomes?strong=gpt-4.1", picking.master_key).raise_for_status().json()
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in told["rows"]), encoding="utf-8")
    judged = routing_rows.select(read_rows(file, parse), "nano", "gpt-4.1")  # as `routing train` does
    assert (judged.prompts, judged.weak.tolist(), judged.strong.tolist()) == ((doubted,), [0.0], [1.0])


def test_wrong_answers_to_shortened_prompts_leave_more_of_the_next_one_of_that_family_and_of_no_other(
    picking: RunningProxy, keys: Keys
) -> None:
    before = {feature: _left(picking, keys, feature, 1) for feature in ("towns", "others")}
    items = eventually(lambda: _picked(picking, NOTES), what="the shortened prompts")
    assert {(each["kind"], each["why"], each["methods"]) for each in items} == {
        ("compression", "compressed", "extractive")
    }
    [towns] = [each for each in items if each["feature"] == "towns"]
    assert "rate_lowered" in _judge(picking, towns["id"], "wrong")

    def kept_more() -> bool:
        return _left(picking, keys, "towns", 2) > 1.2 * before["towns"]

    eventually(kept_more, what="the next prompt to keep more")
    assert _left(picking, keys, "others", 2) == pytest.approx(before["others"], rel=0.05)
    report = picking.http("GET", "/plugins/review/report", picking.master_key).raise_for_status().json()
    assert report["rates"] == [{"feature": "towns", "model_group": "gpt-4.1", "factor": pytest.approx(2 / 3, abs=1e-4)}]


def _ask(proxy: RunningProxy, key: str, question: str, *, of: str = "gpt-4.1", **more: Any) -> httpx.Response:
    body = {"model": of, "messages": [{"role": "user", "content": question}], **more}
    return proxy.http("POST", "/v1/chat/completions", key, json=body).raise_for_status()


def _left(proxy: RunningProxy, keys: Keys, feature: str, town: int) -> int:
    """How many tokens went out of the same notes, with another question."""
    question = f"{NOTES}\n\nQuestion: On which day is the market of Town {town} held?"
    more: dict[str, Any] = {"metadata": {"feature": feature}, "cache": {"no-cache": True, "no-store": True}}
    answer = _ask(proxy, keys.legal, question, **more)
    assert answer.headers["x-litellm-plugins-compression"] == "applied"
    return int(answer.headers["x-litellm-plugins-compression-tokens-after"])


def _picked(proxy: RunningProxy, text: str) -> list[dict[str, Any]]:
    told = proxy.http("GET", "/plugins/review/queue?limit=1000", proxy.master_key).raise_for_status().json()
    return [each for each in told["items"] if each["question"].startswith(text[:3_000])]


def _judge(proxy: RunningProxy, item: str, verdict: str) -> list[str]:
    body = {"item_id": item, "verdict": verdict}
    done = proxy.http("POST", "/plugins/review/verdicts", proxy.master_key, json=body).raise_for_status().json()
    return list(done["effects"])
