"""One event for each request, whoever says that it is over, and when nobody does."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth
from starlette.responses import StreamingResponse

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budgets import streams as budget_streams
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.calls.costs import CallCosts
from litellm_plugins.proxy.calls.ends import Calls
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import parse
from litellm_plugins.telemetry.events import CacheDecided, CallFinished, Event, OwnSpent, Telemetry

SUCCESS = {
    "response_cost": 0.002,
    "standard_logging_object": {
        "model_group": "small",
        "model": "gpt-4.1",
        "custom_llm_provider": "openai",
        "prompt_tokens": 10,
        "completion_tokens": 5,
    },
}


SAID = (b'data: {"choices": []}\n\n', b"data: [DONE]\n\n")


class World:
    def __init__(self) -> None:
        self.events: list[Event] = []
        book = PriceBook({}, router=lambda: None)
        self.calls = Calls(Telemetry([self]), CallCosts(book, parse({}).ledger), clock=lambda: 1_000.0)

    def record(self, event: Event) -> None:
        self.events.append(event)

    def begin(self, *, stream: bool = False, before: Ticket | None = None) -> Ticket:
        who = Identity(team_id="support", key_alias="ci", user_id="ann")
        request = Request("chat", "small", (), {}, who, stream=stream, feature="faq")
        event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "small")
        policy = parse({"cache": {"enabled": True}}).cache
        ticket = Ticket(Decision(request, policy, Verdict(Layer.MISS, Reason.EMPTY), event))
        self.calls.begun(ticket, {"litellm_call_id": "c1"}, before)
        return ticket

    @property
    def ends(self) -> list[CallFinished]:
        return [event for event in self.events if isinstance(event, CallFinished)]


async def test_a_success_is_told_once_with_who_what_and_how_much() -> None:
    world = World()
    ticket = world.begin()
    world.calls.asked(ticket, {"model": "gpt-4.1"}, "acompletion")
    await world.calls.succeeded(ticket, SUCCESS)
    await world.calls.succeeded(ticket, SUCCESS)
    await world.calls.failed(ticket, {}, RuntimeError("late"))
    (end,) = world.ends
    assert (end.ending, end.team, end.key, end.user, end.feature) == ("success", "support", "ci", "ann", "faq")
    assert (end.spent_nano_usd, end.prompt_tokens, end.completion_tokens, end.attempts) == (2_000_000, 10, 5, 1)
    assert (end.model, end.deployment, end.provider, end.call_id) == ("small", "gpt-4.1", "openai", "c1")


async def test_a_failed_try_is_no_end_and_two_tickets_of_one_request_are_one_call() -> None:
    world = World()
    first = world.begin()
    first.decision.own.add(40)
    world.calls.asked(first, {}, "acompletion")
    world.calls.attempt_failed(first, TimeoutError())
    again = world.begin(before=first)
    again.decision.own.add(2)
    world.calls.asked(again, {}, "acompletion")
    assert world.ends == []
    await world.calls.succeeded(again, SUCCESS)
    del first, again
    gc.collect()
    await asyncio.sleep(0)
    assert [(end.attempts, end.own_nano_usd) for end in world.ends] == [(2, 42)]


async def test_what_the_pack_spends_afterwards_is_told_apart() -> None:
    world = World()
    ticket = world.begin()
    ticket.decision.own.add(40)
    await world.calls.succeeded(ticket, SUCCESS)
    ticket.decision.own.add(7)
    assert world.ends[0].own_nano_usd == 40
    assert world.events[1] == OwnSpent(world.ends[0], 7)


@pytest.mark.parametrize(
    ("exception", "told"),
    [
        (RuntimeError("no"), ("failure", "RuntimeError", "server")),
        (HTTPException(400), ("failure", "HTTPException", "client")),
        (Refusal("empty_message", message="m", type="t", param=None, code=400), ("refused", "empty_message", "")),
    ],
)
async def test_an_error_is_told_by_its_class_and_a_refusal_by_its_reason(
    exception: Exception, told: tuple[str, str, str]
) -> None:
    world = World()
    await world.calls.failed(world.begin(), {}, exception)
    assert [(end.ending, end.reason, end.fault, end.spent_nano_usd) for end in world.ends] == [(*told, 0)]


async def test_an_answer_that_never_reached_its_client_costs_all_the_same() -> None:
    """A guardrail refuses what the model said: the client gets an error, the provider its money."""
    world = World()
    ticket = world.begin()
    assert ticket.call is not None
    ticket.call.attempts, ticket.call.answered = 1, True
    await world.calls.failed(ticket, {}, RuntimeError("guarded"))
    assert world.ends == []
    await world.calls.succeeded(ticket, SUCCESS)
    assert [(end.ending, end.reason, end.spent_nano_usd) for end in world.ends] == [
        ("failure", "RuntimeError", 2_000_000)
    ]


async def test_the_front_route_has_the_last_word_on_whether_the_client_stayed() -> None:
    world = World()
    ticket = world.begin()
    call = world.calls.answering(ticket)
    assert call is not None
    await world.calls.succeeded(ticket, SUCCESS)
    assert world.ends == []
    call.gone = True
    world.calls.answered(call)
    assert [(end.ending, end.spent_nano_usd) for end in world.ends] == [("gone", 2_000_000)]


async def test_what_nobody_reports_is_told_when_the_request_is_forgotten() -> None:
    world = World()
    ticket = world.begin()
    del ticket
    gc.collect()
    async with asyncio.timeout(5):
        while not world.ends:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [(end.ending, end.spent_nano_usd) for end in world.ends] == [("gone", 0)]


async def test_at_the_end_of_the_worker_what_is_under_way_is_waited_for_and_the_rest_told_as_it_stands() -> None:
    world = World()
    reported, answering, lost = world.begin(), world.begin(), world.begin()
    world.calls.answering(answering)
    await world.calls.succeeded(answering, SUCCESS)
    logging = asyncio.create_task(asyncio.sleep(0.2))
    host = asyncio.get_running_loop().call_later(
        0.1,
        lambda: logging.add_done_callback(lambda _: asyncio.ensure_future(world.calls.succeeded(reported, SUCCESS))),
    )
    await world.calls.aclose(until=time.monotonic() + 0.6, is_logging=lambda: not logging.done())
    assert sorted(end.ending for end in world.ends) == ["gone", "success", "success"]
    assert lost.call is not None
    assert lost.call.over
    host.cancel()
    await world.calls.aclose(until=0.0)
    assert len(world.ends) == 3


async def test_a_worker_that_has_nothing_left_ends_at_once() -> None:
    world = World()
    await world.calls.succeeded(world.begin(), SUCCESS)
    began = time.monotonic()
    await world.calls.aclose(until=began + 30)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("taken", "last", "ending"), [(1, b"data: more\n\n", "gone"), (1, b"data: [DONE]\n\n", "success")]
)
async def test_a_stream_that_is_left_is_gone_unless_it_had_said_all(taken: int, last: bytes, ending: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield last
        yield b"data: never read\n\n"

    world = World()
    ticket = world.begin(stream=True)
    response = StreamingResponse(chunks())
    world.calls.overhear(ticket, response, None)
    world.calls.follow(ticket, response)
    stream: Any = response.body_iterator
    for _ in range(taken):
        await anext(stream)
    await world.calls.succeeded(ticket, SUCCESS)
    assert world.ends == []
    await stream.aclose()
    assert [end.ending for end in world.ends] == [ending]


async def words(*said: bytes) -> AsyncIterator[bytes]:
    for each in said:
        yield each


async def listened(world: World) -> tuple[Ticket, Any]:
    """A stream that the host has come to the end of, while its client has read one of two words."""
    ticket = world.begin(stream=True)
    assert ticket.call is not None
    ticket.call.answered = ticket.call.streams = ticket.call.heard.streams = True
    hosts = StreamingResponse(words(*SAID))
    world.calls.overhear(ticket, hosts, None)
    assert len([chunk async for chunk in hosts.body_iterator]) == len(SAID)
    told = StreamingResponse(words(*SAID))
    world.calls.follow(ticket, told)
    stream: Any = told.body_iterator
    await anext(stream)
    return ticket, stream


async def test_a_client_that_reads_slowly_is_not_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's stream is over long before it has read what was held for it."""
    monkeypatch.setattr(budget_streams, "_HOST_IS_DONE_S", 0)
    world = World()
    ticket, stream = await listened(world)
    await world.calls.succeeded(ticket, SUCCESS)
    await asyncio.sleep(0.05)
    assert world.ends == []
    assert [chunk async for chunk in stream] == [b"data: [DONE]\n\n"]
    assert [(end.ending, end.spent_nano_usd) for end in world.ends] == [("success", 2_000_000)]


