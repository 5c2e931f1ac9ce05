"""Streams that are ended early, over HTTP and with the real SDKs: what the client, the provider and the books see."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from litellm_plugins.simulator.tokens import tokenizer_for
from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import PRICES, held_by, settled
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, new_question

if TYPE_CHECKING:
    import httpx

# The provider is quick, and then pauses: that it is left, and what it has sent by then, never depends on pace.
PAUSE = "simulator:pause:30"  # half way through
SHORT = 60  # tokens
SEEN_AFTER = 72  # tokens of a loop: the rule's 40 words that are each the end of a phrase said three times
LOOP = f"simulator:loop:{2 * SEEN_AFTER} {PAUSE}"
PROMPT = "You help the customers of a shop. Be kind. " * 60
RECORDS = json.dumps([{"id": n, "name": f"n{n}", "value": None} for n in range(60)], indent=4)
FUNCTION = {
    "name": "get_weather",
    "description": "Gets the weather of a city. " * 20,
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "the city " * 20}}},
}
RECORD = '{"city": "Paris", "notes": ["a } in a string", {"deep": 1}]}'
ENDPOINTS = ("chat", "messages", "responses", "completions")
ON_EVERY_ENDPOINT = pytest.mark.parametrize("endpoint", ENDPOINTS)
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
}


def script(name: str, question: str) -> str | None:
    if "as json" in question:
        return RECORD + " And here is what I thought about it, at length." * 40
    if "with code" in question:
        return "First. Look:\n```python\n" + "\n".join(f"x{n} = {n}  # a. b." for n in range(30)) + "\n```\nDone. " * 90
    if "in Spanish" in question:
        said = " ".join(f"El señor Núñez pidió veintidós artículos; ¿quién pagó los {n}?" for n in range(9))
        return "".join(tokenizer_for(name).split(said)[: 2 * SHORT])  # half of it is as much as the cap allows
    if "as a table" in question:
        rows = [f'{{"año":{n},"niño":"José","ñu":[{n},"¡sí!"]}}\n' for n in range(9)]
        half = next(n for n in range(9) if tokenizer_for(name).count("".join(rows[:n])) >= SHORT)
        return "".join(rows[: 2 * half])  # the cap waits for the end of a row
    if "sentences" in question:
        some = 60 if "many" in question else 15  # the half of 15 is what the dollar cap pays for
        return " ".join(f"Sentence number {n} says that Dr. Smith paid 3.5 euros." for n in range(some))
    return None


def config_of(url: str) -> dict[str, Any]:
    stop = {
        "enabled": True,
        "features": {
            "brief": {"max_sentences": 2},
            "short": {"max_tokens": SHORT},
            "cheap": {"max_usd": 0.001},
            "stalling": {"stall_s": 0.5},
            "phrase": {"stop_phrases": ["number 3"]},
            "free": {"enabled": False},
            "enough": {"good_enough": {"score": 0.8, "min_sentences": 3}},
            "picky": {"good_enough": {"score": 0.999}, "max_sentences": 6},
            "tiny": {"max_tokens": 1, "max_sentences": 1, "good_enough": {"score": 0.01, "min_sentences": 1}},
        },
    }
    named = (*ENDPOINTS, "left", "climbing")
    budgets = [{"name": each, "scope": {"feature": each}, "limit_usd": 100} for each in named]
    tiers = [{"name": "small", "models": ["gpt-4.1-mini"]}, {"name": "strong", "models": ["gpt-4.1"]}]
    return proxy_config(
        url,
        pack={
            "cache": {"enabled": True, "semantic": {"enabled": False}},
            "budgets": budgets,
            "early_stop": stop,
            "prompts": {"long": {"features": ["prompted"], "sections": [{"name": "role", "text": PROMPT}]}},
            "compression": {"enabled": True},
            "routing": {"routers": {"climbing": {"tiers": tiers, "thresholds": [1.0], "cascade": {}}}},
            "per_team": {"sales": {"early_stop": {"enabled": False}}},
        },
        more_models=[
            model(CLAUDE, url, via="anthropic"),
            model("translated", url, "gpt-4.1"),
            model("climbing", url, "gpt-4.1"),
            model("pausing", url, "gpt-4.1", extra_headers={"x-simulator-fault": PAUSE.partition(":")[2]}),
            model("fine-tuned", url, "ft:gpt-4.1-2025-04-14:acme::x"),
            model(LEGACY_MODEL, url, via="text-completion-openai"),
        ],
    )


@pytest.fixture(scope="module")
def paced() -> Iterator[Provider]:
    """Some milliseconds a chunk, so that they come one after the other."""
    with Provider(latency_scale=0.1, script=script) as provider:
        yield provider


@pytest.fixture(scope="module")
def stopping(paced: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with RunningProxy(config_of(paced.url), tmp_path_factory.mktemp("stop"), provider_url=paced.url) as proxy:
        yield proxy


def body_of(endpoint: str, asked: str, feature: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": asked}]
    if endpoint == "messages":
        of_model = more.pop("model", CLAUDE)
        litellm_metadata = {"feature": feature}
        return {"model": of_model, "max_tokens": 4_000, "messages": said, "litellm_metadata": litellm_metadata, **more}
    common = {"model": "gpt-4.1", "metadata": {"feature": feature}}
    if endpoint == "responses":
        return {**common, "input": asked, **more}
    if endpoint == "completions":
        return {**common, "model": LEGACY_MODEL, "prompt": asked, **more}
    return {**common, "messages": said, "stream_options": {"include_usage": True}, **more}


def streamed(
    proxy: RunningProxy, endpoint: str, asked: str, feature: str, key: str = KEYS.support, **more: Any
) -> tuple[httpx.Response, list[dict[str, Any]]]:
    """The response, and its events."""
    body = body_of(endpoint, asked, feature, stream=True, **more)
    response = proxy.http("POST", PATHS[endpoint], key, json=body)
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return response, [json.loads(line) for line in lines if line != "[DONE]"]


def logged(proxy: RunningProxy, event: str, **fields: Any) -> dict[str, Any]:
    """The last line of the log of this kind, with these fields."""

    def lines() -> list[dict[str, Any]]:
        told = [json.loads(line) for line in proxy.log().splitlines() if line.startswith('{"time"')]
        return [each for each in told if each["event"] == event and fields.items() <= each.items()]

    eventually(lines, what=f"a line {event} with {fields}")
    return lines()[-1]


def record_of(provider: Provider, question: str) -> dict[str, Any]:
    """What the provider saw of the request, once it is over."""
    eventually(lambda: provider.requests_about(question)[-1]["outcome"] != "open", what="the provider to be left")
    return provider.requests_about(question)[-1]


def text_of(endpoint: str, events: list[dict[str, Any]]) -> str:
    if endpoint == "messages":
        return "".join(each["delta"].get("text", "") for each in events if each["type"] == "content_block_delta")
    if endpoint == "responses":
        return "".join(each["delta"] for each in events if each["type"] == "response.output_text.delta")
    choices = [choice for each in events for choice in each["choices"]]
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)


@ON_EVERY_ENDPOINT
def test_a_loop_is_ended_at_its_provider_and_what_was_generated_is_booked(
    stopping: RunningProxy, paced: Provider, endpoint: str
) -> None:
    question = f"{new_question()} {LOOP}"
    before = held_by(stopping, endpoint)
    response, events = streamed(stopping, endpoint, question, endpoint)
    seen = record_of(paced, question)

    assert response.status_code == 200
    assert ": litellm_plugins early_stop=repetition\n\n" in response.text
    assert seen["outcome"] == "client_left"
    assert seen["tokens_sent"] == SEEN_AFTER
    line = logged(stopping, "call_finished", endpoint=endpoint, early_stop="repetition", feature=endpoint)
    stop = logged(stopping, "stream_stopped", endpoint=endpoint, early_stop="repetition")
    eventually(lambda: held_by(stopping, endpoint).requests > before.requests, what="the booking")
    booked = held_by(stopping, endpoint)
    assert line["ending"] == "success"
    assert line["completion_tokens"] == stop["completion_tokens"] == seen["tokens_sent"]
    assert line["prompt_tokens"] == seen["prompt_tokens"]
    assert booked.tokens - before.tokens == seen["tokens_sent"] + seen["prompt_tokens"]
    assert not booked.reserved
    if endpoint != "completions":  # whose model has prices of its own
        asked, answered = PRICES["claude-sonnet-4-5" if endpoint == "messages" else "gpt-4.1"]
        cost = asked * seen["prompt_tokens"] + answered * seen["tokens_sent"]
        assert booked.spent - before.spent == cost
        assert float(line["cost_usd"]) == pytest.approx(float(cost) / 1e9)
    assert text_of(endpoint, events).startswith("I checked that again, and it is still")
    assert text_of(endpoint, events).count("I checked") >= 3
    assert stopping.metrics().value("litellm_plugins_early_stops_total", rule="repetition", endpoint=endpoint) >= 1


def test_what_is_booked_is_what_was_generated_in_any_language(stopping: RunningProxy, paced: Provider) -> None:
    """By the model's own tokenizer, whatever its deployment is called: another's is some tokens off in Spanish."""
    wanted = [
        (endpoint, model, kind)
        for endpoint, model in (
            ("chat", "gpt-4.1"),
            ("responses", "fine-tuned"),
            ("messages", "fine-tuned"),
            ("messages", CLAUDE),
        )
        for kind in ("in Spanish", "as a table")
    ]
    asked = [f"{new_question()} {kind} {PAUSE}" for _, _, kind in wanted]
    with ThreadPoolExecutor(len(wanted)) as clients:
        told = list(
            clients.map(
                lambda each, question: streamed(stopping, each[0], question, "short", model=each[1])[0], wanted, asked
            )
        )
    for each, question, response in zip(wanted, asked, told, strict=True):
        seen = record_of(paced, question)
        call_id = response.headers["x-litellm-call-id"]
        line = logged(stopping, "call_finished", call_id=call_id)
        assert seen["outcome"] == "client_left", each
        assert (line["prompt_tokens"], line["completion_tokens"]) == (seen["prompt_tokens"], seen["tokens_sent"]), each


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
@pytest.mark.parametrize("feature", ["prompted", "compressed", "offering-tools"])
def test_the_prompt_that_is_booked_and_told_is_the_one_that_was_sent(
    stopping: RunningProxy, paced: Provider, endpoint: str, feature: str
) -> None:
    """Sections of a prompt come in, what is compressed goes out, and tools are read as well."""
    question = f"{new_question()} {LOOP}"
    more: dict[str, Any] = {}
    if feature == "offering-tools":
        more["tools"] = [
            {"type": "function", "function": FUNCTION} if endpoint == "chat" else {"type": "function", **FUNCTION}
        ]
    asked = f"{RECORDS}\n\n{question}" if feature == "compressed" else question
    response, events = streamed(stopping, endpoint, asked, feature, **more)
    seen = record_of(paced, question)
    line = logged(stopping, "call_finished", endpoint=endpoint, early_stop="repetition", feature=feature)
    usage = next(
        said for each in reversed(events) if (said := each.get("usage") or (each.get("response") or {}).get("usage"))
    )

    assert response.headers["x-litellm-plugins-compression"] == ("applied" if feature == "compressed" else ANY)
    assert line["prompt_tokens"] == pytest.approx(seen["prompt_tokens"], abs=2)
    assert usage.get("prompt_tokens", usage.get("input_tokens")) == pytest.approx(seen["prompt_tokens"], abs=2)


def test_what_the_provider_has_cached_is_booked_at_its_price(stopping: RunningProxy, paced: Provider) -> None:
    """Claude tells at the start how much of the prompt it has read from its cache, at a tenth of the price."""
    system = [{"type": "text", "text": f"{new_question()} {PROMPT * 3}", "cache_control": {"type": "ephemeral"}}]
    for feature in ("cached-first", "cached-then"):
        question = f"{new_question()} {LOOP}"
        _, events = streamed(stopping, "messages", question, feature, system=system)
        seen, told = record_of(paced, question), events[0]["message"]["usage"]
        line = logged(stopping, "call_finished", early_stop="repetition", feature=feature)
        cost = 3_000 * told["input_tokens"] + 15_000 * seen["tokens_sent"]
        cost += 3_750 * told["cache_creation_input_tokens"] + 300 * told["cache_read_input_tokens"]
        assert float(line["cost_usd"]) == pytest.approx(cost / 1e9, rel=0.01), feature
    assert told["cache_read_input_tokens"] > 1_500


def test_the_openai_sdk_reads_a_stopped_chat(stopping: RunningProxy) -> None:
    stream = stopping.client(KEYS.support).chat.completions.create(
        model="gpt-4.1",
        messages=[{"role": "user", "content": f"{new_question()} {LOOP}"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)

    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert finishes == ["length"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == SEEN_AFTER
    why = [said for chunk in chunks if (said := (chunk.model_extra or {}).get("litellm_plugins"))]
    assert why == [{"early_stop": "repetition"}]
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_only_where_it_is_asked_for(stopping: RunningProxy) -> None:
    chunks = stopping.ask_streamed(KEYS.support, f"{new_question()} {LOOP}").chunks

    assert chunks[-1].choices[0].finish_reason == "length"
    assert all(chunk.usage is None for chunk in chunks)


def test_the_openai_sdk_reads_a_stopped_response(stopping: RunningProxy) -> None:
    with stopping.client(KEYS.support).responses.stream(model="gpt-4.1", input=f"{new_question()} {LOOP}") as stream:
        events = list(stream)
    last = events[-1]

    assert last.type == "response.incomplete"
    assert last.response.status == "incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.output_text == "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == SEEN_AFTER
    kinds = [each.type for each in events if not each.type.endswith("delta")]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]


@pytest.mark.parametrize("of_model", [CLAUDE, "translated"])
def test_the_anthropic_sdk_reads_a_stopped_message(stopping: RunningProxy, paced: Provider, of_model: str) -> None:
    question = f"{new_question()} {LOOP}"
    with stopping.anthropic(KEYS.support).messages.stream(
        model=of_model, max_tokens=4_000, messages=[{"role": "user", "content": question}]
    ) as stream:
        message = stream.get_final_message()

    seen = record_of(paced, question)
    assert message.stop_reason == "max_tokens"
    assert message.content[0].text.count("I checked") >= 3  # type: ignore[union-attr]
    assert message.usage.output_tokens == seen["tokens_sent"] == SEEN_AFTER
    assert message.usage.input_tokens == seen["prompt_tokens"]
    assert seen["outcome"] == "client_left"


@pytest.mark.parametrize("endpoint", ["chat", "responses", "messages"])
def test_json_ends_with_its_value(stopping: RunningProxy, paced: Provider, endpoint: str) -> None:
    question = f"{new_question()} as json {PAUSE}"
    shape = {"type": "object", "properties": {"city": {"type": "string"}}}
    shapes: dict[str, dict[str, Any]] = {
        "chat": {"response_format": {"type": "json_object"}},
        "responses": {"text": {"format": {"type": "json_object"}}},
        "messages": {"output_format": {"type": "json_schema", "schema": shape}},
    }
    _, events = streamed(stopping, endpoint, question, "", **shapes[endpoint])

    assert json.loads(text_of(endpoint, events)) == json.loads(RECORD)
    assert record_of(paced, question)["outcome"] == "client_left"
    finish = {"chat": "stop", "responses": "completed", "messages": "end_turn"}[endpoint]
    told = {
        "chat": lambda: [c["finish_reason"] for e in events for c in e["choices"] if c.get("finish_reason")][-1],
        "responses": lambda: events[-1]["response"]["status"],
        "messages": lambda: events[-2]["delta"]["stop_reason"],
    }[endpoint]()
    assert told == finish


def test_a_sentence_cap_ends_with_the_sentence(stopping: RunningProxy, paced: Provider) -> None:
    question = f"{new_question()} many sentences {PAUSE}"
    _, events = streamed(stopping, "chat", question, "brief")

    two = "Sentence number 0 says that Dr. Smith paid 3.5 euros. Sentence number 1 says that Dr. Smith paid 3.5 euros."
    assert text_of("chat", events) == two
    assert record_of(paced, question)["outcome"] == "client_left"
    assert logged(stopping, "stream_stopped", feature="brief")["early_stop"] == "sentence_cap"


def test_a_stop_phrase_ends_the_text(stopping: RunningProxy) -> None:
    _, events = streamed(stopping, "chat", f"{new_question()} many sentences {PAUSE}", "phrase")

    assert text_of("chat", events).endswith("Sentence number 3")


def test_a_token_cap_waits_for_the_end_of_a_code_block(stopping: RunningProxy, paced: Provider) -> None:
    question = f"{new_question()} with code {PAUSE}"
    _, events = streamed(stopping, "chat", question, "short")
    text, seen = text_of("chat", events), record_of(paced, question)

    assert seen["tokens_sent"] > 60
    assert seen["outcome"] == "client_left"
    assert text.count("```") == 2
    assert "x29 = 29" in text
    assert text.count("Done.") <= 2
    assert events[-2]["choices"][0]["finish_reason"] == "length"


def test_a_dollar_cap_counts_prompt_and_answer(stopping: RunningProxy, paced: Provider) -> None:
    question = f"{new_question()} some sentences"
    streamed(stopping, "chat", question, "cheap", model="pausing")
    seen, stop = record_of(paced, question), logged(stopping, "stream_stopped", feature="cheap")
    spent = PRICES["gpt-4.1"][0] * seen["prompt_tokens"] + PRICES["gpt-4.1"][1] * seen["tokens_sent"]

    assert stop["early_stop"] == "dollar_cap"
    assert stop["completion_tokens"] == seen["tokens_sent"]
    assert 0.0007e9 <= spent <= 0.001e9


def test_a_stalled_stream_is_ended(stopping: RunningProxy, paced: Provider) -> None:
    question = f"{new_question()} simulator:loop:40 simulator:pause:30"
    started = time.monotonic()
    _, events = streamed(stopping, "chat", question, "stalling")

    assert time.monotonic() - started < 15
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    line = logged(stopping, "call_finished", feature="stalling")
    assert line["early_stop"] == "stall"
    assert line["completion_tokens"] == record_of(paced, question)["tokens_sent"]


@pytest.mark.parametrize(("feature", "key"), [("free", KEYS.support), ("", KEYS.sales)], ids=["feature", "team"])
def test_where_it_is_off_a_loop_runs_on(stopping: RunningProxy, paced: Provider, feature: str, key: str) -> None:
    question = f"{new_question()} simulator:loop:120"
    _, events = streamed(stopping, "chat", question, feature, key)

    assert record_of(paced, question)["tokens_sent"] == 120
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


def test_a_stopped_answer_is_not_stored(stopping: RunningProxy, paced: Provider) -> None:
    questions = {endpoint: f"{new_question()} {LOOP}" for endpoint in ENDPOINTS}
    first = {endpoint: streamed(stopping, endpoint, questions[endpoint], "")[0] for endpoint in ENDPOINTS}
    for question in questions.values():
        record_of(paced, question)
    time.sleep(1)
    second = {endpoint: streamed(stopping, endpoint, questions[endpoint], "")[0] for endpoint in ENDPOINTS}

    for endpoint in ENDPOINTS:
        both = [each[endpoint].headers["x-litellm-plugins-cache"] for each in (first, second)]
        assert both == ["miss", "miss"], endpoint
        assert paced.times_asked(questions[endpoint]) == 2, endpoint


def test_a_client_that_leaves_does_not_keep_a_loop_going(stopping: RunningProxy, paced: Provider) -> None:
    question = f"{new_question()} {LOOP}"
    body = body_of("chat", question, "left", stream=True)
    headers = {"authorization": f"Bearer {KEYS.support}"}
    with stopping.stream("POST", PATHS["chat"], headers=headers, json=body) as response:
        next(response.iter_lines())

    seen = record_of(paced, question)
    assert seen["outcome"] == "client_left"
    assert seen["tokens_sent"] == SEEN_AFTER
    eventually(lambda: held_by(stopping, "left").requests == 1, what="the booking")
    assert held_by(stopping, "left").tokens == seen["tokens_sent"] + seen["prompt_tokens"]


def test_an_answer_that_is_good_enough_ends_with_its_sentence(stopping: RunningProxy, paced: Provider) -> None:
    question = f"{new_question()} many sentences"  # what is asked counts for the score
    _, events = streamed(stopping, "chat", question, "enough", model="pausing")

    said = [f"Sentence number {n} says that Dr. Smith paid 3.5 euros." for n in range(3)]
    assert text_of("chat", events) == " ".join(said)
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert record_of(paced, question)["outcome"] == "client_left"
    assert logged(stopping, "stream_stopped", feature="enough")["early_stop"] == "good_enough"


def test_one_that_is_not_goes_on(stopping: RunningProxy) -> None:
    streamed(stopping, "chat", f"{new_question()} many sentences {PAUSE}", "picky")
    assert logged(stopping, "stream_stopped", feature="picky")["early_stop"] == "sentence_cap"


@pytest.mark.parametrize("endpoint", ["chat", "messages", "responses"])
def test_a_tool_call_is_never_cut(stopping: RunningProxy, endpoint: str) -> None:
    """With rules that would end any text at its first word."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "string"}}}
    schema["required"] = ["city", "day"]
    function = {"name": "get_weather", "description": "The weather of a city", "parameters": schema}
    how: dict[str, dict[str, Any]] = {
        "chat": {"tools": [{"type": "function", "function": function}], "tool_choice": "required"},
        "responses": {"tools": [{"type": "function", **function}], "tool_choice": "required"},
        "messages": {
            "tools": [{"name": "get_weather", "input_schema": schema}],
            "tool_choice": {"type": "tool", "name": "get_weather"},
        },
    }
    response, events = streamed(stopping, endpoint, f"{new_question()} weather?", "tiny", **how[endpoint])

    said: list[str]
    if endpoint == "chat":
        deltas = [choice["delta"] for each in events for choice in each["choices"]]
        said = [call["function"].get("arguments") or "" for each in deltas for call in each.get("tool_calls") or ()]
    elif endpoint == "messages":
        said = [each["delta"].get("partial_json", "") for each in events if "delta" in each]
    else:
        said = [each["delta"] for each in events if each["type"].endswith("arguments.delta")]
    assert json.loads("".join(said)).keys() == {"city", "day"}
    assert "early_stop" not in response.text


