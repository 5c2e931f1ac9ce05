"""Budgets beside a cache that asks models itself: hits, merged requests, own calls, retries, clients that leave."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.at_once import ask_at_once, chat, leave_once
from tests.support.budget_proxy import budget, told
from tests.support.budgets import Held, billed, held_by, settled
from tests.support.fixtures import new_question
from tests.support.labels import be_of_two_minds
from tests.support.langfuse import LangfuseRecorder

if TYPE_CHECKING:
    import httpx

EMBEDDER, JUDGE = "text-embedding-3-small", "gpt-4.1-nano"
EMBEDDING_NANO = 20  # a token
FEATURES = ("plain", "embedded", "judged", "merged", "left", "traced", "retried", "pictures")
BUTTON = "Open the settings, choose Security and press Reset; a link comes by mail."
LINK = "Happy to help. Have a new one mailed to you: the form for it is below the sign-in box."
STALLS = {"x-simulator-fault": "stall:3"}


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """What the model says to a question, where a test wants to know."""
    return {}


@pytest.fixture(scope="module")
def charging(answers: dict[str, str]) -> Iterator[Provider]:
    with Provider(script=lambda model, question: "SAME" if model == JUDGE else answers.get(question)) as provider:
        yield provider


@pytest.fixture(scope="module")
def recorder() -> Iterator[LangfuseRecorder]:
    with LangfuseRecorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def proxy(
    charging: Provider, recorder: LangfuseRecorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """Team support has its answers compared by a judge, team sales is served what lies near."""
    judge = {"model": "judge", "budget_usd_per_day": "0.50", "timeout_s": 20}
    semantic = {"embedder": EMBEDDER, "threshold": None, "max_error_rate": 0.01, "judge": judge}
    config = proxy_config(
        charging.url,
        pack={
            "cache": {"semantic": semantic},
            "coalesce": {"enabled": True},
            "per_team": {"sales": {"cache": {"semantic": {"threshold": 0.7, "judge": None}}}},
            "budgets": [
                *(budget(name, limit_usd=1) for name in FEATURES),
                budget("laxer", limit_usd=0, on_hard="degrade", degrade={"max_error_rate": 0.2}),
                budget("few-pictures", limit_usd="0.05"),
                budget("only", limit_requests=1, on_hard="cache_only"),
            ],
        },
        more_models=[
            model("judge", charging.url, JUDGE),
            model("impatient", charging.url, "gpt-4.1", timeout=1, extra_headers=STALLS),
            model("halting", charging.url, "gpt-4.1", timeout=1, extra_headers=STALLS),
        ],
        router_settings={"fallbacks": [{"halting": ["gpt-4.1-mini"]}]},
        general_settings={"cancel_on_disconnect": True},
        litellm_settings={"callbacks": ["prometheus", "langfuse_otel", "litellm_plugins.proxy.handler"]},
    )
    folder = tmp_path_factory.mktemp("budgets_cached")
    with RunningProxy(config, folder, provider_url=charging.url, env=recorder.env()) as running:
        running.ask(KEYS.legal, new_question())  # by now the embedder is warm
        charging.clear()
        yield running


@pytest.fixture(autouse=True)
def _a_new_bill(charging: Provider) -> None:
    charging.clear()


def body(text: str, feature: str, **more: Any) -> dict[str, Any]:
    return {**chat(text, **more), "metadata": {"feature": feature}}


def ask(proxy: RunningProxy, text: str, feature: str, *, key: str = KEYS.support, **more: Any) -> httpx.Response:
    return proxy.http("POST", "/v1/chat/completions", key, json=body(text, feature, **more))


def teach(proxy: RunningProxy, text: str, feature: str, *, key: str = KEYS.support, **more: Any) -> httpx.Response:
    response = ask(proxy, text, feature, key=key, **more)
    assert response.is_success, response.text
    eventually(lambda: proxy.has_stored(response.json()["id"]), what="the answer to be stored")
    return response


def booked(proxy: RunningProxy, feature: str, requests: int) -> Held:
    return settled(functools.partial(held_by, proxy, feature), requests)


def test_a_hit_costs_nothing_and_at_the_limit_it_is_served_all_the_same(proxy: RunningProxy) -> None:
    question = new_question()
    teach(proxy, question, "only")
    before = booked(proxy, "only", 1)
    for stream in (False, True):
        hit = ask(proxy, question, "only", stream=stream)
        assert (hit.headers["x-litellm-plugins-cache"], told(hit, "reason")) == ("exact", "cache_hit")
    refused = ask(proxy, new_question(), "only")

    assert (refused.status_code, told(refused, "reason")) == (429, "cache_only")
    assert "cache" in refused.json()["error"]["message"]
    now = booked(proxy, "only", 1)
    assert (now.requests, now.reserved) == (1, 0)
    assert 0 <= now.spent - before.spent < 1_000  # the refused question's embedding


def test_the_embedding_of_a_question_is_charged_to_who_asks_it(proxy: RunningProxy, charging: Provider) -> None:
    article = new_question()
    before = held_by(proxy, "embedded")
    teach(proxy, article, "embedded", key=KEYS.sales)
    missed = booked(proxy, "embedded", before.requests + 1)
    assert missed.spent - before.spent == billed(charging)
    assert charging.bill()[EMBEDDER]["requests"] == 1

    charging.clear()
    hit = ask(proxy, f"{article} Please", "embedded", key=KEYS.sales)
    assert hit.headers["x-litellm-plugins-cache"] == "semantic"
    embedded = charging.bill()[EMBEDDER]["prompt_tokens"] * EMBEDDING_NANO
    eventually(lambda: held_by(proxy, "embedded").spent - missed.spent == embedded, what="the hit's embedding")
    assert billed(charging) == embedded > 0
    now = held_by(proxy, "embedded")
    assert (now.requests, now.reserved) == (missed.requests, 0)


def test_the_judge_is_paid_by_the_request_whose_answer_it_judges(
    proxy: RunningProxy, charging: Provider, answers: dict[str, str]
) -> None:
    """It is asked when the request is long settled."""
    how, also_how = "How do I reset my password?", "I forgot my password, how do I reset it?"
    answers.update({how: BUTTON, also_how: LINK})
    before = held_by(proxy, "judged")
    teach(proxy, how, "judged")
    teach(proxy, also_how, "judged")
    eventually(lambda: JUDGE in charging.bill(), what="the judge to be asked")

    eventually(lambda: held_by(proxy, "judged").spent - before.spent == billed(charging), what="all to be booked")
    now = booked(proxy, "judged", before.requests + 2)
    assert (now.requests - before.requests, now.reserved) == (2, 0)
    assert proxy.metrics().value("litellm_plugins_budget_settlements_total", ending="own") >= 1


def test_who_waits_for_the_same_answer_reserves_nothing_and_is_not_charged(
    proxy: RunningProxy, charging: Provider
) -> None:
    question = f"{new_question()} simulator:stall:2"
    before = held_by(proxy, "merged")
    asked = [(KEYS.support, body(question, "merged", stream=bool(n % 2))) for n in range(10)]
    told_all = ask_at_once(proxy.url, asked)

    assert Counter(each.status for each in told_all) == {200: 10}
    merged = [each for each in told_all if each.cache == "coalesced"]
    assert merged
    assert {each.headers["x-litellm-plugins-budget-reason"] for each in merged} == {"coalesced"}
    now = booked(proxy, "merged", before.requests + 1)
    assert now.requests - before.requests == 1
    # Whoever asked first pays for the embedding, perhaps one who was served.
    eventually(lambda: held_by(proxy, "merged").spent - before.spent == billed(charging), what="all to be booked")
    assert held_by(proxy, "merged").requests - before.requests == 1


@pytest.mark.parametrize("name", ["impatient", "halting"])
def test_every_try_that_cost_something_is_booked(proxy: RunningProxy, charging: Provider, name: str) -> None:
    """Two that the provider was at when they were left; behind `halting` there is one that answers after that."""
    before = held_by(proxy, "retried")
    response = ask(proxy, new_question(), "retried", model=name, num_retries=1)

    assert response.status_code == (408 if name == "impatient" else 200)
    assert charging.bill()["gpt-4.1"]["requests"] == 2
    now = booked(proxy, "retried", before.requests + 1)
    assert now.spent - before.spent == billed(charging)


def test_a_call_that_is_cancelled_because_its_client_left_is_settled(proxy: RunningProxy, charging: Provider) -> None:
    before = held_by(proxy, "left")
    asked = body(f"{new_question()} simulator:stall:20", "left")
    leave_once(
        proxy.url,
        "/v1/chat/completions",
        KEYS.support,
        asked,
        probe=lambda: "gpt-4.1" in charging.bill(),
        what="the provider to see it",
    )
    now = booked(proxy, "left", before.requests)
    eventually(lambda: held_by(proxy, "left").spent - before.spent == billed(charging), what="the prompt to be booked")
    assert now.reserved == 0


def test_what_is_not_priced_by_tokens_reserves_the_settings_amount(proxy: RunningProxy) -> None:
    def draw(feature: str) -> httpx.Response:
        picture = {"model": "gpt-4.1", "prompt": "a cat", "metadata": {"feature": feature}}
        return proxy.http("POST", "/v1/images/generations", KEYS.support, json=picture)

    refused = draw("few-pictures")
    assert refused.status_code == 429  # the host's route for images passes no headers on
    assert "few-pictures" in refused.json()["error"]["message"]
    assert "$0.10" in refused.json()["error"]["message"]
    failed = draw("pictures")  # the provider draws none
    assert failed.status_code not in (200, 429)
    assert booked(proxy, "pictures", 0) == Held()


def test_langfuse_is_told_how_a_request_stands_with_its_budget(proxy: RunningProxy, recorder: LangfuseRecorder) -> None:
    ask(proxy, new_question(), "traced")

    def traced() -> list[Any]:
        return [each for each in recorder.generations() if each.metadata.get("budget") == "traced"]

    (told_it,) = eventually(traced, what="the trace", timeout_s=30)
    assert "budget:ok" in told_it.tags
    assert told_it.metadata["budget_state"] == "ok"
    assert told_it.metadata["budget_reason"] == "within"
    assert 0 < float(told_it.metadata["budget_remaining_usd"]) < 1


def test_at_the_limit_a_laxer_match_is_served_where_the_settings_allow_it(proxy: RunningProxy) -> None:
    """After the tests above: from here on the verifier takes likely pairs for likely right."""
    be_of_two_minds(proxy.database, f"litellm:{EMBEDDER}")
    number = itertools.count()

    def ask_near(feature: str) -> httpx.Response:
        """In a world of its own, as the seeded pairs are: no other article lies near.

        One in ten is asked afresh all the same, to learn from it.
        """
        article = new_question()
        alone: dict[str, Any] = {"cache": {"namespace": f"n{next(number)}"}}
        teach(proxy, f"{article} How do I read it?", "plain", **alone)
        return ask(proxy, f"{article} How can I read it?", feature, **alone)

    eventually(lambda: ask_near("laxer").is_success, what="the verifier to know of it", timeout_s=60, every_s=0.5)
    answers = [ask_near("laxer") for _ in range(8)]
    served = [answer for answer in answers if answer.is_success]
    assert served
    for answer in served:
        assert answer.headers["x-litellm-plugins-cache"] == "semantic"
        assert (told(answer, "state"), told(answer, "reason")) == ("degraded", "degraded_at_limit")
    assert [ask_near("plain").headers["x-litellm-plugins-cache"] for _ in range(5)] == ["miss"] * 5
    refused = ask(proxy, "Something else altogether", "laxer")
    assert (refused.status_code, told(refused, "reason")) == (429, "above_limit")
    assert held_by(proxy, "laxer").requests == held_by(proxy, "laxer").reserved == 0