async def test_a_stream_that_was_read_to_its_end_is_a_success_though_the_host_is_late_to_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget_streams, "_HOST_IS_DONE_S", 0)
    world = World()
    ticket, stream = await listened(world)
    await asyncio.sleep(0.05)
    assert world.ends == []
    assert [chunk async for chunk in stream] == [b"data: [DONE]\n\n"]
    await world.calls.succeeded(ticket, SUCCESS)
    assert [end.ending for end in world.ends] == ["success"]


async def test_who_is_turned_away_at_the_door_is_told_of_and_a_stranger_is_not() -> None:
    world, auth = World(), UserAPIKeyAuth(team_id="support", key_alias="ci")
    sent = {"model": "small", "metadata": {"feature": "faq"}, "litellm_call_id": "c2"}
    known = {**sent, "proxy_server_request": {"url": "http://x/v1/messages"}}
    world.calls.refused(known, auth, RuntimeError("too many"), stands=False)
    world.calls.refused(known, auth, RuntimeError("too many"), stands=True)
    world.calls.refused(sent, auth, RuntimeError("wrong key"), stands=False)
    (end,) = world.ends
    assert (end.ending, end.reason, end.endpoint, end.team, end.feature) == (
        *("failure", "RuntimeError", "messages"),
        *("support", "faq"),
    )


