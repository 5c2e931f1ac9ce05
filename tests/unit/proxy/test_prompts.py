"""Declared prompts on requests as the host holds them: what breaks is refused, and nothing given is written to."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.keys import Keys, derive
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy import prompts
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Cache, parse
from litellm_plugins.telemetry.events import CacheDecided, Event, PromptAssembled, StageFailed, Telemetry

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
ASKED = [{"role": "user", "content": "Why?"}]
SECTIONS = [{"name": "role", "text": "You help."}, {"name": "legal", "text": "No advice.", "when": {"team": "legal"}}]


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def host(told: Told, sections: Any = SECTIONS) -> prompts.HostPrompts:
    settings = parse({"prompts": {"support": {"features": ["faq"], "sections": sections}}})
    made = prompts.host_prompts(settings, None, Telemetry([told]))
    assert made is not None
    return made


def request(team: str = "t", feature: str = "faq") -> Request:
    return Request("chat", "small", tuple(ASKED), {}, Identity(key_id="k", team_id=team), feature=feature)


def ticket(asked: Request) -> Ticket:
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", asked.model_group)
    return Ticket(Decision(asked, Cache(), Verdict(Layer.MISS, Reason.EMPTY), event))


def test_nothing_is_built_where_none_is_declared() -> None:
    assert prompts.host_prompts(parse({}), None, Telemetry([])) is None


def test_sections_are_counted_at_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not while a request, and all others on the loop, wait for it."""
    monkeypatch.setattr(prompts, "_counted", {})
    told = Told()
    made = host(told)
    monkeypatch.setattr("litellm.encode", None)
    made.apply(ticket(request("legal")), {"model": "small", "messages": ASKED})
    assert [type(each) for each in told.events] == [PromptAssembled]


def test_what_breaks_is_refused_counted_and_has_changed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that went on would be answered without its system prompt."""

    def fails(*_: object) -> tuple[()]:
        raise TypeError("another version of the host")

    told = Told()
    mine = host(told)
    monkeypatch.setattr(prompts, "applying", fails)
    data: dict[str, Any] = {"model": "small", "messages": ASKED}
    kept = copy.deepcopy(data)
    with pytest.raises(Refusal) as caught:
        mine.apply(ticket(request()), data)
    assert (caught.value.reason, caught.value.code) == ("prompt_failed", "500")
    assert data == kept
    assert told.events[0] == StageFailed("prompts", "internal_error", "TypeError")


def test_a_request_that_is_prepared_once_more_is_given_back_first() -> None:
    """Else it would get its sections twice, and a key of its own."""
    told, data = Told(), {"model": "small", "messages": list(ASKED)}
    mine, asked = host(told), ticket(request())
    mine.apply(asked, data)
    assert [each["content"] for each in data["messages"]] == ["You help.", "Why?"]  # type: ignore[index]
    data["messages"] = [*data["messages"], {"role": "system", "content": "Answer briefly."}]
    prompts.unprompted(asked, data)
    assert data["messages"] == ASKED
    [event] = told.events
    assert isinstance(event, PromptAssembled)


def test_a_team_s_own_section_keeps_its_answers_apart_where_all_teams_share() -> None:
    mine = host(Told())
    keys = []
    for team in ("legal", "sales", "support"):
        prepared = mine.before_lookup(request(team), {"messages": ASKED}, is_routed=False)
        made = derive(replace(prepared, identity=Identity(key_id="k")), "global")
        assert isinstance(made, Keys)
        keys.append(made.partition)
    assert keys[0] != keys[1] == keys[2]


def test_another_word_of_a_section_begins_a_new_world() -> None:
    def partition(text: str) -> bytes:
        mine = host(Told(), [{"name": "role", "text": text}])
        made = derive(mine.before_lookup(request(), {"messages": ASKED}, is_routed=False), "team")
        assert isinstance(made, Keys)
        return made.partition

    assert partition("You help.") == partition("You help.") != partition("You help!")


def test_a_request_without_a_prompt_keeps_its_key() -> None:
    plain = request(feature="other")
    assert host(Told()).before_lookup(plain, {"messages": ASKED}, is_routed=True) is plain


def test_two_intents_that_get_different_sections_are_never_compared_by_meaning() -> None:
    """Their questions stand in one text, which the exact layer would tell apart, and the semantic one not."""
    mine = host(Told(), [*SECTIONS, {"name": "code", "text": "Test it.", "when": {"intent": "code"}}])
    partitions = set()
    for question in ("Write a python function that sorts a list", "Where is my parcel?"):
        asked = replace(request(), messages=({"role": "user", "content": question},))
        made = derive(mine.before_lookup(asked, {"messages": list(asked.messages)}, is_routed=False), "team")
        assert isinstance(made, Keys)
        partitions.add(made.partition)
    assert len(partitions) == 2