def test_several_answers_in_one_stream_are_left_alone(stopping: RunningProxy, paced: Provider) -> None:
    """One connection brings them all: closing it would end the good ones with the bad one."""
    question = f"{new_question()} simulator:loop:120"
    _, events = streamed(stopping, "chat", question, "chat", n=2)
    _, off = streamed(stopping, "chat", question, "", KEYS.sales, n=2)

    def said(told: list[dict[str, Any]]) -> dict[int, str]:
        texts: dict[int, str] = {}
        for choice in (choice for each in told for choice in each["choices"]):
            texts[choice["index"]] = texts.get(choice["index"], "") + (choice["delta"].get("content") or "")
        return texts

    assert said(events) == said(off)
    assert said(events)[1].count("I checked") > 5
    assert all(each["outcome"] != "client_left" for each in paced.requests_about(question))


def test_of_a_cascade_each_answer_that_loops_is_ended_and_booked(stopping: RunningProxy, paced: Provider) -> None:
    """The cheap one ends like one that ran out of tokens, which is a reason to ask the dearer tier."""
    question = f"{new_question()} {LOOP}"
    before = held_by(stopping, "climbing")
    response, events = streamed(stopping, "chat", question, "climbing", model="climbing")

    eventually(lambda: all(each["outcome"] != "open" for each in paced.requests_about(question)), what="both ends")
    seen = paced.requests_about(question)
    assert [each["body"]["model"] for each in seen] == ["gpt-4.1-mini", "gpt-4.1"]
    assert [each["outcome"] for each in seen] == ["client_left", "client_left"]
    assert [each["tokens_sent"] for each in seen] == [SEEN_AFTER, SEEN_AFTER]
    assert response.headers["x-litellm-plugins-route-path"] == "small>strong"
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    tokens = sum(each["tokens_sent"] + each["prompt_tokens"] for each in seen)
    settled(lambda: held_by(stopping, "climbing"), before.requests + 1)
    assert held_by(stopping, "climbing").tokens - before.tokens == tokens, seen
    assert not held_by(stopping, "climbing").reserved
