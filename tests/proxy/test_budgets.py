"""Whatever way a call ends, it is booked once, at what its provider charges, and nothing stays reserved."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually
from tests.support.at_once import leave_once
from tests.support.budget_proxy import (
    LIMIT_TOKENS,
    ONE_USD_NANO,
    ROOM_FOR_TEN_NANO,
    body_of,
    budget,
    budget_config,
    post,
    race,
    told,
)
from tests.support.budgets import Held, billed, held_by, ledger_file, open_calls

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def pacing() -> Iterator[Provider]:
    """Another, behind the model `slow`, whose words come one after the other."""
    with Provider(latency_scale=0.5) as provider:
        yield provider


@pytest.fixture(scope="module")
def budgeted(charging: Provider, pacing: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    budgets = [
        budget("ways", limit_usd=1),
        budget("hard", limit_requests=1),
        budget("soft", limit_usd="0.001", soft=[0.3], on_soft="degrade", degrade={"model": "gpt-4.1-mini"}),
        budget("short", limit_usd="0.0001", on_hard="degrade", degrade={"max_tokens": 1}),
        budget("dear", limit_usd="0.0001"),
        budget("cap", max_request_usd="0.0001"),
        budget("unpriced", limit_usd=1),
        budget("closed", limit_usd=1),
        budget("open", limit_usd=1, on_ledger_failure="allow"),
        *(budget(f"race{number}", limit_usd=ROOM_FOR_TEN_NANO / ONE_USD_NANO) for number in range(3)),
    ]
    prices = {"priced-here": {"input_usd_per_million": 1, "output_usd_per_million": 2}}
    config = budget_config(charging.url, pacing.url, budgets, prices=prices)
    folder = tmp_path_factory.mktemp("budgeted")
    with RunningProxy(config, folder, provider_url=charging.url) as proxy:
        yield proxy


def settled(proxy: RunningProxy, name: str, requests: int) -> Held:
    """What is booked once nothing is held any more."""

    def done() -> bool:
        now = held_by(proxy, name)
        return now.requests >= requests and not now.reserved and not open_calls(proxy)

    eventually(done, what=f"{name} to be settled", timeout_s=20)
    return held_by(proxy, name)


@pytest.mark.parametrize("number", range(3))
def test_of_64_at_once_exactly_as_many_succeed_as_there_is_room_for(
    budgeted: RunningProxy, charging: Provider, number: int
) -> None:
    charging.clear()
    assert race(budgeted, f"race{number}") == {200: 10, 429: 54}
    booked = settled(budgeted, f"race{number}", 10)
    assert booked.spent == billed(charging) <= ROOM_FOR_TEN_NANO
    assert booked.requests == 10


@STREAMED
@pytest.mark.parametrize("endpoint", ["chat", "azure", "messages", "responses", "completions"])
def test_a_success_is_booked_at_what_it_cost(
    budgeted: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    charging.clear()
    before = held_by(budgeted, "ways")
    response = post(budgeted, endpoint, f"success {endpoint}", "ways", stream=stream)

    assert response.is_success, response.text
    assert (told(response, "state"), told(response, "reason"), told(response, "")) == ("ok", "within", "ways")
    assert 0 < float(told(response, "remaining-usd") or 0) < 1
    now = settled(budgeted, "ways", before.requests + 1)
    assert now.spent - before.spent == billed(charging) > 0


@STREAMED
@pytest.mark.parametrize("endpoint", ["chat", "azure", "messages", "responses"])
@pytest.mark.parametrize("fault", ["error:500", "error:429"])
def test_an_error_costs_nothing(budgeted: RunningProxy, endpoint: str, stream: bool, fault: str) -> None:
    before = held_by(budgeted, "ways")
    assert post(budgeted, endpoint, f"simulator:{fault}", "ways", stream=stream).status_code >= 400

    assert settled(budgeted, "ways", before.requests) == before


@pytest.mark.parametrize("endpoint", ["chat", "azure", "responses", "completions"])
def test_a_stream_that_breaks_off_is_booked_as_far_as_it_came(
    budgeted: RunningProxy, pacing: Provider, endpoint: str
) -> None:
    pacing.clear()
    before = held_by(budgeted, "ways")
    post(budgeted, endpoint, f"broken {endpoint} simulator:disconnect", "ways", model="slow", stream=True)

    now = settled(budgeted, "ways", before.requests + 1)
    assert now.spent - before.spent == billed(pacing) > 0


def test_a_prompt_that_a_provider_had_when_it_was_left_is_booked(budgeted: RunningProxy, charging: Provider) -> None:
    charging.clear()
    before = held_by(budgeted, "ways")
    assert post(budgeted, "chat", "simulator:stall:3", "ways", model="impatient").status_code == 408

    now = settled(budgeted, "ways", before.requests + 1)
    assert now.spent - before.spent == eventually(lambda: billed(charging), what="the provider to see it")


def test_of_a_stream_that_breaks_before_its_first_word_the_prompt_is_booked(budgeted: RunningProxy) -> None:
    before = held_by(budgeted, "ways")
    post(budgeted, "messages", "wordless simulator:disconnect", "ways", stream=True, max_tokens=1)

    now = settled(budgeted, "ways", before.requests + 1)
    assert 20_000 < now.spent - before.spent < 80_000
    assert (now.spent - before.spent) % 3_000 == 0


def leave(proxy: RunningProxy, endpoint: str, text: str, *, after_lines: int, max_tokens: int = 60) -> None:
    """Ask for a long answer, and hang up after so many lines."""
    path, body = body_of(endpoint, text, "ways", model="slow", stream=True, max_tokens=max_tokens)
    path, headers = path.replace("/x/", "/slow/"), {"authorization": f"Bearer {KEYS.support}"}
    with proxy.stream("POST", path, json=body, headers=headers) as response:
        lines = response.iter_lines()
        for _ in range(after_lines):
            next(lines)


def leave_at_once(proxy: RunningProxy, pacing: Provider, endpoint: str, text: str) -> None:
    """The same before the first word."""
    path, body = body_of(endpoint, text, "ways", model="slow", stream=True, max_tokens=60)
    leave_once(proxy.url, path, KEYS.support, body, probe=pacing.requests, what="the provider to be asked")


@pytest.mark.parametrize("after_lines", [0, 6])
@pytest.mark.parametrize("endpoint", ["chat", "messages", "responses", "completions"])
def test_a_stream_that_its_client_leaves_is_read_on_and_booked_at_what_it_cost(
    budgeted: RunningProxy, pacing: Provider, endpoint: str, after_lines: int
) -> None:
    pacing.clear()
    before = held_by(budgeted, "ways")
    text = f"left {endpoint} {after_lines}"
    if after_lines:
        leave(budgeted, endpoint, text, after_lines=after_lines)
    else:
        leave_at_once(budgeted, pacing, endpoint, text)

    now = settled(budgeted, "ways", before.requests + 1)
    assert now.spent - before.spent == billed(pacing) >= LIMIT_TOKENS * 8_000
    (asked,) = pacing.requests()
    assert asked["outcome"] == "complete"


def test_where_it_cannot_be_read_on_what_was_heard_is_booked(budgeted: RunningProxy, pacing: Provider) -> None:
    pacing.clear()
    before = held_by(budgeted, "ways")
    leave(budgeted, "azure", "left azure", after_lines=6)

    assert settled(budgeted, "ways", before.requests + 1).spent > before.spent
    assert eventually(lambda: pacing.requests()[0]["outcome"] == "client_left", what="the provider to see it")


def test_a_model_that_the_host_does_not_know_leaves_nothing_behind(budgeted: RunningProxy) -> None:
    before = held_by(budgeted, "ways")
    assert post(budgeted, "chat", "hello", "ways", model="nonsense").status_code == 400
    assert settled(budgeted, "ways", before.requests) == before


def test_a_fallback_is_booked_at_its_own_price(budgeted: RunningProxy, charging: Provider) -> None:
    charging.clear()
    before = held_by(budgeted, "ways")
    assert post(budgeted, "chat", "fallback", "ways", model="fragile").is_success
    now = settled(budgeted, "ways", before.requests + 1)
    assert (
        now.spent - before.spent == billed(charging) == charging.bill()["gpt-4.1-mini"]["prompt_tokens"] * 400 + 32_000
    )


@STREAMED
@pytest.mark.parametrize("endpoint", ["chat", "azure", "messages", "responses"])
def test_at_the_hard_mark_a_request_is_refused_once(
    budgeted: RunningProxy, charging: Provider, endpoint: str, stream: bool
) -> None:
    post(budgeted, "chat", "the one that is allowed", "hard")
    charging.clear()
    response = post(budgeted, endpoint, "one too many", "hard", stream=stream)

    assert response.status_code == 429
    assert response.headers["x-should-retry"] == "false"
    assert 0 < int(response.headers["retry-after"]) <= 86_400
    assert (told(response, "state"), told(response, "reason"), told(response, "")) == (
        "denied",
        "limit_reached",
        "hard",
    )
    error = response.json()["error"]
    assert error["type"] == ("rate_limit_error" if endpoint == "messages" else "budget_exceeded")
    for word in ("hard", "limit 1 request", "spent 1 request", "resets at"):
        assert word in error["message"]
    assert charging.count() == 0
    assert settled(budgeted, "hard", 1).requests == 1


def test_the_sdk_does_not_retry_a_refusal(budgeted: RunningProxy) -> None:
    post(budgeted, "chat", "the one that is allowed", "hard")
    client = budgeted.client(KEYS.support).with_options(max_retries=3)
    before = budgeted.metrics().value("litellm_plugins_budget_decisions_total", budget="hard", state="denied")
    _, body = body_of("chat", "again", "hard")
    asked = {"model": body["model"], "messages": body["messages"], "max_tokens": body["max_tokens"]}
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**asked, extra_body={"metadata": body["metadata"]})
    now = budgeted.metrics().value("litellm_plugins_budget_decisions_total", budget="hard", state="denied")
    assert now == before + 1


@STREAMED
def test_past_the_soft_mark_the_cheaper_model_answers(budgeted: RunningProxy, charging: Provider, stream: bool) -> None:
    for index in range(2):  # 0.00036 of 0.001
        post(budgeted, "chat", f"soft {stream} {index}", "soft")
    settled(budgeted, "soft", 2)
    charging.clear()
    response = post(budgeted, "chat", f"soft {stream}", "soft", stream=stream)

    assert (told(response, "state"), told(response, "reason")) == ("degraded", "degraded_at_mark")
    assert told(response, "degraded-to") == "gpt-4.1-mini"
    assert list(charging.bill()) == ["gpt-4.1-mini"]


def test_at_the_hard_mark_an_answer_is_shortened_where_the_settings_say_so(budgeted: RunningProxy) -> None:
    response = post(budgeted, "chat", "shorter please", "short")

    assert (told(response, "state"), told(response, "reason")) == ("degraded", "degraded_at_limit")
    assert response.json()["usage"]["completion_tokens"] == 1


def test_a_fallback_to_a_dearer_model_is_refused(budgeted: RunningProxy, charging: Provider) -> None:
    charging.clear()
    response = post(budgeted, "chat", "dear", "dear", model="cheap-fragile")

    assert response.status_code == 500
    assert "Budget dear" in response.text
    assert told(response, "state") == "denied"
    assert [request["body"]["model"] for request in charging.requests()] == ["gpt-4.1-mini"]
    assert settled(budgeted, "dear", 0).spent == 0


def test_a_single_request_has_its_cap(budgeted: RunningProxy) -> None:
    response = post(budgeted, "chat", "too dear", "cap")
    assert (response.status_code, told(response, "reason")) == (429, "above_request_cap")
    assert "retry-after" not in response.headers


def test_a_model_without_a_price_is_refused_and_one_with_a_given_price_is_not(budgeted: RunningProxy) -> None:
    response = post(budgeted, "chat", "what does it cost", "unpriced", model="mystery")
    assert (response.status_code, told(response, "reason")) == (429, "unpriced_model")
    assert "ledger.prices" in response.json()["error"]["message"]

    usage = post(budgeted, "chat", "what does it cost", "unpriced", model="priced-here").json()["usage"]
    cost = usage["prompt_tokens"] * 1_000 + usage["completion_tokens"] * 2_000
    assert settled(budgeted, "unpriced", 1).spent == cost


def test_what_the_ledger_cannot_keep_is_refused_or_allowed_and_both_recover(budgeted: RunningProxy) -> None:
    for name in ("closed", "open"):
        assert post(budgeted, "chat", f"before {name}", name).is_success
        settled(budgeted, name, 1)
    file = ledger_file(budgeted)
    file.chmod(0o444)
    try:
        refused = post(budgeted, "chat", "during", "closed")
        assert (refused.status_code, told(refused, "reason")) == (503, "ledger_unavailable")
        allowed = post(budgeted, "chat", "during", "open")
        assert (allowed.status_code, told(allowed, "reason")) == (200, "ledger_unavailable_allowed")
        assert budgeted.metrics().value("litellm_plugins_stage_failures_total", stage="ledger") > 0
    finally:
        file.chmod(0o600)

    eventually(lambda: post(budgeted, "chat", "after", "closed").is_success, what="it to recover", every_s=0.5)
    assert settled(budgeted, "open", 2).requests == 2  # booked once the ledger was back


def test_nothing_is_held_in_the_end(budgeted: RunningProxy) -> None:
    """The last but one of this file."""
    eventually(lambda: open_calls(budgeted) == 0, what="every reservation to be gone")
    assert "Traceback" not in "".join(line for line in budgeted.log().splitlines() if "litellm_plugins" in line)


STORY_TOKENS = 3_000  # takes much longer to tell than a proxy to stop


def test_told_to_stop_it_books_what_was_heard_of_streams_that_it_reads_on(budgeted: RunningProxy) -> None:
    """The last test: it leaves no proxy."""
    before = held_by(budgeted, "ways")
    for endpoint in ("chat", "messages"):  # the host has its say of the first, and none of the second
        leave(budgeted, endpoint, f"a long story {endpoint}", after_lines=6, max_tokens=STORY_TOKENS)
    assert open_calls(budgeted)
    budgeted.stop()

    now = held_by(budgeted, "ways")
    assert (open_calls(budgeted), now.requests - before.requests) == (0, 2)
    assert before.spent < now.spent < before.spent + STORY_TOKENS * 8_000, "not more than half of both stories"