async def test_a_request_that_passed_through_is_told_from_the_host_s_log() -> None:
    world = World()
    logged = {**SUCCESS["standard_logging_object"], "metadata": {"user_api_key_team_id": "sales"}}  # type: ignore[dict-item]
    world.calls.passed_through({**SUCCESS, "standard_logging_object": logged, "litellm_call_id": "c3"})
    (end,) = world.ends
    assert (end.endpoint, end.team, end.spent_nano_usd, end.call_id) == (
        *("pass_through_endpoint", "sales"),
        *(2_000_000, "c3"),
    )


async def test_an_end_that_waits_for_another_call_is_told_when_the_worker_ends() -> None:
    """A tier's answer was dropped, and the host never says what it cost."""
    world = World()
    ticket = world.begin()
    world.calls.dropped(ticket)
    await world.calls.succeeded(ticket, SUCCESS)
    assert world.ends == []
    await world.calls.aclose(until=time.monotonic())
    assert [(end.ending, end.spent_nano_usd) for end in world.ends] == [("success", 2_000_000)]


async def test_tokens_and_dollars_are_those_of_every_answer_that_was_asked_for() -> None:
    world = World()
    dropped = world.begin()
    served = Ticket(dropped.decision)
    served.call = dropped.call
    assert served.call is not None
    world.calls.dropped(dropped)
    with served.call.asking_another():
        await world.calls.succeeded(served, SUCCESS)
    assert world.ends == []
    await world.calls.tried(dropped, SUCCESS)
    async with asyncio.timeout(5):
        while not world.ends:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    [end] = world.ends
    assert (end.spent_nano_usd, end.prompt_tokens, end.completion_tokens) == (4_000_000, 20, 10)


async def test_who_waits_for_the_end_hears_what_was_paid_for_all_of_it() -> None:
    world = World()
    ticket = world.begin()
    call = world.calls.answering(ticket)
    assert call is not None
    heard: list[int | None] = []
    call.when_over.append(lambda: heard.append(None if call.paid is None else call.paid.nano_usd))
    await world.calls.succeeded(ticket, SUCCESS)
    assert heard == []
    world.calls.answered(call)
    assert heard == [2_000_000]


async def test_a_call_that_the_host_translates_is_one_attempt() -> None:
    """It asks the hook before the translated call as well, by another type."""
    world = World()
    ticket = world.begin()
    for kind in ("acompletion", "atext_completion", "acompletion"):
        world.calls.asked(ticket, {}, kind)
    await world.calls.succeeded(ticket, SUCCESS)
    assert [end.attempts for end in world.ends] == [2]


@pytest.mark.parametrize(("left", "ending"), [(False, "failure"), (True, "gone")])
async def test_a_fault_that_only_the_log_tells_of_ends_the_request_unless_its_client_left(
    left: bool, ending: str
) -> None:
    """A stream of messages that the host translates, broken by its provider: no hook is called."""
    world, told = World(), list[str]()
    ticket = world.begin(stream=True)
    assert ticket.call is not None
    world.calls.asked(ticket, {}, "anthropic_messages")
    ticket.call.streams, ticket.call.gone = True, left
    world.calls.fault_logged(ticket, {"exception": RuntimeError("broke")}, lambda: told.append("fault"))
    assert (world.ends, told) == ([], [])
    await world.calls._gone(ticket.call, within_s=0.0, is_lost=False)
    assert ([end.ending for end in world.ends], told) == ([ending], ["fault"])


async def test_a_fault_before_the_last_try_ends_nothing() -> None:
    world, told = World(), list[str]()
    ticket = world.begin(stream=True)
    assert ticket.call is not None
    world.calls.asked(ticket, {}, "acompletion")
    world.calls.fault_logged(ticket, {"exception": RuntimeError("broke")}, lambda: told.append("fault"))
    world.calls.asked(ticket, {}, "acompletion")
    await world.calls._gone(ticket.call, within_s=0.0, is_lost=False)
    assert ([end.ending for end in world.ends], told) == (["gone"], [])


async def test_a_fault_that_is_logged_after_the_end_is_told_then() -> None:
    world, told = World(), list[str]()
    ticket = world.begin(stream=True)
    assert ticket.call is not None
    await world.calls._gone(ticket.call, within_s=0.0, is_lost=False)
    world.calls.fault_logged(ticket, {"exception": RuntimeError("broke")}, lambda: told.append("fault"))
    assert told == ["fault"]
