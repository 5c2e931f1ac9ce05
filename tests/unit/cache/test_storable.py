"""May this answer be kept?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.storable import has_tool_calls, why_not_storable
from litellm_plugins.model import CacheControls, Reason
from tests.unit.cache.builders import answer, chat, reply, tool_call


def choice(finish_reason: object = "stop", **message: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "message": {"role": "assistant", "content": "Yes"} | message,
        "finish_reason": finish_reason,
    }


STORABLE = {
    "words": answer("Yes"),
    "one space": answer(" "),
    "a tool call": answer(None, tool_calls=[tool_call()]),
    "a tool call beside words": answer("I look.", tool_calls=[tool_call()]),
    "a tool call that the provider ended with stop": {
        "choices": [choice("stop", content=None, tool_calls=[tool_call()])]
    },
    "two whole choices": {"choices": [choice(), choice("tool_calls", content=None, tool_calls=[tool_call()])]},
}


@pytest.mark.parametrize("body", STORABLE.values(), ids=STORABLE.keys())
def test_a_whole_answer_is_kept(body: dict[str, Any]) -> None:
    """Words or calls, as long as it ended by itself."""
    assert why_not_storable(chat(), reply(body)) is None


REFUSED = {
    "cut by max_tokens": ({"choices": [choice("length")]}, Reason.INCOMPLETE_ANSWER),
    "cut by a filter": ({"choices": [choice("content_filter")]}, Reason.INCOMPLETE_ANSWER),
    "a stream that broke off": ({"choices": [choice(None)]}, Reason.INCOMPLETE_ANSWER),
    "an end of a kind yet to come": ({"choices": [choice("pause")]}, Reason.INCOMPLETE_ANSWER),
    "one whole choice and one cut": ({"choices": [choice(), choice("length")]}, Reason.INCOMPLETE_ANSWER),
    "a choice that is none": ({"choices": ["Yes"]}, Reason.INCOMPLETE_ANSWER),
    "no choices": ({"choices": []}, Reason.EMPTY_ANSWER),
    "no list of choices": ({"error": {"message": "overloaded"}}, Reason.EMPTY_ANSWER),
    "choices of null": ({"choices": None}, Reason.EMPTY_ANSWER),
    "no words": ({"choices": [choice(content="")]}, Reason.EMPTY_ANSWER),
    "neither words nor calls": ({"choices": [choice(content=None, tool_calls=[])]}, Reason.EMPTY_ANSWER),
    "no message": ({"choices": [{"finish_reason": "stop"}]}, Reason.EMPTY_ANSWER),
    "one choice that says nothing": ({"choices": [choice(), choice(content=None)]}, Reason.EMPTY_ANSWER),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_half_an_answer_is_not_kept(body: dict[str, Any], reason: Reason) -> None:
    """It would be served as the whole one until it expires."""
    assert why_not_storable(chat(), reply(body)) == reason


def test_a_client_who_wants_nothing_stored_is_obeyed_before_all_else() -> None:
    """Whatever the answer is."""
    request = chat(controls=CacheControls(no_store=True))
    assert why_not_storable(request, reply()) == Reason.NO_STORE
    assert why_not_storable(request, reply(model_group="other")) == Reason.NO_STORE


def test_a_fallbacks_answer_does_not_stand_in_for_the_model_once_that_is_back() -> None:
    """An outage of a minute must not last for the hour of the ttl."""
    assert why_not_storable(chat(), reply(model_group="fallback")) == Reason.FALLBACK_ANSWER


def test_the_answer_of_the_model_that_a_router_chose_is_the_answer_of_the_router() -> None:
    routed = replace(chat(), routed_to="small")
    assert why_not_storable(routed, reply(model_group="small")) is None
    assert why_not_storable(routed, reply(model_group="fallback")) == Reason.FALLBACK_ANSWER


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (answer("Yes"), False),
        (answer(None, tool_calls=[tool_call()]), True),
        (answer("I look.", tool_calls=[tool_call()]), True),
        ({"choices": [choice(), choice(tool_calls=[tool_call()])]}, True),
        ({"choices": [choice(tool_calls=None)]}, False),
        ({"choices": [choice(tool_calls=[])]}, False),
        ({"choices": [{"message": None}]}, False),
        ({}, False),
    ],
)
def test_a_tool_call_in_any_choice_counts(body: dict[str, Any], expected: bool) -> None:
    """Such an answer must not be served for a merely similar request."""
    assert has_tool_calls(body) is expected
