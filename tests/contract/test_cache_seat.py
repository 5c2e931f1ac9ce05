"""What the host's cache logic hands to our seat, and what it does not."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest

from tests.contract.conftest import Contract
from tests.support import Route, eventually

ROUTES = pytest.mark.parametrize("route", ["v1", "host"])
PLAIN_AND_STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
_STORED_LATER_S = 1.0  # storing is asynchronous: how long we wait for what must not come


def seen(contract: Contract, call: dict[str, Any], what: str) -> list[dict[str, Any]]:
    return [event for event in contract.events(call) if event["what"] == what]


def stored(contract: Contract, call: dict[str, Any]) -> list[dict[str, Any]]:
    """What was handed over to be stored, once it was."""
    contract.events(call, until="cache_set")
    return seen(contract, call, "cache_set")


def ask_expecting_an_error(contract: Contract, key: str, text: str, *, streamed: bool, **body: Any) -> None:
    with pytest.raises((openai.APIError, openai.APIConnectionError)):
        (contract.proxy.ask_streamed if streamed else contract.proxy.ask)(key, text, **body)


@ROUTES
@PLAIN_AND_STREAMED
def test_a_look_up_and_a_store_carry_all_that_an_entry_is_made_of(
    contract: Contract, question: str, route: Route, streamed: bool
) -> None:
    """We stand on this because model, provider and price of an entry come from there."""
    call = contract.call_id()
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    answer = ask(contract.key(), question, route=route, **call)

    last = stored(contract, call)[-1]
    looked_up = seen(contract, call, "cache_get")
    assert len(looked_up) == 1, "the host looks up more than once"
    assert last["ticket"] == looked_up[0]["ticket"] is not None
    assert (last["model"], last["model_group"], last["model_info"]) == ("openai/gpt-4.1", "gpt-4.1", True)
    assert last["value_type"] == "str", "an answer no longer comes as JSON: reply_of could not read it"
    assert last["finish_reasons"] == ["stop"]
    assert last["text"] == answer.text
    assert last["completion_tokens"] > 0, "without usage there is no price, and no saving"


@ROUTES
def test_a_finished_stream_is_handed_over_twice_and_complete_both_times(
    contract: Contract, question: str, route: Route
) -> None:
    """We stand on this because it is why the second one is stored but not counted."""
    call = contract.call_id()
    answer = contract.proxy.ask_streamed(contract.key(), question, route=route, **call)
    eventually(lambda: len(stored(contract, call)) == 2, what="the second hand-over")

    for each in stored(contract, call):
        assert (each["text"], each["finish_reasons"]) == (answer.text, ["stop"])


@ROUTES
@PLAIN_AND_STREAMED
@pytest.mark.parametrize(("fault", "finish"), [("truncate", "length"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_short_keeps_its_finish_reason(
    contract: Contract, question: str, route: Route, streamed: bool, fault: str, finish: str
) -> None:
    """We stand on this because it is how we know what not to store."""
    call = contract.call_id()
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    ask(contract.key(), f"{question} simulator:{fault}", route=route, **call)

    assert {reason for each in stored(contract, call) for reason in each["finish_reasons"]} == {finish}


@ROUTES
@PLAIN_AND_STREAMED
@pytest.mark.parametrize("fault", ["disconnect", "error:500"])
def test_an_answer_that_never_came_is_not_handed_over(
    contract: Contract, question: str, route: Route, streamed: bool, fault: str
) -> None:
    """We stand on this because half of an answer, once stored, would be everybody's."""
    call = contract.call_id()
    ask_expecting_an_error(
        contract, contract.key(), f"{question} simulator:{fault}", streamed=streamed, route=route, **call
    )
    time.sleep(_STORED_LATER_S)

    assert seen(contract, call, "cache_get")
    assert not seen(contract, call, "cache_set"), f"the host stores what a {fault} left"


