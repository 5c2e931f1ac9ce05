"""What the host calls, and when, on its own route: `loud` listens, so no request takes the front route."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.contract.conftest import Contract
from tests.support import Route

ROUTES = pytest.mark.parametrize("route", ["v1", "host"])
BEFORE_THE_CALL = ["pre_call", "filter_deployments", "pre_call_deployment", "cache_key", "cache_get"]


def order(events: list[dict[str, Any]]) -> list[str]:
    """The kinds of events, as they came. Moderation runs beside the rest, and storing in the background."""
    return [event["what"] for event in events if event["what"] not in {"moderation", "cache_set"}]


def only(events: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [event for event in events if event["what"] == what]


@ROUTES
def test_a_miss(loud: Contract, question: str, route: Route) -> None:
    """We stand on this because the decision must be made before the host looks into its cache, and be attached to the
    request before a deployment is called.
    """
    call = loud.call_id()
    loud.proxy.teach(loud.key(), question, route=route, **call)
    events = loud.events(call, until="log_success")

    assert order(events)[:5] == BEFORE_THE_CALL
    rest = order(events)[5:]
    assert [what for what in rest if what != "log_success"] == [
        "post_success_deployment",
        "cache_key",
        "post_call_success",
        "headers",
    ]
    assert len(only(events, "log_success")) == 1


@ROUTES
def test_a_hit(loud: Contract, question: str, route: Route) -> None:
    """We stand on this because the deployment hook writes the trace notes, on hits too, before the hit is logged."""
    key, call = loud.key(), loud.call_id()
    loud.proxy.teach(key, question, route=route)
    assert loud.proxy.ask(key, question, route=route, **call).cache == "exact"
    events = loud.events(call, until="log_success")

    assert order(events)[:5] == BEFORE_THE_CALL
    assert [what for what in order(events)[5:] if what != "log_success"] == ["post_call_success", "headers"]
    assert len(only(events, "log_success")) == 1
    assert not only(events, "cache_set"), "the host stores hits again now"


@ROUTES
def test_a_streamed_hit(loud: Contract, question: str, route: Route) -> None:
    """We stand on this because a hit that is streamed by the host must be logged once, when it ends."""
    key, call = loud.key(), loud.call_id()
    loud.proxy.teach(key, question, route=route)
    assert loud.proxy.ask_streamed(key, question, route=route, **call).cache == "exact"
    events = loud.events(call, until="log_success")

    assert order(events)[:5] == BEFORE_THE_CALL
    assert order(events)[5:7] == ["headers", "stream_began"]
    assert len(only(events, "log_success")) == 1
    assert not only(events, "cache_set"), "the host stores streamed hits again now"


def test_pre_call_is_told_the_kind_of_call_and_what_the_client_sent(loud: Contract, question: str) -> None:
    """We stand on this because the key is made of the client's own body, and `acompletion` means chat."""
    call = loud.call_id()
    loud.proxy.ask(loud.key(), question, temperature=0.25, **call)
    [pre_call] = only(loud.events(call, until="log_success"), "pre_call")

    assert pre_call["call_type"] == "acompletion"
    assert pre_call["body"]["temperature"] == 0.25
    assert pre_call["body"]["messages"][0]["content"] == question
    assert "authorization" not in {name.lower() for name in pre_call["headers"]}, "the client's key is handed to hooks"


def test_a_call_id_of_the_client_s_is_taken_as_it_is(contract: Contract, question: str) -> None:
    """We stand on this because it is why a decision is never looked up by the call's id."""
    call = contract.call_id()
    answer = contract.proxy.ask(contract.key(), question, **call)

    assert answer.headers["x-litellm-call-id"] == call["extra_headers"]["x-litellm-call-id"]


def test_one_ticket_travels_from_pre_call_to_every_look_up_and_store(loud: Contract, question: str) -> None:
    """We stand on this because it is the only thing that those places share."""
    call = loud.call_id()
    loud.proxy.teach_streamed(loud.key(), question, **call)
    events = loud.events(call, until="cache_set")
    told = {event.get("ticket") for event in events if event["what"] not in {"headers", "log_success"}} - {None}

    assert len(told) == 1, f"the ticket was lost, or replaced, on the way: {told}"
    assert {event["ticket"] for event in only(events, "headers")} == {"Ticket"}


def test_retries_keep_the_ticket_and_call_only_the_deployment_hook_again(loud: Contract, question: str) -> None:
    """We stand on this because one request is decided, counted and tagged once."""
    call = loud.call_id()
    loud.proxy.ask(loud.key(), question, model="fragile", **call)
    events = loud.events(call, until="log_success")
    attempts = only(events, "pre_call_deployment")

    assert len(only(events, "pre_call")) == 1, "pre-call runs again on retries: a request would be decided twice"
    assert len(attempts) >= 3
    assert len({event["ticket"] for event in attempts}) == 1
    assert [event["model_group"] for event in attempts][-1] == "gpt-4.1-mini"


@ROUTES
def test_an_error_ends_in_the_failure_hook_and_the_headers_hook(loud: Contract, question: str, route: Route) -> None:
    """We stand on this because errors, too, tell in their headers what the cache did."""
    call = loud.call_id()
    with pytest.raises(openai.InternalServerError) as failed:
        loud.proxy.ask(loud.key(), f"{question} simulator:error:500", route=route, **call)
    events = loud.events(call, until="headers")

    assert order(events)[-2:] == ["post_call_failure", "headers"]
    assert failed.value.response.headers["x-litellm-plugins-cache"] == "miss"


def test_embeddings_and_other_calls_reach_pre_call_with_another_kind(loud: Contract, question: str) -> None:
    """We stand on this because that is how what we do not understand is left alone."""
    call = loud.call_id()
    loud.proxy.client(loud.key()).embeddings.create(model="text-embedding-3-small", input=question, **call)
    events = loud.events(call, until="log_success")

    assert only(events, "pre_call")[0]["call_type"] == "aembedding"
    assert not only(events, "cache_get"), "supported_call_types is not heeded: embeddings come to our cache"


@ROUTES
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_callback_s_headers_reach_the_client_and_win(
    contract: Contract, question: str, route: Route, streamed: bool
) -> None:
    """We stand on this because a hit's cost header must say 0, whatever the host would have said."""
    key = contract.key()
    ask = contract.proxy.ask_streamed if streamed else contract.proxy.ask
    contract.proxy.teach(key, question, route=route)
    for _ in ("a hit", "the same again"):
        answer = ask(key, question, route=route, extra_headers={"x-contract-override": "1"})
        assert answer.cache == "exact"
        assert answer.headers["x-contract"] == "added"
        assert answer.headers["x-litellm-version"] == "overridden", "the host's headers win over a callback's now"
        assert answer.cost_usd == 0
