"""Output limits on requests as the host holds them: what breaks changes nothing, and another model is fitted anew."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.keys import derive
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.output import stage as output
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Cache, Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, Event, OutputLimited, StageFailed, Telemetry

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
ASKED = [{"role": "user", "content": "Why?"}]


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def limits(told: Told, **block: Any) -> output.HostOutput:
    settings = parse({"output": {"enabled": True, **block}})
    made = output.host_output(settings, Policies(settings), Telemetry([told]))
    assert made is not None
    return made


def request(feature: str = "", model: str = "small") -> Request:
    return Request("chat", model, tuple(ASKED), {}, Identity(key_id="k", team_id="t"), feature=feature)


def ticket(asked: Request) -> Ticket:
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", asked.model_group)
    return Ticket(Decision(asked, Cache(), Verdict(Layer.MISS, Reason.EMPTY), event))


@pytest.fixture(autouse=True)
def stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models called thinker take no stop sequences."""
    monkeypatch.setattr(output, "takes_stop", lambda _, group, __: group != "thinker")


def test_nothing_is_built_where_nothing_is_limited() -> None:
    settings = parse({"output": {"max_tokens": 5}, "per_team": {"t": {"output": {"max_tokens": 4}}}})
    assert output.host_output(settings, Policies(settings), Telemetry([])) is None
    settings = parse({"per_team": {"t": {"output": {"enabled": True}}}})
    assert output.host_output(settings, Policies(settings), Telemetry([])) is not None


def test_what_breaks_half_way_has_changed_nothing_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bool:
        raise TypeError("another version of the host")

    told = Told()
    host = limits(told, max_tokens=5, brief=True, stop=["#"])
    monkeypatch.setattr(output, "takes_stop", fails)
    data: dict[str, Any] = {"model": "small", "messages": ASKED, "extra_body": {"max_tokens": 9}}
    kept, mine = copy.deepcopy(data), ticket(request())
    host.apply(mine, data)
    host.tell(mine, data)
    assert data == kept
    assert mine.output is None
    assert told.events == [StageFailed("output", "internal_error", "TypeError")]


def test_a_body_is_changed_by_replacing_what_it_holds() -> None:
    messages, stop, more = list(ASKED), ["a"], {"max_tokens": 9}
    data: dict[str, Any] = {"model": "small", "messages": messages, "stop": stop, "extra_body": more}
    limits(Told(), max_tokens=5, brief=True, stop=["#"]).apply(ticket(request()), data)
    assert (messages, stop, more) == (ASKED, ["a"], {"max_tokens": 9})
    assert (len(data["messages"]), data["stop"], data["max_tokens"], data["extra_body"]) == (2, ["a", "#"], 5, {})


@pytest.mark.parametrize("given", [None, "a", ["a"]])
def test_where_a_budget_sends_it_to_another_model_that_one_s_limits_hold(given: Any) -> None:
    told = Told()
    host = limits(told, max_tokens=50, stop=["#"], models={"thinker": {"max_tokens": 20}})
    data: dict[str, Any] = {"model": "small", "messages": ASKED} | ({} if given is None else {"stop": given})
    mine = ticket(request())
    host.apply(mine, data)
    assert "#" in data["stop"]
    data["model"] = "thinker"
    host.tell(mine, data)
    assert data.get("stop") == given
    assert ("stop" in data) is (given is not None)
    assert data["max_tokens"] == 20
    [event] = told.events
    assert isinstance(event, OutputLimited)
    assert [str(each) for each in event.limits] == ["max_tokens=20(model)", "stop=none(unsupported)"]


def test_of_a_hit_nothing_is_told() -> None:
    told = Told()
    host = limits(told, max_tokens=5)
    mine, data = ticket(request()), {"model": "small", "messages": ASKED}
    host.apply(mine, data)
    entry: Any = object()  # found for the budget that it was held to meanwhile
    mine.decision = replace(mine.decision, verdict=Verdict(Layer.SEMANTIC, Reason.ABOVE_THRESHOLD, entry))
    host.tell(mine, data)
    assert told.events == []


def keyed(host: output.HostOutput, asked: Request, **data: Any) -> bytes:
    derived = derive(host.before_lookup(asked, {"messages": ASKED, **data}), "team")
    assert not isinstance(derived, Reason)
    return derived.exact


def test_answers_are_apart_by_what_limits_them_and_not_by_who_asks() -> None:
    features = {
        "a": {"max_tokens": 5},
        "same": {"max_tokens": 5},
        "b": {"max_tokens": 6},
        "c": {"brief": True},
        "d": {"brief": "In short."},
        "e": {"stop": ["#"]},
    }
    host = limits(Told(), features=features)
    found = {name: keyed(host, request(name)) for name in (*features, "other")}
    assert found.pop("same") == found["a"]
    assert len(set(found.values())) == len(found)
    without = derive(request("other"), "team")
    assert not isinstance(without, Reason)
    assert found["other"] == without.exact, "without limits the key is what it always was"


def test_who_asks_for_less_anyway_shares_with_everybody() -> None:
    host = limits(Told(), features={"a": {"max_tokens": 5}})
    assert keyed(host, request("a"), max_tokens=4) == keyed(host, request("other"), max_tokens=4)
    assert keyed(host, request("a"), max_tokens=6) != keyed(host, request("other"), max_tokens=6)


def test_limits_of_models_keep_answers_apart_whichever_model_a_router_will_choose() -> None:
    none, small = limits(Told(), brief=""), limits(Told(), models={"small": {"max_tokens": 5}})
    assert keyed(none, request(model="auto")) != keyed(small, request(model="auto"))


def test_openai_s_reasoning_models_take_no_stop_sequences() -> None:
    takes = {
        name: output._takes_stop(name) for name in ("openai/gpt-4.1", "openai/o3", "openai/gpt-5", "azure/o4-mini")
    }
    assert takes == {"openai/gpt-4.1": True, "openai/o3": False, "openai/gpt-5": False, "azure/o4-mini": False}
    assert output._takes_stop("anthropic/claude-sonnet-4-5", "messages")
    assert not output._takes_stop("openai/responses/gpt-4.1")
    assert not output._takes_stop("openai/gpt-4.1", "messages"), "the host asks its Responses API"
