"""Long conversations through a running proxy: what reaches the provider, in which bytes, and who pays for summaries."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budget_proxy import budget
from tests.support.budgets import billed, held_by, settled
from tests.support.fixtures import CLAUDE

PREFIX = "x-litellm-plugins-history"
WRITER = "gpt-4.1-nano"  # the model behind the group `writer`; nobody else asks it
SUMMARY = "Ann wants the blue boat, order B-17, not before 4 May."
BUDGET, TURNS, SHAPES = 2_000, 40, ("chat", "messages", "responses")
Items = list[dict[str, Any]]
_numbers = itertools.count(1)


@dataclass
class Scene:
    """The proxy and its provider."""

    proxy: RunningProxy
    provider: Provider

    def written(self) -> list[dict[str, Any]]:
        """The requests that reached the writer."""
        return [each for each in self.provider.requests() if (each["body"] or {}).get("model") == WRITER]

    def sent_about(self, question: str) -> dict[str, Any]:
        """The one request to the provider that is no writer's."""
        asked = [each for each in self.provider.requests_about(question) if each["body"]["model"] != WRITER]
        assert len(asked) == 1, [each["body"]["model"] for each in asked]
        body = asked[0]["body"]
        assert isinstance(body, dict)
        return body


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Trimmed for all; told apart by the feature: summed up, late, by a model that is down, trimmed for want of one."""

    def script(name: str, _question: str) -> str | None:
        return SUMMARY if name == WRITER else None

    def summed(**more: Any) -> dict[str, Any]:
        return {"history": {"how": "summarise", "model": "writer", "summary_tokens": 100, **more}}

    features = {
        "summed": summed(),
        "counted-summed": summed(),
        "shared": summed(share=True),
        "late": summed(model="slow-writer", deadline_ms=300),
        "down": summed(model="broken-writer"),
        "unpriced": summed(model="unpriced-writer"),
        "down-trim": summed(model="broken-writer", on_failure="trim"),
        "whole": {"enabled": False},
    }
    with Provider(script=script) as provider:
        config = proxy_config(
            provider.url,
            pack={
                "cache": {"semantic": {"enabled": False}},
                "compression": {"enabled": True, "history": {"max_tokens": BUDGET}, "features": features},
                "insight": {"enabled": True, "flush_s": 0.1},
                "budgets": [budget("summed", limit_usd=10), budget("late", limit_usd=10)],
            },
            more_models=[
                model(CLAUDE, provider.url, via="anthropic"),
                model("writer", provider.url, WRITER),
                model("slow-writer", provider.url, WRITER, extra_headers={"x-simulator-fault": "stall:1.5"}),
                model("broken-writer", provider.url, WRITER, extra_headers={"x-simulator-fault": "error:500"}),
                model("unpriced-writer", provider.url, "foo-unknown"),
            ],
        )
        with RunningProxy(config, tmp_path_factory.mktemp("history"), provider_url=provider.url) as proxy:
            yield Scene(proxy, provider)


def turn(shape: str, number: int, place: int, *, answered: bool = True) -> Items:
    """One turn of conversation `number`; every third calls two tools."""
    told = f"Details {place} of {number}: " + " ".join(f"word{place}x{at}" for at in range(20))
    items: Items = [{"role": "user", "content": f"Question {place} of {number}? {told}"}]
    if not answered:
        return items
    if place % 3 == 0:
        items += calls(shape, f"c{number}x{place}")
    return [*items, {"role": "assistant", "content": f"Answer {place} of {number}."}]


def calls(shape: str, name: str) -> Items:
    """Two calls in one step, and their results."""
    ids = [f"{name}a", f"{name}b"]
    if shape == "responses":
        made: Items = [{"type": "function_call", "call_id": each, "name": "look", "arguments": "{}"} for each in ids]
        return [*made, *({"type": "function_call_output", "call_id": each, "output": "found"} for each in ids)]
    if shape == "messages":
        uses = [{"type": "tool_use", "id": each, "name": "look", "input": {}} for each in ids]
        results = [{"type": "tool_result", "tool_use_id": each, "content": "found"} for each in ids]
        return [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    function = {"name": "look", "arguments": "{}"}
    made = [{"id": each, "type": "function", "function": function} for each in ids]
    results = [{"role": "tool", "tool_call_id": each, "content": "found"} for each in ids]
    return [{"role": "assistant", "content": None, "tool_calls": made}, *results]


def conversation(shape: str, turns: int, number: int | None = None) -> tuple[Items, str]:
    """A conversation that nobody had before, with the question that it ends with."""
    number = next(_numbers) if number is None else number
    items: Items = [{"role": "system", "content": f"Be brief about {number}."}] if shape != "messages" else []
    for place in range(turns - 1):
        items += turn(shape, number, place)
    return items + turn(shape, number, turns - 1, answered=False), f"Question {turns - 1} of {number}? "


def ask(scene: Scene, shape: str, items: Items, *, key: str = KEYS.support, feature: str = "") -> Any:
    """Headers of the answer; the SDK raises where the provider refuses."""
    extra: dict[str, Any] = {"extra_body": {"metadata": {"feature": feature}}} if feature else {}
    if shape == "messages":
        about: Any = {"type": "object", "properties": {}}
        tools: Any = [{"name": "look", "input_schema": about}]
        headers = {"x-litellm-tags": f"feature:{feature}"} if feature else None
        client = scene.proxy.anthropic(key).messages.with_raw_response
        given: Any = items
        return client.create(
            model=CLAUDE, max_tokens=5, system="Be brief.", tools=tools, messages=given, extra_headers=headers
        ).headers
    if shape == "responses":
        client_of = scene.proxy.client(key).responses.with_raw_response
        said: Any = items
        return client_of.create(model="gpt-4.1", max_output_tokens=20, input=said, **extra).headers
    return scene.proxy.ask(key, messages=items, max_tokens=5, **extra).headers


def told(headers: Any) -> tuple[str, str, int]:
    """Outcome, reason, and how many turns went."""
    return headers[PREFIX], headers[f"{PREFIX}-reason"], int(headers.get(f"{PREFIX}-turns-gone", 0))


def plain(items: Items) -> Items:
    """As the host sends them: without what is null."""
    return [{name: value for name, value in item.items() if value is not None} for item in items]


def after_a_step(scene: Scene, shape: str, feature: str = "") -> int:
    """A number of turns with which the cut has just leapt, whatever the conversation's number: those are one token."""
    number, before = next(_numbers), 2 * TURNS
    for turns in range(TURNS, TURNS + 20):
        gone = told(ask(scene, shape, conversation(shape, turns, number)[0], feature=feature))[2]
        if gone > before:
            return turns
        before = gone
    raise AssertionError("it never leapt")