@ROUTES
def test_a_stream_that_its_client_left_is_not_handed_over(contract: Contract, question: str, route: Route) -> None:
    """We stand on this for the same reason."""
    call = contract.call_id()
    client = contract.proxy.client(contract.key(), route)
    messages: Any = [{"role": "user", "content": question}]
    stream = client.chat.completions.create(model="slow", messages=messages, stream=True, **call)
    next(iter(stream))
    stream.close()
    time.sleep(4 * _STORED_LATER_S)  # longer than the rest of the answer takes

    handed_over = seen(contract, call, "cache_set")
    assert all(each["finish_reasons"] == ["stop"] and each["completion_tokens"] for each in handed_over), (
        "half an answer is handed over as if it were whole"
    )


@ROUTES
@PLAIN_AND_STREAMED
def test_a_fallback_s_answer_says_who_gave_it(contract: Contract, question: str, route: Route, streamed: bool) -> None:
    """We stand on this because it is not what the client asked for, and so is not stored."""
    call = contract.call_id()
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    ask(contract.key(), question, model="fragile", route=route, **call)
    last = stored(contract, call)[-1]

    assert (last["asked_for"], last["model_group"]) == ("fragile", "gpt-4.1-mini"), (
        "a fallback's answer passes for the one that was asked for"
    )


@ROUTES
@pytest.mark.parametrize("messages", [1, 5, 12])
def test_chats_of_any_length_are_looked_up_and_handed_over(
    contract: Contract, question: str, route: Route, messages: int
) -> None:
    """We stand on this because the host's default of `max_messages` would end it at four."""
    call = contract.call_id()
    roles = ("user", "assistant")
    chat = [{"role": roles[n % 2], "content": f"{question} ({n})"} for n in range(messages - 1)]
    contract.proxy.ask(contract.key(), messages=[*chat, {"role": "user", "content": question}], route=route, **call)

    assert stored(contract, call)[-1]["messages"] == messages
    assert len(seen(contract, call, "cache_get")) == 1


@ROUTES
@PLAIN_AND_STREAMED
def test_a_hit_is_logged_as_a_hit_of_the_cache_that_cost_nothing(
    contract: Contract, question: str, route: Route, streamed: bool
) -> None:
    """We stand on this because spend, budgets and every logger go by it; the front route logs in the same words."""
    key, call = contract.key(), contract.call_id()
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    contract.proxy.teach(key, question, route=route)
    hit = ask(key, question, route=route, **call)
    assert hit.cache == "exact"
    contract.events(call, until="log_success")
    time.sleep(0.3)
    logged = seen(contract, call, "log_success")

    assert len(logged) == 1, f"a hit is logged {len(logged)} times"
    assert logged[0]["cache_hit"] is True
    assert logged[0]["response_cost"] == 0
    payload = logged[0]["payload"]
    assert (payload["cache_hit"], payload["response_cost"], payload["model_group"]) == (True, 0, "gpt-4.1")
    assert payload["saved_cache_cost"] > 0
    assert payload["saved_cache_cost"] == pytest.approx(float(hit.headers["x-litellm-plugins-saved-usd"]))
    assert payload["total_tokens"] > 0
    assert logged[0]["tags"] == ["cache:exact"]


@ROUTES
@PLAIN_AND_STREAMED
def test_the_ticket_reaches_neither_the_provider_nor_the_log(
    contract: Contract, question: str, route: Route, streamed: bool
) -> None:
    """We stand on this because it is nobody's business."""
    call = contract.call_id()
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    ask(contract.key(), question, route=route, **call)
    [logged] = [e for e in contract.events(call, until="log_success") if e["what"] == "log_success"]
    [asked] = contract.provider.requests_about(question)

    assert "litellm_plugins" not in logged["payload_text"]
    assert "litellm_plugins" not in str(asked["body"])
    assert "metadata" not in asked["body"]


def test_the_cache_logger_is_in_none_of_the_callback_lists(contract: Contract) -> None:
    """We stand on this because it would make every request run the synchronous success path in a thread."""
    assert contract.facts()["cache_in_lists"] == [False, False, False]


def test_the_router_knows_its_models_by_the_names_that_clients_use(contract: Contract) -> None:
    """We stand on this because a hit must not outlive its model."""
    names = contract.facts()["model_names"]
    assert {"gpt-4.1", "gpt-4.1-mini", "fragile", "regional"} <= set(names)
