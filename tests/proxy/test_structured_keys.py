"""Short property names to the provider, long ones to the client: streamed, cached, cut off; one boot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.fixtures import CLAUDE, new_question
from tests.support.surfaces import CHAT, MESSAGES, RESPONSES, Asked, Surface, Told

THREE = [CHAT, MESSAGES, RESPONSES]
on_three = pytest.mark.parametrize("surface", THREE, ids=lambda each: each.endpoint)
TEXT = {"type": "string"}


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "required": list(properties)}
    return {**shape, "additionalProperties": False}


LINE = closed(
    {"product_identifier": TEXT, "unit_price_in_euros": {"type": "number"}, "quantity_ordered": {"type": "integer"}}
)
SCHEMA = closed({"customer_full_name": TEXT, "order_lines": {"type": "array", "items": LINE, "minItems": 2}})
LINE_NAMES = {"product_identifier", "unit_price_in_euros", "quantity_ordered"}
SHORT = {"order_lines", "a", "b", "c", "d"}


@pytest.fixture(scope="module")
def short(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider.url
    tiers: list[dict[str, Any]] = [
        {"name": "small", "models": ["gpt-4.1-mini"], "max_tokens": 3},
        {"name": "strong", "models": ["gpt-4.1"]},
    ]
    routers = {"climbing": {"tiers": tiers, "thresholds": [1.0], "cascade": {}}}
    pack = {
        "cache": {"semantic": {"enabled": False}},
        "output": {"enabled": True, "structured": {"shorten_keys": True, "min_saved_tokens": 10}},
        "routing": {"routers": routers},
        "early_stop": {"features": {"stopped": {"enabled": True}}},
        "per_team": {"sales": {"output": {"structured": {"shorten_keys": False}}}},
        "budgets": [{"name": "all", "limit_usd": 100}],
    }
    more = [model(CLAUDE, url, via="anthropic"), model("climbing", url, "gpt-4.1")]
    config = proxy_config(url, pack=pack, more_models=more)
    with RunningProxy(config, tmp_path_factory.mktemp("short"), provider_url=url) as proxy:
        yield proxy


def wanting(surface: Surface, question: str, schema: dict[str, Any] = SCHEMA, **more: Any) -> Asked:
    named = {"type": "json_schema", "name": "order", "schema": schema, "strict": True}
    bodies: dict[str, dict[str, Any]] = {
        "chat": {
            "response_format": {"type": "json_schema", "json_schema": {k: v for k, v in named.items() if k != "type"}}
        },
        "messages": {"extra_body": {"output_config": {"format": {"type": "json_schema", "schema": schema}}}},
        "responses": {"text": {"format": named}, "store": False},
    }
    return Asked(question, more={**bodies[surface.endpoint], **more})


def forcing(surface: Surface, question: str, **more: Any) -> Asked:
    """The same by a tool that must be called, as many clients ask for JSON."""
    function = {"name": "order", "parameters": SCHEMA}
    bodies: dict[str, dict[str, Any]] = {
        "chat": {
            "tools": [{"type": "function", "function": {**function, "strict": True}}],
            "tool_choice": {"type": "function", "function": {"name": "order"}},
        },
        "messages": {
            "tools": [{"name": "order", "input_schema": SCHEMA}],
            "tool_choice": {"type": "tool", "name": "order"},
        },
        "responses": {
            "tools": [{"type": "function", "strict": True, **function}],
            "tool_choice": {"type": "function", "name": "order"},
            "store": False,
        },
    }
    return Asked(question, more={**bodies[surface.endpoint], **more})


def schema_sent(surface: Surface, body: dict[str, Any]) -> dict[str, Any]:
    if surface.endpoint == "chat":
        held = body["response_format"]["json_schema"]
    elif surface.endpoint == "messages":
        held = (body.get("output_config") or {}).get("format") or body["output_format"]
    else:
        held = body["text"]["format"]
    return dict(held["schema"])


def output_of(told: Told) -> str | None:
    return told.headers.get("x-litellm-plugins-output")


def is_order(answer: Any) -> bool:
    return answer.keys() == {"customer_full_name", "order_lines"} and all(
        line.keys() == LINE_NAMES for line in answer["order_lines"]
    )


@on_three
@pytest.mark.parametrize("streamed", [False, True])
def test_short_names_are_sent_and_long_ones_come_back(
    short: RunningProxy, provider: Provider, keys: Keys, surface: Surface, streamed: bool
) -> None:
    asked = wanting(surface, new_question())
    told = surface.ask(short, keys.support, asked, streamed=streamed)
    [request] = provider.requests_about(asked.question)
    sent = schema_sent(surface, request["body"])
    assert set(sent["properties"]) | set(sent["properties"]["order_lines"]["items"]["properties"]) == SHORT
    assert sent["additionalProperties"] is False
    answer = json.loads(told.text)
    assert is_order(answer), answer
    assert len(answer["order_lines"]) >= 2
    assert output_of(told) == "keys=4(all)"


@on_three
@pytest.mark.parametrize("streamed", [False, True])
def test_arguments_of_a_forced_tool_come_back_with_long_names(
    short: RunningProxy, provider: Provider, keys: Keys, surface: Surface, streamed: bool
) -> None:
    """And again out of the cache, streamed or not; the provider has seen and written short ones."""
    asked = forcing(surface, new_question())
    told = surface.ask(short, keys.support, asked, streamed=streamed)
    [request] = provider.requests_about(asked.question)
    tool = request["body"]["tools"][0]
    sent = tool.get("function", tool).get("parameters") or tool["input_schema"]
    assert set(sent["properties"]) | set(sent["properties"]["order_lines"]["items"]["properties"]) == SHORT
    [(name, answer)] = told.calls
    assert name == "order"
    assert is_order(answer), answer
    assert output_of(told) == "keys=4(all)"
    eventually(lambda: surface.ask(short, keys.support, asked).cache == "exact", what="the answer to be stored")
    hits = [surface.ask(short, keys.support_colleague, asked, streamed=each) for each in (False, True)]
    assert [(each.cache, each.calls) for each in hits] == [("exact", told.calls)] * 2


@pytest.mark.parametrize("streamed", [False, True])
def test_a_response_repeats_the_forced_tool_that_its_client_sent(
    short: RunningProxy, keys: Keys, streamed: bool
) -> None:
    asked = forcing(RESPONSES, new_question())
    body = {"model": RESPONSES.model, "input": asked.question, "stream": streamed, **asked.more}
    raw = short.http("POST", "/v1/responses", keys.support, json=body).raise_for_status()
    lines = [line[5:] for line in raw.text.splitlines() if line.startswith("data: {")] if streamed else [raw.text]
    events = [json.loads(line) for line in lines]
    whole = [each["response"] for each in events if "response" in each] if streamed else events
    assert [each["tools"][0]["parameters"] for each in whole] == [SCHEMA] * len(whole)
    written = json.dumps(events)
    assert '\\"a\\":' not in written, "no event has a short name"
    assert "unit_price_in_euros" in written


def test_a_response_that_its_provider_keeps_is_left_alone(short: RunningProxy, provider: Provider, keys: Keys) -> None:
    """Whoever fetches it later, or goes on from it, would get short names."""
    asked = wanting(RESPONSES, new_question(), store=True)
    told = RESPONSES.ask(short, keys.support, asked)
    assert schema_sent(RESPONSES, provider.requests_about(asked.question)[-1]["body"]) == SCHEMA
    assert output_of(told) == "keys=none(stored)"


@on_three
@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_stored_is_what_the_client_got(
    short: RunningProxy, provider: Provider, keys: Keys, surface: Surface, streamed: bool
) -> None:
    """And a hit, streamed or not, tells it so."""
    asked = wanting(surface, new_question())
    first = surface.teach(short, keys.support, asked, streamed=streamed)
    hits = [surface.ask(short, keys.support_colleague, asked, streamed=each) for each in (False, True)]
    assert [each.cache for each in hits] == ["exact", "exact"]
    assert {each.text for each in hits} == {first.text}
    assert is_order(json.loads(first.text))
    assert provider.times_asked(asked.question) == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_a_response_repeats_the_schema_that_its_client_sent(
    short: RunningProxy, provider: Provider, keys: Keys, streamed: bool
) -> None:
    """In every event of a stream that holds the response, and again where the answer comes out of the cache."""
    asked = wanting(RESPONSES, new_question())
    body = {"model": RESPONSES.model, "input": asked.question, "stream": streamed, **asked.more}

    def repeated() -> list[Any]:
        raw = short.http("POST", "/v1/responses", keys.support, json=body).raise_for_status()
        if not streamed:
            return [raw.json()["text"]["format"]["schema"]]
        events = [json.loads(line[5:]) for line in raw.text.splitlines() if line.startswith("data: {")]
        return [each["response"]["text"]["format"]["schema"] for each in events if "response" in each]

    first = repeated()
    assert len(first) == (3 if streamed else 1)
    assert first == [SCHEMA] * len(first)
    [request] = provider.requests_about(asked.question)
    assert schema_sent(RESPONSES, request["body"]) != SCHEMA
    RESPONSES.teach(short, keys.support, asked, streamed=streamed)
    known = provider.times_asked(asked.question)
    assert repeated() == first
    assert provider.times_asked(asked.question) == known


@on_three
@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_is_cut_off_is_mapped_as_far_as_it_goes(
    short: RunningProxy, keys: Keys, surface: Surface, streamed: bool
) -> None:
    most = "max_output_tokens" if surface.endpoint == "responses" else "max_tokens"
    asked = wanting(surface, new_question())
    told = surface.ask(short, keys.support, asked.but(more={**asked.more, most: 30}), streamed=streamed)
    assert told.finish == surface.cut_short
    assert told.text.startswith('{"customer_full_name"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(told.text)


def test_the_tokens_that_are_booked_are_those_that_were_generated(
    short: RunningProxy, provider: Provider, keys: Keys
) -> None:
    asked = wanting(CHAT, new_question())
    long = CHAT.ask(short, keys.sales, asked)
    told = CHAT.ask(short, keys.support, asked)
    with_short, with_long = told.usage, long.usage
    assert output_of(long) is None
    assert with_short[1] < with_long[1], "the answer has fewer tokens"
    assert with_short[1] == provider.requests_about(asked.question)[-1]["tokens_sent"]


def test_a_cascade_s_checks_read_long_names_and_the_dearer_answer_has_them(
    short: RunningProxy, provider: Provider, keys: Keys
) -> None:
    asked = wanting(CHAT, new_question())
    told = CHAT.ask(short, keys.support, asked, model="climbing")
    assert told.headers["x-litellm-plugins-route-path"] == "small>strong"
    assert is_order(json.loads(told.text))
    sent = [schema_sent(CHAT, each["body"]) for each in provider.requests_about(asked.question)]
    assert sent[0] == sent[1] != SCHEMA
    fine = CHAT.ask(short, keys.support, wanting(CHAT, new_question()), model="climbing", streamed=True)
    assert is_order(json.loads(fine.text))


def test_early_stop_reads_what_the_client_reads(short: RunningProxy, keys: Keys) -> None:
    """A whole value ends the stream; it is the client's value."""
    tags = {"extra_headers": {"x-litellm-tags": "feature:stopped"}}
    told = CHAT.ask(short, keys.support, wanting(CHAT, new_question(), **tags), streamed=True)
    assert is_order(json.loads(told.text))


