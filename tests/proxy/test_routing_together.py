"""Cascade, experiment and session of one router at once; limits that hold whatever is sent; several workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from litellm_plugins.routing.experiments import arm_of
from litellm_plugins.settings.route_trials import Experiment
from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.answers import Answer
from tests.support.at_once import ask_at_once, chat
from tests.support.budgets import billed, held_by, open_calls
from tests.support.fixtures import new_question
from tests.support.workers import ask_each_worker

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.timeout(240)  # the last boots two workers
UNSURE, STRONG, GOOD = "I'm not sure, it may be Lyon.", "Paris, since 987.", "The capital of France is Paris."
HARD = (
    "Prove that the algorithm for distributed consensus below never deadlocks, derive its complexity, and design a"
    " counterexample where the invariant does not hold without the transaction. Justify each step."
)
UNCACHED = {"no-cache": True, "no-store": True}
ARMS = {"b": "nano", "control": "gpt-4.1-mini"}
SMALL: dict[str, Any] = {
    "name": "cheaper",
    "tier": "small",
    "arms": [{"name": "b", "model": "nano", "share": "50%"}],
    "sticky": "end_user",
}
STRONG_ARM: dict[str, Any] = {
    "name": "dearer",
    "tier": "small",
    "arms": [{"name": "b", "model": "gpt-4.1", "share": "50%"}],
    "sticky": "end_user",
}


def script(of: str, question: str) -> str | None:
    """The strong model knows; the others do not where the question says so."""
    return STRONG if of == "gpt-4.1" else UNSURE if "unsure" in question else GOOD


def router(experiment: dict[str, Any]) -> dict[str, Any]:
    return {
        "tiers": [{"name": "small", "models": ["gpt-4.1-mini"]}, {"name": "strong", "models": ["gpt-4.1"]}],
        "thresholds": [0.3],
        "experiments": [experiment],
        "session": {},
        "cascade": {},
    }


def config_of(url: str) -> dict[str, Any]:
    tight = {
        "name": "tight",
        "scope": {"feature": "tight"},
        "limit_usd": "0.01",
        "soft": [0.001],
        "on_soft": "degrade",
        "degrade": {"model": "gpt-4.1-mini"},
    }
    routers = {"auto": router(SMALL), "pricey": router(STRONG_ARM)}
    return proxy_config(
        url,
        pack={
            "cache": {"enabled": True, "semantic": {"enabled": False}},
            "coalesce": {"enabled": True},
            "budgets": [{"name": "all", "limit_usd": 100}, tight],
            "insight": {"flush_s": 0.2},
            "routing": {"routers": routers},
            "per_team": {"sales": {"routing": {"max_tier": "small"}}},
        },
        more_models=[model("nano", url, "gpt-4.1-nano"), *(model(name, url, "gpt-4.1") for name in routers)],
    )


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider(script=script) as provider:
        yield provider


@pytest.fixture(scope="module")
def routed(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("together")
    with RunningProxy(config_of(charging.url), folder, provider_url=charging.url) as proxy:
        yield proxy


def asker(arm: str, number: int = 0, experiment: dict[str, Any] = SMALL, name: str = "auto") -> str:
    """An end user of team support in this arm."""
    trial = Experiment.model_validate(experiment)
    users = (f"user-{each}" for each in range(1_000))
    return [each for each in users if arm_of(name, trial, f"support/{each}") == arm][number]


def fresh(about: str) -> str:
    return f"What is the capital of France, {about}? ({new_question()[-30:-16]})"


def told(answer: Answer) -> tuple[str | None, ...]:
    """Path, tier, model, reason and arm."""
    names = ("path", "tier", "model", "reason", "arm")
    return tuple(answer.headers.get(f"x-litellm-plugins-route-{name}") for name in names)


def landed(provider: Provider, text: str) -> list[str]:
    return [each["body"]["model"] for each in provider.requests_about(text)]


def turns_of(text: str) -> list[dict[str, str]]:
    """A conversation that is worth keeping where it is: its provider has read a long prompt."""
    return [
        {"role": "system", "content": new_question() + " You work for a bookshop." * 2_000},
        {"role": "user", "content": text},
    ]


@pytest.mark.parametrize("arm", ARMS)
def test_a_conversation_that_escalates_in_an_arm_stays_with_what_answered(
    routed: RunningProxy, charging: Provider, arm: str
) -> None:
    eventually(lambda: not open_calls(routed), what="the tests before to be settled", timeout_s=20)
    charging.clear()
    before, text, user = held_by(routed, "all").spent, fresh("unsure"), asker(arm)
    turns = turns_of(text)
    first = routed.ask(KEYS.support, model="auto", messages=turns, user=user)
    longer = [*turns, {"role": "assistant", "content": first.text}, {"role": "user", "content": fresh("please")}]
    second = routed.ask(KEYS.support, model="auto", messages=longer, user=user)
    another = [*longer[:-1], {"role": "user", "content": fresh("again")}]
    elsewhere = routed.ask(KEYS.support, model="auto", messages=another, user=asker(arm, 1))

    assert first.text == STRONG
    assert told(first) == ("small>strong", "strong", "gpt-4.1", "escalated", arm)
    assert landed(charging, text)[:2] == [{"nano": "gpt-4.1-nano"}.get(ARMS[arm], ARMS[arm]), "gpt-4.1"]
    assert told(second) == (None, "strong", "gpt-4.1", "session_kept", None)
    assert told(elsewhere) == ("small", "small", ARMS[arm], "score", arm)
    eventually(lambda: not open_calls(routed), what="all to be settled", timeout_s=20)
    eventually(lambda: held_by(routed, "all").spent - before == billed(charging), what="the ledger to be the bill")


def test_the_answers_of_an_arm_are_its_own_also_where_they_were_escalated(
    routed: RunningProxy, charging: Provider
) -> None:
    text = fresh("unsure")
    routed.teach(KEYS.support, text, model="auto", user=asker("b"))
    same, other = (routed.ask(KEYS.support, text, model="auto", user=asker(arm, 1)) for arm in ("b", "control"))

    assert (same.cache, other.cache) == ("exact", "miss")
    assert same.text == other.text == STRONG


def test_a_thumb_is_for_the_answer_that_was_served_and_its_arm_pays_for_both(routed: RunningProxy) -> None:
    answer = routed.ask(KEYS.support, fresh("unsure"), model="auto", user=asker("b", 2))
    given = {"call_id": answer.headers["x-litellm-call-id"], "verdict": "up"}
    assert routed.http("POST", "/plugins/feedback", KEYS.support, json=given).status_code == 200

    def row(tier: str) -> dict[str, Any]:
        rows = routed.http("GET", "/plugins/routing/report", routed.master_key).json()["rows"]
        found = [each for each in rows if (each["router"], each["tier"], each["arm"]) == ("auto", tier, "b")]
        return found[0] if found else {}

    eventually(lambda: row("strong").get("thumbs_up") == 1, what="the thumb to be counted", timeout_s=20)
    assert row("small").get("thumbs_up", 0) == 0


def test_a_budget_that_degrades_ends_an_arm_that_is_dearer(routed: RunningProxy, charging: Provider) -> None:
    user = asker("b", 0, STRONG_ARM, "pricey")
    more: dict[str, Any] = {"model": "pricey", "user": user, "max_tokens": 40}
    free = routed.ask(KEYS.support, fresh("please"), **more)
    more["extra_body"] = {"metadata": {"feature": "tight"}}
    for _ in range(2):
        text = fresh("please")
        last = routed.ask(KEYS.support, text, **more)

    assert told(free)[1:] == ("small", "gpt-4.1", "score", "b")
    assert last.headers["x-litellm-plugins-budget-degraded-to"] == "gpt-4.1-mini"
    assert told(last)[1:] == ("small", "gpt-4.1-mini", "budget_cap", None)
    assert landed(charging, text) == ["gpt-4.1-mini"]


def test_no_request_names_another_model_past_its_router(routed: RunningProxy, charging: Provider) -> None:
    text = fresh("please")
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], "extra_body": {"model": "gpt-4.1"}}
    routed.http("POST", "/v1/chat/completions", KEYS.sales, json={**body, "max_tokens": 40})

    assert landed(charging, text) == ["gpt-4.1-mini"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_who_asks_the_same_at_once_shares_the_answer_that_was_escalated(
    routed: RunningProxy, charging: Provider, stream: bool
) -> None:
    text = f"{fresh('unsure')} simulator:stall:1"
    body = chat(text, model="auto", user=asker("b"), stream=stream)
    told_of = ask_at_once(routed.url, [(KEYS.support, body)] * 5)

    assert {each.text for each in told_of} == {STRONG}
    assert landed(charging, text) == ["gpt-4.1-nano", "gpt-4.1"]


def test_every_worker_knows_a_callers_arm_and_none_another_keys_conversation(
    charging: Provider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Workers tell each other of conversations: soon each of them keeps it where it was."""
    folder = tmp_path_factory.mktemp("workers")
    config = config_of(charging.url)
    with RunningProxy(config, folder, provider_url=charging.url, num_workers=2) as proxy:

        def ask(messages: list[dict[str, str]], user: str, key: str = KEYS.support) -> list[httpx.Response]:
            """What each of the two workers answers."""
            body = {"model": "auto", "messages": messages, "user": user, "cache": UNCACHED}
            answers = ask_each_worker(proxy, "POST", "/v1/chat/completions", key, json=body)
            assert [each.status_code for each in answers] == [200, 200], [each.text for each in answers]
            return answers

        def of(answers: list[httpx.Response], name: str) -> set[str | None]:
            return {each.headers.get(f"x-litellm-plugins-route-{name}") for each in answers}

        for arm, of_arm in ARMS.items():
            for number in range(4):
                found = ask([{"role": "user", "content": fresh("please")}], asker(arm, number))
                assert of(found, "arm") == {arm}
                assert of(found, "model") == {of_arm}

        turns, user = turns_of(fresh("unsure")), asker("control")
        opened = proxy.ask(KEYS.support, model="auto", messages=turns, user=user, extra_body={"cache": UNCACHED})
        assert opened.headers["x-litellm-plugins-route-path"] == "small>strong"
        said = {"role": "assistant", "content": str(opened.text)}

        def later() -> list[dict[str, str]]:
            return [*turns, said, {"role": "user", "content": fresh("please")}]

        def kept_by_all() -> bool:
            found = ask(later(), user)
            return of(found, "reason") == {"session_kept"} and of(found, "tier") == {"strong"}

        eventually(kept_by_all, what="the other worker to have been told", every_s=0.2)
        for _ in range(3):
            assert of(ask(later(), user, KEYS.support_colleague), "reason") == {"score"}
        counters = list((proxy.folder / "prometheus").glob("counter_*.db"))
        assert sum(b"litellm_plugins_routed_total" in file.read_bytes() for file in counters) == 2