def conversation_in(body: dict[str, Any], shape: str) -> Items:
    items = body["input" if shape == "responses" else "messages"]
    assert isinstance(items, list)
    return items


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_conversation_goes_out_within_its_budget_and_is_taken(scene: Scene, shape: str) -> None:
    """The provider refuses a tool's result without its call, and a call without its result."""
    items, question = conversation(shape, TURNS)
    headers = ask(scene, shape, items)
    outcome, reason, gone = told(headers)
    sent = conversation_in(scene.sent_about(question), shape)
    assert (outcome, reason) == ("trimmed", "over_budget")
    assert 15 < gone <= TURNS - 4
    assert int(headers[f"{PREFIX}-turns"]) == TURNS
    assert int(headers[f"{PREFIX}-tokens-before"]) > BUDGET >= int(headers[f"{PREFIX}-tokens-after"]) > BUDGET / 3
    assert scene.provider.requests_about(question)[-1]["status"] == 200
    first = next(item for item in sent if item.get("role") != "system")
    assert (first["role"], f"Question {gone} of" in json.dumps(first)) == ("user", True)
    kept = [item for item in items if item.get("role") == "system"] + items[items.index(user_at(items, gone)) :]
    assert len(sent) == len(kept)
    assert [json.dumps(item.get("content")) for item in sent if item.get("role") == "user"] == [
        json.dumps(item.get("content")) for item in kept if item.get("role") == "user"
    ]


def user_at(items: Items, place: int) -> dict[str, Any]:
    """The message that opens the turn at `place`."""
    opening = [item for item in items if item.get("role") == "user" and isinstance(item["content"], str)]
    return opening[place]


@pytest.mark.parametrize("shape", SHAPES)
def test_for_many_turns_the_provider_sees_the_same_prefix(scene: Scene, shape: str) -> None:
    first, number = after_a_step(scene, shape), next(_numbers)
    sent, gone = list[str](), list[int]()
    for turns in range(first, first + 6):
        items, question = conversation(shape, turns, number)
        gone.append(told(ask(scene, shape, items))[2])
        sent.append(json.dumps(conversation_in(scene.sent_about(question), shape))[:-1])
    assert len(set(gone)) == 1
    assert gone[0] > 15
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(sent))


def test_what_is_short_or_off_stays_whole_in_its_own_bytes(scene: Scene) -> None:
    items, question = conversation("chat", 8)
    assert told(ask(scene, "chat", items)) == ("whole", "within_budget", 0)
    assert scene.sent_about(question)["messages"] == plain(items)
    items, question = conversation("chat", TURNS)
    assert PREFIX not in ask(scene, "chat", items, feature="whole")
    assert scene.sent_about(question)["messages"] == plain(items)