def test_of_a_cascade_only_the_answer_that_is_stopped_is_counted(
    short: RunningProxy, provider: Provider, keys: Keys
) -> None:
    def stops() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in short.log().splitlines() if line.startswith('{"time"')]
        return [each for each in told if each["event"] == "stream_stopped"]

    before, tags = len(stops()), {"extra_headers": {"x-litellm-tags": "feature:stopped"}}
    # One whose answer an older tokenizer counts four tokens short.
    asked = wanting(CHAT, "What does the order of the stopped cascade say?", **tags)
    told = CHAT.ask(short, keys.support, asked, model="climbing", streamed=True)
    assert is_order(json.loads(told.text))
    cheap, dear = (each["tokens_sent"] for each in provider.requests_about(asked.question))
    assert cheap == 3
    eventually(lambda: len(stops()) == before + 1, what="the stop to be told")
    assert stops()[-1]["completion_tokens"] == pytest.approx(dear, abs=1)


@pytest.mark.parametrize(
    ("schema", "more", "why"),
    [
        (closed({"customer_full_name": TEXT}), {}, "little_saved"),
        (closed({"customer_full_name": TEXT, "x": {"anyOf": [LINE, {"type": "object"}]}}), {}, "unfit"),
        (SCHEMA, {"n": 2}, "unfit"),
        (SCHEMA, {"logprobs": True}, "unfit"),
    ],
)
def test_where_it_does_not_pay_or_is_not_safe_the_schema_is_sent_as_it_is(
    short: RunningProxy, provider: Provider, keys: Keys, schema: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    asked = wanting(CHAT, new_question(), schema, **more)
    told = CHAT.ask(short, keys.support, asked)
    assert schema_sent(CHAT, provider.requests_about(asked.question)[-1]["body"]) == schema
    assert output_of(told) == f"keys=none({why})"


def test_where_the_front_route_does_not_answer_nothing_is_shortened(
    short: RunningProxy, provider: Provider, keys: Keys
) -> None:
    """There nobody could put the long names back."""
    asked = wanting(CHAT, new_question())
    messages: Any = [{"role": "user", "content": asked.question}]
    answer = short.client(keys.support, "host").chat.completions.create(
        model="gpt-4.1", messages=messages, **asked.more
    )
    assert is_order(json.loads(answer.choices[0].message.content or ""))
    assert schema_sent(CHAT, provider.requests_about(asked.question)[-1]["body"]) == SCHEMA


def test_requests_without_a_schema_are_untouched(short: RunningProxy, provider: Provider, keys: Keys) -> None:
    asked = Asked(f"{new_question()} As JSON.", more={"response_format": {"type": "json_object"}})
    told = CHAT.ask(short, keys.support, asked)
    assert output_of(told) is None
    assert provider.requests_about(asked.question)[-1]["body"]["response_format"] == {"type": "json_object"}
