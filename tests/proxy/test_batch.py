"""Requests whose clients let them wait: a real proxy, a provider with OpenAI's batches, and the bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import openai
import orjson
import pytest

from litellm_plugins.virtual_keys.key_ring import hash_of, new_secret
from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import PRICES, held_by

if TYPE_CHECKING:
    import httpx

    from litellm_plugins.simulator.shelf import BatchStatus

OFFERED = "gpt-4.1-mini"
DEFER = "x-litellm-plugins-defer"
NARROW = new_secret()  # of a key that may ask one thing at a time


class Fate:
    """What becomes of batches when somebody looks; a test says."""

    def __init__(self) -> None:
        self.status: BatchStatus | None = None

    def __call__(self, _: Mapping[str, Any]) -> BatchStatus | None:
        return self.status


@pytest.fixture(scope="module")
def fate() -> Fate:
    return Fate()


@pytest.fixture(scope="module")
def provider(fate: Fate) -> Iterator[Provider]:
    with Provider(batch_fate=fate) as provider:
        yield provider


@pytest.fixture
def held_back(fate: Fate) -> Iterator[Fate]:
    """Batches are not answered while a test looks on."""
    fate.status = "in_progress"
    yield fate
    fate.status = None


@pytest.fixture(scope="module")
def proxy(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    pack = {
        "batch": {
            "enabled": True,
            "models": [OFFERED, "thinker", "claude"],
            "window_s": 0.5,
            "poll_every_s": 0.2,
            "max_requests": 50,
        },
        "budgets": [
            {"name": "batches", "scope": {"feature": "batches"}, "limit_usd": 1, "window": "1d"},
            {
                "name": "soft",
                "scope": {"feature": "soft"},
                "limit_usd": "0.002",
                "window": "1d",
                "soft": [0.001],
                "on_soft": "degrade",
                "degrade": {"defer": True},
            },
            {"name": "none-left", "scope": {"feature": "none-left"}, "limit_usd": "0.000001", "window": "1d"},
        ],
    }
    more = [
        model("claude", provider.url, "claude-sonnet-4-5", via="anthropic"),
        model("thinker", provider.url, "o3-mini", seed=7),
    ]
    config = proxy_config(provider.url, pack=pack, more_models=more)
    narrow = {"name": "narrow", "hash": f"sha256:{hash_of(NARROW)}", "team": "support", "max_parallel_requests": 1}
    config["callback_settings"]["litellm_plugins"]["virtual_keys"]["keys"].append(narrow)
    with RunningProxy(config, tmp_path_factory.mktemp("batch"), provider_url=provider.url) as proxy:
        yield proxy


def post(
    proxy: RunningProxy, text: str, wish: str | None = "require", key: str = KEYS.support, **more: Any
) -> httpx.Response:
    body = {"model": OFFERED, "messages": [{"role": "user", "content": text}], "max_tokens": 20, **more}
    headers = {} if wish is None else {DEFER: wish}
    return proxy.http("POST", "/v1/chat/completions", key, json=body, headers=headers)


def told(response: httpx.Response) -> tuple[str | None, str | None]:
    return response.headers.get(DEFER), response.headers.get(f"{DEFER}-reason")


def ended(proxy: RunningProxy, where: str) -> dict[str, Any]:
    """What a client reads once it is over."""

    def over() -> dict[str, Any] | None:
        response = proxy.http("GET", where, KEYS.support)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return None if found["status"] in ("queued", "submitted") else found

    return eventually(over, what="a deferred request to end", timeout_s=30, every_s=0.1) or {}


def test_a_request_that_waits_is_answered_by_a_batch_at_half_the_price(
    proxy: RunningProxy, provider: Provider, held_back: Fate
) -> None:
    feature: dict[str, Any] = {"metadata": {"feature": "batches"}}
    before = provider.batch_bill()
    accepted = post(proxy, "What is a batch?", **feature)

    assert accepted.status_code == 202, accepted.text
    assert told(accepted) == ("deferred", "required")
    waiting = accepted.json()
    assert (waiting["object"], waiting["status"], waiting["completion"]) == ("deferred.completion", "queued", None)
    assert accepted.headers["location"] == f"/plugins/deferred/{waiting['id']}"
    assert waiting["expires_at"] - waiting["created_at"] == 90_000
    reserved = held_by(proxy, "batches").reserved
    assert reserved > 0

    where = accepted.headers["location"]
    eventually(
        lambda: proxy.http("GET", where, KEYS.support).json()["status"] == "submitted", what="it to be submitted"
    )
    assert held_by(proxy, "batches").reserved == reserved
    held_back.status = None
    done = ended(proxy, where)

    assert done["status"] == "completed", done
    completion = done["completion"]
    fresh = post(proxy, "What is a batch?", None, **feature).json()
    assert completion["choices"][0]["message"]["content"] == fresh["choices"][0]["message"]["content"]
    assert completion["model"] == OFFERED
    assert provider.times_asked("What is a batch?") == 1  # by the one just now
    now = provider.batch_bill()[OFFERED]
    asked, answered = (now[n] - before.get(OFFERED, {}).get(n, 0) for n in ("prompt_tokens", "completion_tokens"))
    assert (asked, answered) == (completion["usage"]["prompt_tokens"], completion["usage"]["completion_tokens"])
    price = PRICES[OFFERED]
    whole = price[0] * asked + price[1] * answered
    eventually(lambda: held_by(proxy, "batches").requests == 2, what="both to be booked")
    booked = held_by(proxy, "batches")
    assert booked.spent == whole / 2 + whole
    assert booked.reserved == 0


def test_a_hit_is_served_at_once_and_nothing_waits(proxy: RunningProxy, provider: Provider) -> None:
    text = "How do I change the colour of my tent?"
    asked = post(proxy, text, None, max_tokens=2_000)  # one that is cut short would not be stored
    assert asked.status_code == 200
    eventually(lambda: proxy.has_stored(asked.json()["id"]), what="the answer to be stored")
    again = post(proxy, text, max_tokens=2_000)
    assert (again.status_code, told(again)) == (200, ("immediate", "cache_hit"))
    assert again.json()["choices"] == asked.json()["choices"]


def test_who_does_not_ask_to_wait_never_does(proxy: RunningProxy) -> None:
    response = post(proxy, "At once, please", None)
    assert response.status_code == 200
    assert told(response) == (None, None)


def test_who_allows_it_waits_only_past_a_budgets_mark(proxy: RunningProxy) -> None:
    feature: dict[str, Any] = {"metadata": {"feature": "soft"}}
    first = post(proxy, "Within the budget?", "allow", **feature)
    assert (first.status_code, told(first)) == (200, ("immediate", "within_budget"))
    eventually(lambda: held_by(proxy, "soft").requests == 1, what="the first to be booked")

    past = post(proxy, "Past the mark?", "allow", **feature)
    assert (past.status_code, told(past)) == (202, ("deferred", "budget")), past.text
    assert past.headers["x-litellm-plugins-budget-state"] == "degraded"
    assert past.headers["x-litellm-plugins-budget-reason"] == "degraded_at_mark"
    silent = post(proxy, "Past the mark, and in a hurry?", None, **feature)
    assert silent.status_code == 200
    assert silent.headers["x-litellm-plugins-budget-state"] == "soft"
    assert ended(proxy, past.headers["location"])["status"] == "completed"


def test_what_may_not_be_spent_may_not_wait_either(proxy: RunningProxy) -> None:
    response = post(proxy, "No money", metadata={"feature": "none-left"})
    assert (response.status_code, told(response)) == (429, ("refused", "no_room")), response.text
    assert response.headers["x-litellm-plugins-budget-state"] == "denied"


def test_a_request_is_its_own_teams_alone_and_may_be_taken_back_until_it_is_sent(
    proxy: RunningProxy, provider: Provider
) -> None:
    before = held_by(proxy, "batches")
    accepted = post(proxy, "Take this back", metadata={"feature": "batches"})
    where = accepted.headers["location"]
    assert held_by(proxy, "batches").reserved > 0
    for method in ("GET", "DELETE"):
        assert proxy.http(method, where, KEYS.sales).status_code == 404
        assert proxy.http(method, where, KEYS.freelancer).status_code == 404
        assert proxy.http(method, where, "sk-wrong").status_code == 401

    assert proxy.http("GET", where, KEYS.support_colleague).json()["status"] == "queued"
    assert proxy.http("DELETE", where, KEYS.support).json()["status"] == "cancelled"
    assert proxy.http("GET", where, KEYS.support).json()["status"] == "cancelled"
    after = held_by(proxy, "batches")
    assert (after.reserved, after.spent) == (0, before.spent)
    assert proxy.http("DELETE", "/plugins/deferred/deferred_none", KEYS.support).status_code == 404


def test_a_request_that_waits_takes_no_place_of_its_keys_calls_in_parallel(proxy: RunningProxy) -> None:
    """The host lets go of it when it logs the 202."""

    def accepted() -> bool:
        return post(proxy, "One at a time", key=NARROW).status_code == 202

    assert accepted()
    for _ in range(4):
        eventually(accepted, what="another to be let in", timeout_s=10)


def test_what_a_provider_has_cannot_be_taken_back(proxy: RunningProxy, held_back: Fate) -> None:
    where = post(proxy, "Too late to take back").headers["location"]
    eventually(
        lambda: proxy.http("GET", where, KEYS.support).json()["status"] == "submitted", what="it to be submitted"
    )
    refused = proxy.http("DELETE", where, KEYS.support)
    assert refused.status_code == 409, refused.text
    held_back.status = None
    assert ended(proxy, where)["status"] == "completed"
    assert proxy.http("DELETE", where, KEYS.support).status_code == 409


def test_a_request_that_its_provider_refuses_fails_alone_and_costs_nothing(proxy: RunningProxy) -> None:
    before = held_by(proxy, "batches")
    feature: dict[str, Any] = {"metadata": {"feature": "batches"}}
    bad = post(proxy, "simulator:error:400", **feature).headers["location"]
    good = post(proxy, "Beside a bad one", **feature).headers["location"]
    failed = ended(proxy, bad)
    assert (failed["status"], failed["completion"]) == ("failed", None)
    assert failed["error"]["message"]
    assert ended(proxy, good)["status"] == "completed"
    after = held_by(proxy, "batches")
    assert (after.requests, after.reserved) == (before.requests + 1, 0)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"stream": True}, "streamed"),
        ({"model": "gpt-4.1"}, "model_not_offered"),
        ({"model": "claude"}, "unsupported_provider"),
        ({"service_tier": "flex"}, "unsupported_parameter"),
        ({"fallbacks": ["gpt-4.1"]}, "unsupported_parameter"),
    ],
)
def test_what_cannot_wait_is_refused_where_it_must_and_answered_where_it_may(
    proxy: RunningProxy, more: dict[str, Any], reason: str
) -> None:
    refused = post(proxy, f"Must wait {more}", **more)
    assert (refused.status_code, told(refused)) == (400, ("refused", reason)), refused.text
    served = post(proxy, f"May wait {more}", "allow", **more)
    assert served.status_code == 200, served.text
    assert told(served) == ("immediate", reason)


def test_a_model_is_asked_in_its_own_words(proxy: RunningProxy, provider: Provider) -> None:
    """Reasoning models refuse `max_tokens`; the host says it in another word, and so does a batch."""
    where = post(proxy, "Think of a number", model="thinker", max_tokens=20).headers["location"]
    assert ended(proxy, where)["status"] == "completed"
    files = [each["body"]["input_file_id"] for each in provider.requests() if each["endpoint"] == "create_batch"]
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="any") as client:
        lines = [line for file in files for line in client.files.content(file).content.splitlines()]
    sent = next(body for line in lines if (body := orjson.loads(line)["body"])["model"] == "o3-mini")
    assert (sent["max_completion_tokens"], sent["seed"]) == (20, 7)
    assert "max_tokens" not in sent


def test_a_wish_that_is_none_is_refused(proxy: RunningProxy) -> None:
    refused = post(proxy, "Some day", "tomorrow")
    assert (refused.status_code, told(refused)) == (400, ("refused", "bad_defer"))
    in_metadata = post(proxy, "In the metadata", None, metadata={"litellm_plugins": {"defer": "require"}})
    assert in_metadata.status_code == 202


def test_another_endpoint_is_refused(proxy: RunningProxy) -> None:
    body = {"model": OFFERED, "input": "hello"}
    refused = proxy.http("POST", "/v1/responses", KEYS.support, json=body, headers={DEFER: "require"})
    assert (refused.status_code, told(refused)) == (400, ("refused", "unsupported_endpoint")), refused.text


def test_every_end_is_told_and_the_sums_agree(proxy: RunningProxy) -> None:
    """Of all that the tests above put off: the metrics of its end, and the dollars that waiting has saved."""

    def over() -> bool:
        shown = proxy.metrics()
        put_off = shown.value("litellm_plugins_deferrals_total", outcome="deferred")
        return put_off > 0 and shown.value("litellm_plugins_deferred_ended_total") == put_off

    eventually(over, what="all ends to be told", timeout_s=20, every_s=0.5)
    shown = proxy.metrics()
    completed = shown.value("litellm_plugins_deferred_ended_total", status="completed")
    assert completed == shown.value("litellm_plugins_deferred_wait_seconds_count", status="completed") >= 5
    assert shown.value("litellm_plugins_deferred_ended_total", status="cancelled") == 1
    assert shown.value("litellm_plugins_saved_usd_total", cause="batch") > 0
    assert shown.value("litellm_plugins_deferred_open") == 0