def test_what_lies_before_a_cache_mark_is_not_touched(scene: Scene) -> None:
    items, question = conversation("messages", TURNS)
    text = items[-1]["content"]
    items[-1]["content"] = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
    assert told(ask(scene, "messages", items)) == ("whole", "cached_prefix", 0)
    assert scene.sent_about(question)["messages"] == plain(items)


def test_turns_that_lie_at_the_provider_are_left_to_it(scene: Scene) -> None:
    first = scene.proxy.client(KEYS.support).responses.create(model="gpt-4.1", input="Hello, who is there?")
    raw = scene.proxy.client(KEYS.support).responses.with_raw_response.create(
        model="gpt-4.1", input="And who else is there?", previous_response_id=first.id
    )
    assert told(raw.headers) == ("whole", "unsupported_parameter", 0)


def test_a_fallback_is_sent_the_same_shorter_conversation(scene: Scene) -> None:
    items, question = conversation("chat", TURNS)
    headers = scene.proxy.ask(KEYS.support, messages=items, model="fragile").headers
    assert told(headers)[0] == "trimmed"
    asked = [each["body"]["messages"] for each in scene.provider.requests_about(question)]
    assert len(asked) == 2
    assert asked[0] == asked[1] == plain([items[0], *items[items.index(user_at(items, told(headers)[2])) :]])


def test_the_original_asked_again_is_a_hit(scene: Scene) -> None:
    items, question = conversation("chat", TURNS)
    scene.proxy.teach(KEYS.support, messages=items)
    again = scene.proxy.ask(KEYS.support, messages=items)
    assert again.cache == "exact"
    assert PREFIX not in again.headers
    assert len(scene.provider.requests_about(question)) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_one_summary_stands_in_place_of_the_old_turns_for_many_turns(scene: Scene, shape: str) -> None:
    first, number = after_a_step(scene, shape, "summed"), next(_numbers)
    before, sent = len(scene.written()), list[str]()
    for turns in range(first, first + 5):
        items, question = conversation(shape, turns, number)
        headers = ask(scene, shape, items, feature="summed")
        assert told(headers)[:2] == ("summarised", "over_budget")
        assert int(headers[f"{PREFIX}-tokens-after"]) <= BUDGET
        assert ("x-litellm-plugins-own-usd" in headers) == (turns == first)
        sent.append(json.dumps(conversation_in(scene.sent_about(question), shape), ensure_ascii=False)[:-1])
    [asked] = scene.written()[before:]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(sent))
    assert sent[0].count(SUMMARY) == 1
    assert next(item for item in json.loads(sent[0] + "]") if SUMMARY in json.dumps(item))["role"] == "assistant"
    assert [message["role"] for message in asked["body"]["messages"]] == ["system", "user"]
    case = json.loads(asked["body"]["messages"][1]["content"])
    assert case["turns"][0]["text"].startswith(f"Question 0 of {number}?")


def test_a_summary_is_paid_once_by_who_asked_for_it_and_shared_with_no_other_team(scene: Scene) -> None:
    scene.provider.clear()
    booked = held_by(scene.proxy, "summed")
    items, _ = conversation("chat", TURNS)
    ask(scene, "chat", items, feature="summed")
    more = [*items, {"role": "assistant", "content": "So."}, {"role": "user", "content": "And then?"}]
    ask(scene, "chat", more, feature="summed")
    assert len(scene.written()) == 1
    now = settled(lambda: held_by(scene.proxy, "summed"), booked.requests + 2)
    assert now.spent - booked.spent == billed(scene.provider)
    ask(scene, "chat", items, key=KEYS.legal, feature="summed")
    assert len(scene.written()) == 2


@pytest.mark.parametrize(("feature", "pays"), [("counted", False), ("counted-summed", True)])
def test_the_costs_tell_what_it_saved_less_what_its_summary_cost(scene: Scene, feature: str, pays: bool) -> None:
    items, _ = conversation("chat", TURNS)
    headers = ask(scene, "chat", items, feature=feature)
    line = [json.loads(each) for each in scene.proxy.log().splitlines() if '"history_decision"' in each][-1]
    own = float(headers.get("x-litellm-plugins-own-usd", 0))
    assert (line["feature"], own > 0) == (feature, pays)

    def row() -> dict[str, Any] | None:
        told = scene.proxy.http("GET", "/plugins/costs?by=feature,layer&top=100", scene.proxy.master_key).json()
        assert told["saved_by_cause"].keys() <= {"exact", "history"}
        return next((each for each in told["rows"] if (each["feature"], each["layer"]) == (feature, "history")), None)

    counted = eventually(row, what="the call to be counted")
    assert counted is not None
    assert counted["saved_usd"] == pytest.approx(float(line["saved_usd"]) - own, abs=2e-9)
    assert counted["saved_tokens"] == line["tokens_before"] - line["tokens_after"]
    assert counted["requests"] == 0


