"""What makes the same words another request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 0.7},
    "top_p": {"top_p": 0.5},
    "seed": {"seed": 7},
    "max_tokens": {"max_tokens": 500},
    "max_completion_tokens": {"max_completion_tokens": 500},
    "stop": {"stop": ["\n\n\n"]},
    "n": {"n": 2},
    "presence_penalty": {"presence_penalty": 0.5},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "tools": {"tools": [WEATHER]},
    "response_format": {"response_format": {"type": "json_object"}},
}


def chat(question: str, *before: tuple[str, str]) -> list[dict[str, str]]:
    """A conversation that ends with `question`."""
    return [{"role": role, "content": content} for role, content in (*before, ("user", question))]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_another_value_of_a_parameter_is_another_request(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, parameter: str
) -> None:
    proxy.teach(keys.support, question)
    other = proxy.teach(keys.support, question, **PARAMETERS[parameter])

    assert other.cache == "miss"
    assert provider.times_asked(question) == 2
    assert proxy.ask(keys.support, question, **PARAMETERS[parameter]).cache == "exact"


def test_another_temperature_is_another_request_on_the_host_s_path(
    proxy: RunningProxy, keys: Keys, question: str
) -> None:
    proxy.teach(keys.support, question, route="host", temperature=0.1)

    assert proxy.ask(keys.support, question, route="host", temperature=0.9).cache == "miss"


@pytest.mark.parametrize("route", ROUTES)
def test_another_system_prompt_is_another_request(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    polite = chat(question, ("system", "You are polite."))
    rude = chat(question, ("system", "You are rude."))
    proxy.teach(keys.support, messages=polite, route=route)

    assert proxy.ask(keys.support, messages=rude, route=route).cache == "miss"
    assert proxy.ask(keys.support, question, route=route).cache == "miss"
    assert provider.times_asked(question) == 3


def test_other_earlier_turns_are_another_request(proxy: RunningProxy, keys: Keys, question: str) -> None:
    bought = (("user", "I bought a kettle."), ("assistant", "Congratulations!"))
    sold = (("user", "I sold a kettle."), ("assistant", "Congratulations!"))
    answered = (("user", "I bought a kettle."), ("assistant", "My condolences."))
    proxy.teach(keys.support, messages=chat(question, *bought))

    assert proxy.ask(keys.support, messages=chat(question, *sold)).cache == "miss"
    assert proxy.ask(keys.support, messages=chat(question, *answered)).cache == "miss"
    assert proxy.ask(keys.support, messages=chat(question, *bought)).cache == "exact"


def test_a_paraphrase_under_another_system_prompt_is_a_miss(proxy: RunningProxy, keys: Keys) -> None:
    proxy.teach(keys.support, messages=chat("How do I renew my passport?", ("system", "Answer for France.")))
    other = proxy.ask(keys.support, messages=chat("How can I renew my passport?", ("system", "Answer for Spain.")))

    assert other.cache == "miss"


def test_another_model_is_another_request(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question, model="gpt-4.1")
    other = proxy.ask(keys.support, question, model="gpt-4.1-mini")

    assert other.cache == "miss"
    assert other.body.model.startswith("gpt-4.1-mini")


def test_a_namespace_keeps_answers_apart(proxy: RunningProxy, keys: Keys, question: str) -> None:
    blue, green = ({"cache": {"namespace": name}} for name in ("blue", "green"))
    proxy.teach(keys.support, question, extra_body=blue)

    assert proxy.ask(keys.support, question, extra_body=green).cache == "miss"
    assert proxy.ask(keys.support, question).cache == "miss"
    assert proxy.ask(keys.support, question, extra_body=blue).cache == "exact"


NO_PART_OF_THE_QUESTION: dict[str, dict[str, Any]] = {
    "user": {"user": "ann"},
    "metadata": {"metadata": {"ticket": "4711"}},
    "tags": {"extra_body": {"metadata": {"tags": ["blue"]}}},
    "service tier": {"service_tier": "default"},
    "a null": {"extra_body": {"temperature": None}},
    "a ttl": {"extra_body": {"cache": {"ttl": 60}}},
    "a header": {"extra_headers": {"x-request-id": "4711"}},
}


@pytest.mark.parametrize("what", NO_PART_OF_THE_QUESTION)
def test_what_is_no_part_of_the_question_separates_nothing(
    proxy: RunningProxy, keys: Keys, question: str, what: str
) -> None:
    first = proxy.teach(keys.support, question, **NO_PART_OF_THE_QUESTION[what])
    second = proxy.ask(keys.support, question)

    assert (second.cache, second.body.id) == ("exact", first.body.id)


def test_an_answer_that_a_client_made_up_is_nobody_s(proxy: RunningProxy, keys: Keys, question: str) -> None:
    """The host knows a field `mock_response`."""
    made_up = "Everything is free today."
    proxy.ask(keys.support, question, extra_body={"mock_response": made_up})
    proxy.teach(keys.support_colleague, question)

    assert proxy.ask(keys.support, question).text != made_up
