"""A cheap answer that is not good enough is asked again one tier up; its client sees one answer. With the real SDKs."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually
from tests.support.at_once import leave_once
from tests.support.budgets import billed, held_by, open_calls
from tests.support.cascades import GOOD, STRONG, UNSURE, WAYS, ask, config_of, fresh, landed, script, told

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ON_EVERY_ENDPOINT = pytest.mark.parametrize("endpoint", WAYS)


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider(script=script) as provider:
        yield provider


@pytest.fixture(scope="module")
def routed(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with RunningProxy(config_of(charging.url), tmp_path_factory.mktemp("cascade"), provider_url=charging.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _books(routed: RunningProxy, charging: Provider) -> None:
    """Each test has its own bill."""
    eventually(lambda: not open_calls(routed), what="the tests before to be settled", timeout_s=20)
    charging.clear()
    _before["spent"] = held_by(routed, "all").spent


_before = {"spent": 0}


def nothing_is_owed(proxy: RunningProxy, charging: Provider) -> None:
    eventually(lambda: not open_calls(proxy), what="everything to be settled", timeout_s=20)

    def booked() -> bool:
        return held_by(proxy, "all").spent - _before["spent"] == billed(charging)

    try:
        eventually(booked, what="the ledger to be the bill", timeout_s=8)
    except AssertionError:
        assert held_by(proxy, "all").spent - _before["spent"] == billed(charging)


@STREAMED
@ON_EVERY_ENDPOINT
def test_an_answer_that_hedges_is_asked_again_one_tier_up(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    text = fresh("unsure")
    answer, headers = ask(routed, endpoint, text, stream=stream)

    assert answer == STRONG
    assert told(headers) == ("simple>complex", "hedging", None)
    tier, reason = (headers[f"x-litellm-plugins-route-{what}"] for what in ("tier", "reason"))
    assert (tier, reason) == ("complex", "escalated")
    assert landed(charging, text) == ["gpt-4.1-nano", "gpt-4.1"]
    nothing_is_owed(routed, charging)


@STREAMED
@ON_EVERY_ENDPOINT
def test_a_good_answer_is_served_as_it_came(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    text = fresh("please")
    answer, headers = ask(routed, endpoint, text, stream=stream)

    assert answer == GOOD
    assert told(headers) == ("simple", None, "passed")
    assert landed(charging, text) == ["gpt-4.1-nano"]
    nothing_is_owed(routed, charging)


@STREAMED
@pytest.mark.parametrize(("said", "why"), [("sorry", "refusal"), ("blank", "empty"), ("sum 12 and 30", "arithmetic")])
def test_the_reason_is_told(routed: RunningProxy, said: str, why: str, stream: bool) -> None:
    answer, headers = ask(routed, "chat", fresh(said), stream=stream)

    assert (answer, told(headers)) == (STRONG, ("simple>complex", why, None))


@STREAMED
def test_json_that_breaks_its_schema_is_asked_again(routed: RunningProxy, stream: bool) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    answer, headers = ask(routed, "chat", fresh("as json"), stream=stream, response_format=wanted)

    assert json.loads(answer) == {"city": "Paris"}
    assert told(headers) == ("simple>complex", "json_schema", None)


@STREAMED
def test_an_answer_that_is_cut_short_is_asked_again(routed: RunningProxy, stream: bool) -> None:
    _, headers = ask(routed, "chat", fresh("please"), stream=stream, max_tokens=3)

    assert told(headers) == ("simple>complex", "cut_short", None)


@STREAMED
@ON_EVERY_ENDPOINT
def test_the_answer_that_is_cached_is_the_one_that_was_served(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    for about, wanted, times in (("unsure", STRONG, 2), ("please", GOOD, 1)):
        text = fresh(about)
        ask(routed, endpoint, text, stream=stream)

        def again(text: str = text, wanted: str = wanted) -> bool:
            answer, headers = ask(routed, endpoint, text, stream=not stream)
            return answer == wanted and headers["x-litellm-plugins-cache"] == "exact"

        if again():
            assert len(landed(charging, text)) == times
        else:  # it was not stored yet
            eventually(again, what="a hit")


@STREAMED
@ON_EVERY_ENDPOINT
def test_without_room_for_a_second_call_the_first_answer_is_served(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    text = fresh("unsure")
    answer, headers = ask(routed, endpoint, text, stream=stream, feature="narrow")

    assert answer == UNSURE
    assert told(headers) == ("simple", None, "no_room")
    assert landed(charging, text) == ["gpt-4.1-nano"]
    nothing_is_owed(routed, charging)
    _, again = ask(routed, endpoint, text, stream=stream)
    assert again["x-litellm-plugins-cache"] == "miss"


@STREAMED
@ON_EVERY_ENDPOINT
def test_where_the_dearer_tier_fails_the_first_answer_is_served(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    answer, headers = ask(routed, endpoint, fresh("unsure"), of="fragile-top", stream=stream)

    assert answer == UNSURE
    assert told(headers) == ("simple", None, "dearer_failed")
    nothing_is_owed(routed, charging)


@STREAMED
def test_where_the_cheap_tier_fails_the_hosts_fallback_answers(
    routed: RunningProxy, charging: Provider, stream: bool
) -> None:
    text = fresh("please")
    answer, headers = ask(routed, "chat", text, of="fragile-base", stream=stream)

    assert (answer, told(headers)) == (STRONG, ("simple", None, "passed"))
    assert landed(charging, text)[-1] == "gpt-4.1-mini"
    nothing_is_owed(routed, charging)


@STREAMED
@ON_EVERY_ENDPOINT
def test_where_the_cheap_tier_fails_for_good_the_dearer_one_is_asked(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    text = fresh("please")
    answer, headers = ask(routed, endpoint, text, of="down", stream=stream)

    assert (answer, told(headers)) == (STRONG, ("simple>complex", "error", None))
    tier, reason = (headers[f"x-litellm-plugins-route-{what}"] for what in ("tier", "reason"))
    assert (tier, reason) == ("complex", "escalated")
    assert landed(charging, text)[-1] == "gpt-4.1"
    nothing_is_owed(routed, charging)


@STREAMED
@ON_EVERY_ENDPOINT
def test_where_the_cheap_tiers_connection_breaks_the_dearer_one_is_asked(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    text = fresh("please")
    answer, headers = ask(routed, endpoint, text, of="dropping", stream=stream)

    path, why, kept = told(headers)
    assert (answer, path, kept) == (STRONG, "simple>complex", None)
    assert why in ({"error", "empty", "cut_short"} if stream else {"error"})  # where in its stream it breaks
    assert landed(charging, text)[-1] == "gpt-4.1"
    if (endpoint, stream) != ("messages", True):
        nothing_is_owed(routed, charging)
        return
    eventually(lambda: not open_calls(routed), what="everything to be settled", timeout_s=20)
    booked, bill = held_by(routed, "all").spent - _before["spent"], billed(charging)
    assert bill <= booked < bill * 1.05  # nobody says how long the prompt of a stream that broke was: counted, at most


@STREAMED
@pytest.mark.parametrize("endpoint", ["chat", "messages"])
def test_where_both_tiers_fail_the_first_ones_error_is_told_and_nothing_owed(
    routed: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    text = fresh("please")
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as told_of:
        ask(routed, endpoint, text, of="all-down", stream=stream)

    error: Any = told_of.value
    assert error.status_code == 500
    assert set(landed(charging, text)) == {"gpt-4.1-nano", "gpt-4.1"}
    nothing_is_owed(routed, charging)


@STREAMED
def test_what_is_the_requests_own_fault_is_not_asked_again(
    routed: RunningProxy, charging: Provider, stream: bool
) -> None:
    text = fresh("please")
    with pytest.raises(openai.BadRequestError):
        ask(routed, "chat", text, of="turned-away", stream=stream)

    assert set(landed(charging, text)) == {"gpt-4.1-nano"}
    nothing_is_owed(routed, charging)


@ON_EVERY_ENDPOINT
def test_a_stream_that_is_held_too_long_is_told_unjudged_and_not_kept(
    routed: RunningProxy, charging: Provider, endpoint: str
) -> None:
    text = fresh("unsure")
    for _ in range(2):
        answer, headers = ask(routed, endpoint, text, of="hurried", stream=True)
        assert (answer, told(headers)) == (UNSURE, ("simple", None, "held_too_long"))
        assert headers["x-litellm-plugins-cache"] == "miss"
        nothing_is_owed(routed, charging)
    assert landed(charging, text) == ["gpt-4.1-nano"] * 2


@STREAMED
def test_nobody_is_asked_on_behalf_of_a_client_that_has_left(
    routed: RunningProxy, charging: Provider, stream: bool
) -> None:
    text = f"{fresh('unsure')} simulator:stall:1.5"
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": text}], "max_tokens": 900}
    asked = functools.partial(landed, charging, text)
    leave_once(routed.url, "/v1/chat/completions", KEYS.support, body, probe=asked, what="the first to be asked")
    eventually(lambda: not open_calls(routed), what="it to be settled", timeout_s=20)
    time.sleep(0.5)
    assert landed(charging, text) == ["gpt-4.1-nano"]
    nothing_is_owed(routed, charging)


@pytest.mark.parametrize("endpoint", ["chat", "messages"])
def test_a_stream_that_breaks_off_is_asked_again(routed: RunningProxy, charging: Provider, endpoint: str) -> None:
    answer, headers = ask(routed, endpoint, fresh("please"), of="cut", stream=True)

    assert (answer, told(headers)[0]) == (STRONG, "simple>complex")


@ON_EVERY_ENDPOINT
def test_only_the_first_part_is_held_where_that_is_set(routed: RunningProxy, charging: Provider, endpoint: str) -> None:
    for about, path in (("long tail", "simple"), ("unsure", "simple>complex")):
        answer, headers = ask(routed, endpoint, fresh(about), of="part", stream=True)
        assert told(headers)[0] == path
        assert answer.endswith(UNSURE if path == "simple" else STRONG)
    nothing_is_owed(routed, charging)


@ON_EVERY_ENDPOINT
def test_what_is_doubted_by_its_first_part_is_not_stored_when_the_rest_has_come(
    routed: RunningProxy, charging: Provider, endpoint: str
) -> None:
    text = fresh("sorry for the long wait")
    for _ in range(2):
        answer, headers = ask(routed, endpoint, text, of="part-alone", stream=True)
        assert answer.endswith("It lies on the Seine. ")
        assert told(headers) == ("simple", None, "dearer_failed")
        nothing_is_owed(routed, charging)


@STREAMED
def test_it_may_go_up_more_than_once(routed: RunningProxy, charging: Provider, stream: bool) -> None:
    text = fresh("unsure")
    answer, headers = ask(routed, "chat", text, of="three", stream=stream)

    assert (answer, told(headers)) == (STRONG, ("a>b>c", "hedging", None))
    assert landed(charging, text) == ["gpt-4.1-nano", "gpt-4.1-nano", "gpt-4.1"]
    nothing_is_owed(routed, charging)


@STREAMED
@pytest.mark.parametrize("endpoint", ["chat", "messages"])
@pytest.mark.parametrize("of", ["broken-middle", "broken-twice"])
def test_a_tier_that_fails_in_the_middle_is_skipped(
    routed: RunningProxy, charging: Provider, of: str, endpoint: str, stream: bool
) -> None:
    text = fresh("unsure")
    answer, headers = ask(routed, endpoint, text, of=of, stream=stream)

    assert (answer, told(headers)) == (STRONG, ("a>b>c", "error", None))
    assert headers["x-litellm-plugins-route-tier"] == "c"
    assert landed(charging, text)[0] == "gpt-4.1-nano"
    nothing_is_owed(routed, charging)
    lines = [json.loads(line) for line in routed.log().splitlines() if '"answer_checked"' in line]
    fault = "hedging" if of == "broken-middle" else "error"
    assert [(line["tier"], line["to"], line["fault"], line["kept"]) for line in lines[-2:]] == [
        ("a", "b", fault, ""),
        ("b", "c", "error", ""),
    ]


@STREAMED
@pytest.mark.parametrize(("of", "asked"), [("broken-upwards", 2), ("refused-middle", 1)])
def test_where_no_tier_above_answers_the_first_answer_is_served(
    routed: RunningProxy, charging: Provider, of: str, asked: int, stream: bool
) -> None:
    text = fresh("unsure")
    answer, headers = ask(routed, "chat", text, of=of, stream=stream)

    assert (answer, told(headers)) == (UNSURE, ("a", None, "dearer_failed"))
    nothing_is_owed(routed, charging)
    lines = [json.loads(line) for line in routed.log().splitlines() if '"answer_checked"' in line]
    assert [line["kept"] for line in lines[-asked:]] == ["dearer_failed"] * asked
    assert [line["tier"] for line in lines[-asked:]] == ["a", "b"][:asked]


def test_the_first_tiers_limit_of_an_answer_does_not_hold_two_tiers_up(
    routed: RunningProxy, charging: Provider
) -> None:
    text = fresh("unsure")
    _, headers = ask(routed, "chat", text, of="limited-three")

    assert told(headers) == ("a>b>c", "hedging", None)
    assert [each["body"].get("max_tokens") for each in charging.requests_about(text)] == [3, 900, 900]


@STREAMED
def test_the_dearer_tiers_own_limit_of_an_answer_holds(routed: RunningProxy, charging: Provider, stream: bool) -> None:
    text = fresh("please")
    _, headers = ask(routed, "chat", text, of="limited", stream=stream)

    assert told(headers) == ("simple>complex", "cut_short", None)
    assert [each["body"].get("max_tokens") for each in charging.requests_about(text)] == [3, 700]


def test_a_tier_that_is_forced_is_kept_and_so_is_one_without_checks(routed: RunningProxy) -> None:
    forced, headers = ask(routed, "chat", fresh("unsure"), extra_headers={"x-litellm-plugins-route": "simple"})
    off, unchecked = ask(routed, "chat", fresh("unsure"), of="off")

    assert (forced, told(headers)) == (UNSURE, (None, None, None))
    assert (off, told(unchecked)) == (UNSURE, (None, None, None))


@pytest.mark.parametrize("endpoint", ["chat", "messages", "responses"])
def test_a_client_that_leaves_the_stream_pays_for_both_calls(
    routed: RunningProxy, charging: Provider, endpoint: str
) -> None:
    path, said = "/v1/chat/completions", {"model": "auto", "stream": True}
    words: dict[str, Any] = {"messages": [{"role": "user", "content": fresh("unsure")}], "max_tokens": 900}
    if endpoint == "messages":
        path = "/v1/messages"
    if endpoint == "responses":
        path, words = "/v1/responses", {"input": fresh("unsure")}
    headers = {"authorization": f"Bearer {KEYS.support}"}
    with (
        httpx.Client(base_url=routed.url, trust_env=False, headers=headers) as client,
        client.stream("POST", path, json={**said, **words}) as stream,
    ):
        next(stream.iter_raw())
    nothing_is_owed(routed, charging)


def test_event_metric_and_log_tell_the_escalation_and_one_end(routed: RunningProxy, charging: Provider) -> None:
    labels = {"router": "auto", "from": "simple", "to": "complex", "reason": "hedging"}
    before = routed.metrics().value("litellm_plugins_escalations_total", **labels) or 0

    def ends() -> list[dict[str, Any]]:
        return [json.loads(line) for line in routed.log().splitlines() if '"call_finished"' in line]

    nothing_is_owed(routed, charging)
    known, spent = len(ends()), held_by(routed, "all")
    ask(routed, "chat", fresh("unsure"))

    assert routed.metrics().value("litellm_plugins_escalations_total", **labels) == before + 1
    lines = [json.loads(line) for line in routed.log().splitlines() if '"answer_checked"' in line]
    wanted = {"router": "auto", "tier": "simple", "to": "complex", "fault": "hedging", "kept": ""}
    assert wanted.items() <= lines[-1].items()
    eventually(lambda: len(ends()) > known, what="the request's end to be told")
    nothing_is_owed(routed, charging)
    now = held_by(routed, "all")
    assert len(ends()) == known + 1
    assert round(float(ends()[-1]["cost_usd"]) * 1e9) == now.spent - spent.spent
    assert now.requests == spent.requests + 1