def test_a_summary_that_is_shared_is_kept_in_the_store_and_others_are_not(scene: Scene) -> None:
    file = scene.proxy.database.with_name(f"{scene.proxy.database.stem}.summaries.db")
    items, _ = conversation("chat", TURNS)
    ask(scene, "chat", items, feature="counted-summed")
    assert not file.exists()
    ask(scene, "chat", conversation("chat", TURNS)[0], feature="shared")

    def kept() -> list[tuple[str, bytes]]:
        try:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as db:
                return db.execute("SELECT tenant, text FROM history_summaries").fetchall()
        except sqlite3.OperationalError:  # there is none yet
            return []

    [(tenant, text)] = eventually(kept, what="the summary to be kept")
    assert (tenant, text.decode()) == ("team:support", SUMMARY)


def test_the_next_step_sums_up_the_summary_and_what_came_since(scene: Scene) -> None:
    number = next(_numbers)
    items, _ = conversation("chat", TURNS, number)
    gone = told(ask(scene, "chat", items, feature="summed"))[2]
    longer, _ = conversation("chat", TURNS + 25, number)
    assert told(ask(scene, "chat", longer, feature="summed"))[2] > gone
    case = json.loads(scene.written()[-1]["body"]["messages"][1]["content"])
    assert case["before"] == SUMMARY
    assert case["turns"][0]["text"].startswith(f"Question {gone} of {number}?")


@pytest.mark.parametrize(("feature", "fault"), [("down", "provider_error"), ("unpriced", "unpriced")])
def test_where_no_summary_can_be_had_the_original_goes_out(scene: Scene, feature: str, fault: str) -> None:
    def failures() -> float:
        return scene.proxy.metrics().value("litellm_plugins_stage_failures_total", stage="history", reason=fault)

    before = failures()
    items, question = conversation("chat", TURNS)
    assert told(ask(scene, "chat", items, feature=feature)) == ("whole", "summary_failed", 0)
    assert scene.sent_about(question)["messages"] == plain(items)
    assert failures() == before + 1


def test_or_it_is_trimmed_where_that_is_set(scene: Scene) -> None:
    items, question = conversation("chat", TURNS)
    outcome, reason, gone = told(ask(scene, "chat", items, feature="down-trim"))
    assert (outcome, reason, gone > 15) == ("trimmed", "summary_failed", True)
    assert len(scene.sent_about(question)["messages"]) < len(items)


def test_a_late_summary_is_for_the_next_turn_and_paid_for_once(scene: Scene) -> None:
    booked = held_by(scene.proxy, "late")
    scene.provider.clear()
    items, question = conversation("chat", TURNS)
    assert told(ask(scene, "chat", items, feature="late")) == ("whole", "summary_late", 0)
    assert scene.sent_about(question)["messages"] == plain(items)

    def paid() -> bool:
        spent = held_by(scene.proxy, "late").spent - booked.spent
        return WRITER in scene.provider.bill() and spent == billed(scene.provider)

    settled(lambda: held_by(scene.proxy, "late"), booked.requests + 1)
    eventually(paid, what="the summary to be paid")
    more = [*items, {"role": "assistant", "content": "So."}, {"role": "user", "content": f"And then, {question}"}]
    assert told(ask(scene, "chat", more, feature="late"))[0] == "summarised"
    assert len(scene.written()) == 1


def test_log_and_metrics_say_the_same(scene: Scene) -> None:
    name = "gpt-4.1-mini"
    items, _ = conversation("chat", TURNS)
    headers = scene.proxy.ask(KEYS.support, messages=items, model=name, max_tokens=5).headers
    before, after = (int(headers[f"{PREFIX}-tokens-{when}"]) for when in ("before", "after"))
    metrics = scene.proxy.metrics()
    labels = {"outcome": "trimmed", "reason": "over_budget", "model_group": name}
    assert metrics.value("litellm_plugins_histories_total", **labels) == 1
    counted = [
        metrics.value("litellm_plugins_history_tokens_total", when=when, model_group=name)
        for when in ("before", "after")
    ]
    assert counted == [before, after]
    saved = {"cause": "history", "model_group": name}
    assert metrics.value("litellm_plugins_saved_tokens_total", **saved) == before - after
    assert metrics.value("litellm_plugins_saved_usd_total", **saved) == pytest.approx((before - after) * 0.4e-6)
    lines = [json.loads(line) for line in scene.proxy.log().splitlines() if '"history_decision"' in line]
    [line] = [line for line in lines if line["model"] == name]
    assert (line["history"], line["reason"]) == ("trimmed", "over_budget")
    assert (line["tokens_before"], line["tokens_after"], line["turns"]) == (before, after, TURNS)
