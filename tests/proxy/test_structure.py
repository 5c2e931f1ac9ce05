"""Requests whose last words are the same and whose structure is not: none gets the other's answer, on no endpoint."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from tests.support import Keys, Provider, RunningProxy, eventually
from tests.support.fixtures import new_question
from tests.support.surfaces import CHAT, CITY, ENDPOINTS, MESSAGES, RESPONSES, Asked, Surface

ALL = pytest.mark.parametrize("surface", ENDPOINTS, ids=lambda surface: surface.endpoint)
TALKING = pytest.mark.parametrize("surface", [CHAT, MESSAGES, RESPONSES], ids=lambda surface: surface.endpoint)
TURNS = (("user", "I bought a kettle."), ("assistant", "Congratulations!"))
TOOLS = {"get_weather": CITY}
OTHER_SCHEMA = {**CITY, "properties": {"city": {"type": "string", "description": "The capital only."}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def bits(kind: str, number: int) -> tuple[str, str]:
    """An attachment of that kind, and other bytes for each number."""
    data = base64.b64encode(f"bytes {number}".encode()).decode()
    return kind, f"data:image/png;base64,{data}" if kind == "image" else data


# What each request says, and what is different about the next one that ends in the same words.
Case = tuple[Callable[[Asked], Asked], Callable[[Asked], Asked]]


def plain(asked: Asked) -> Asked:
    return asked


def with_(**fields: Any) -> Callable[[Asked], Asked]:
    return lambda asked: asked.but(**fields)


CASES: dict[str, Case] = {
    "an image added": (plain, with_(attached=bits("image", 1))),
    "another image": (with_(attached=bits("image", 1)), with_(attached=bits("image", 2))),
    "an image from elsewhere": (
        with_(attached=("image", "https://a.example/1.png")),
        with_(attached=("image", "https://a.example/2.png")),
    ),
    "other audio": (with_(attached=bits("audio", 1)), with_(attached=bits("audio", 2))),
    "another file": (with_(attached=bits("file", 1)), with_(attached=bits("file", 2))),
    "an argument of an earlier call": (
        with_(called={"city": "Paris"}, tools=TOOLS),
        with_(called={"city": "Madrid"}, tools=TOOLS),
    ),
    "a number in an earlier call": (with_(called={"n": 1}, tools=TOOLS), with_(called={"n": 2}, tools=TOOLS)),
    "the tool that was called": (
        with_(called={"city": "Paris"}, tools=TOOLS),
        with_(called={"city": "Paris"}, call_name="get_population", tools=TOOLS),
    ),
    "what the tool said": (
        with_(called={"city": "Paris"}, tools=TOOLS),
        with_(called={"city": "Paris"}, result="13 degrees", tools=TOOLS),
    ),
    "tools offered": (plain, with_(tools=TOOLS)),
    "another schema": (with_(tools=TOOLS), with_(tools={"get_weather": OTHER_SCHEMA})),
    "another tool": (with_(tools=TOOLS), with_(tools={"get_population": CITY})),
    "a tool more": (with_(tools=TOOLS), with_(tools={**TOOLS, "get_population": CITY})),
    "how a tool is chosen": (with_(tools=TOOLS, tool_choice="auto"), with_(tools=TOOLS, tool_choice="none")),
    "a system prompt": (plain, with_(system="Answer for Spain.")),
    "another system prompt": (with_(system="Answer for France."), with_(system="Answer for Spain.")),
    "the system prompt said by the user": (
        with_(system="Answer for Spain."),
        with_(before=(("user", "Answer for Spain."), ("assistant", "Gladly."))),
    ),
    "an earlier turn": (plain, with_(before=TURNS)),
    "what the user said before": (
        with_(before=TURNS),
        with_(before=(("user", "I sold a kettle."), ("assistant", "Congratulations!"))),
    ),
    "what the assistant said before": (
        with_(before=TURNS),
        with_(before=(("user", "I bought a kettle."), ("assistant", "My condolences."))),
    ),
    "an earlier turn dropped": (with_(before=(*TURNS, *TURNS)), with_(before=TURNS)),
    "earlier roles swapped": (
        with_(before=(("user", "One."), ("assistant", "Two."), ("user", "Three."), ("assistant", "Four."))),
        with_(before=(("user", "Two."), ("assistant", "One."), ("user", "Four."), ("assistant", "Three."))),
    ),
    "two earlier turns in one": (
        with_(before=(("user", "One."), ("user", "Two."), ("assistant", "Yes."))),
        with_(before=(("user", "One.Two."), ("assistant", "Yes."))),
    ),
    "said by the assistant": (plain, with_(role="assistant")),
}


@TALKING
@pytest.mark.parametrize("case", CASES)
def test_another_structure_is_another_request(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, case: str
) -> None:
    one, other = (change(Asked(new)) for new in [new_question()] for change in CASES[case])
    _never_shared(proxy, provider, keys, surface, one, other)


SAMPLING: dict[str, dict[str, tuple[Any, Any]]] = {
    "chat": {
        "temperature": (0.2, 0.9),
        "top_p": (0.2, 0.9),
        "max_tokens": (400, 500),
        "response_format": (None, {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}),
        "seed": (1, 2),
        "n": (1, 2),
    },
    "messages": {
        "temperature": (0.2, 0.9),
        "top_k": (2, 9),
        "max_tokens": (400, 500),
        "stop_sequences": (["%%%"], ["###"]),
        "output_config": (None, {"format": {"type": "json_schema", "schema": SCHEMA}}),
    },
    "responses": {
        "temperature": (0.2, 0.9),
        "top_p": (0.2, 0.9),
        "max_output_tokens": (400, 500),
        "text": (None, {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}}),
        "store": (True, False),
    },
    "completions": {
        "temperature": (0.2, 0.9),
        "max_tokens": (400, 500),
        "stop": (["\n\n\n"], ["\t\t\t"]),
        "n": (1, 2),
        "suffix": (None, "The end."),
        "echo": (False, True),
    },
}
PARAMETERS = [(surface, name) for surface in ENDPOINTS for name in SAMPLING[surface.endpoint]]


@pytest.mark.parametrize(("surface", "name"), PARAMETERS, ids=[f"{s.endpoint} {name}" for s, name in PARAMETERS])
def test_another_way_of_answering_is_another_request(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, name: str
) -> None:
    """Sampling class, limits, format: what the client asked for is what it gets."""
    question = new_question()
    one, other = (Asked(question, more={} if v is None else {name: v}) for v in SAMPLING[surface.endpoint][name])
    _never_shared(proxy, provider, keys, surface, one, other)


@ALL
def test_another_model_group_is_another_request(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, question: str
) -> None:
    surface.teach(proxy, keys.support, question)

    assert surface.ask(proxy, keys.support, question, model="gpt-4.1-mini").cache == "miss"
    assert provider.times_asked(question) == 2


@ALL
def test_another_team_is_another_request(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, question: str
) -> None:
    surface.teach(proxy, keys.support, question)

    assert surface.ask(proxy, keys.sales, question).cache == "miss"
    assert surface.ask(proxy, keys.freelancer, question).cache == "miss"
    assert provider.times_asked(question) == 3


def test_nothing_crosses_from_one_endpoint_to_another(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    """Same words, same model, and answers of four shapes."""
    for asked, surface in enumerate(ENDPOINTS):
        assert surface.teach(proxy, keys.support, question, model="gpt-4.1").cache == "miss"
        assert provider.times_asked(question) == asked + 1
    for surface in ENDPOINTS:
        assert surface.ask(proxy, keys.support, question, model="gpt-4.1").cache == "exact"


@TALKING
def test_and_in_madrid_never_crosses_conversations(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface
) -> None:
    """Neither in the same words nor in others."""
    topic = new_question()
    weather = (("user", f"{topic} Is it warm in Paris?"), ("assistant", "It is 12 degrees."))
    rent = (("user", f"{topic} Is it dear to live in Paris?"), ("assistant", "About 1,500 a month."))
    first = surface.teach(proxy, keys.support, Asked("And in Madrid?", before=weather))
    assert surface.ask(proxy, keys.support, Asked("and in Madrid?", before=weather)).text == first.text

    no_store = {"extra_body": {"cache": {"no-store": True}}}  # else they would answer each other, as they may
    for words in ("And in Madrid?", "and in Madrid?", "and in Madrid"):
        assert surface.ask(proxy, keys.support, Asked(words, before=rent, more=no_store)).cache == "miss"
        assert surface.ask(proxy, keys.support, Asked(words, before=weather[:1], more=no_store)).cache == "miss"
    assert surface.ask(proxy, keys.support, Asked("And in Madrid?", before=weather)).cache == "exact"


MARKS = {"cache_control": {"type": "ephemeral"}}


def test_prompt_cache_marks_are_no_part_of_the_question(proxy: RunningProxy, keys: Keys, question: str) -> None:
    """Clients move them from turn to turn; the answer does not change."""

    def asked(*, system: bool, tool: bool, turn: bool) -> dict[str, Any]:
        return {
            "model": MESSAGES.model,
            "max_tokens": 500,
            "system": [{"type": "text", "text": "Be brief.", **(MARKS if system else {})}],
            "tools": [{"name": "get_weather", "input_schema": CITY, **(MARKS if tool else {})}],
            "tool_choice": {"type": "none"},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": question, **(MARKS if turn else {})}]},
            ],
        }

    client = proxy.anthropic(keys.support)
    first = client.messages.create(**asked(system=True, tool=False, turn=True))
    eventually(lambda: proxy.has_stored(first.id), what="the message to be stored")
    second = client.messages.create(**asked(system=False, tool=True, turn=False))

    assert second.id == first.id


NOT_OURS: dict[str, tuple[Surface, dict[str, Any]]] = {
    "a conversation at the provider": (RESPONSES, {"conversation": "conv_1"}),
    "a prompt kept at the provider": (RESPONSES, {"prompt": {"id": "pmpt_1"}}),
    "web search": (RESPONSES, {"tools": [{"type": "web_search"}]}),
    "a computer": (RESPONSES, {"tools": [{"type": "computer_use_preview"}]}),
    "a remote server's tools": (
        RESPONSES,
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
    ),
    "Anthropic's web search": (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    "Anthropic's computer": (
        MESSAGES,
        {"tools": [{"type": "computer_20250124", "name": "computer", "display_width_px": 1, "display_height_px": 1}]},
    ),
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_what_lives_at_the_provider_is_not_cached(proxy: RunningProxy, keys: Keys, question: str, what: str) -> None:
    surface, more = NOT_OURS[what]
    path = {"responses": "/v1/responses", "messages": "/v1/messages"}[surface.endpoint]
    body = {"model": surface.model, **surface.spell(Asked(question)), **more}
    response = proxy.http("POST", path, keys.support, json=body)

    assert response.headers.get("x-litellm-plugins-cache") in {"bypass", None}
    assert response.headers.get("x-litellm-plugins-cache-reason") in {"unsupported_parameter", None}
    assert not (response.is_success and "x-litellm-plugins-cache" not in response.headers)


def test_a_response_that_goes_on_from_another_is_not_cached(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    """And a cached response can be gone on from, by whoever got it."""
    first = RESPONSES.teach(proxy, keys.support, question)
    again = RESPONSES.ask(proxy, keys.support_colleague, question)
    assert (again.cache, again.text) == ("exact", first.text)
    for told, key in ((first, keys.support), (again, keys.support_colleague)):
        more = {"previous_response_id": told.body.id}
        next_one = RESPONSES.ask(proxy, key, Asked("And in Madrid?", more=more))
        assert (next_one.cache, next_one.reason) == ("bypass", "unsupported_parameter")
        assert next_one.text


def _never_shared(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, one: Asked, other: Asked
) -> None:
    """Neither way round, as often as both are asked. Some are refused by provider or host: then nothing is shared."""
    del provider
    ids: dict[str, set[str]] = {"one": set(), "other": set()}
    for _ in range(3):
        for name, asked in (("one", one), ("other", other)):
            told = _asked(proxy, keys.support, surface, asked)
            if told is not None:
                # What is stored between the two layers of its own next look-up is found by its very words.
                assert told.cache in {"miss", "bypass", "exact"} or told.reason == "same_words"
                ids[name].add(str(told.body.id) if surface.endpoint != "responses" else _item_id(told.body))
    assert not ids["one"] & ids["other"]
    assert ids["one"] or ids["other"]


def _asked(proxy: RunningProxy, key: str, surface: Surface, asked: Asked) -> Any:
    try:
        return surface.ask(proxy, key, asked)
    except (openai.BadRequestError, anthropic.BadRequestError):
        return None


def _item_id(response: Any) -> str:
    """A response's own id is sealed anew each time, its items' are not."""
    item = response.output[0]
    return str(item.id or item.call_id)
