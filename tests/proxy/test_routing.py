"""`model: auto` is served by a model that is good enough, and says which and why; with the real SDKs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import openai
import pytest

from litellm_plugins.routing.experiments import arm_of
from litellm_plugins.settings.route_trials import Experiment
from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import billed, held_by, open_calls
from tests.support.config import Keys
from tests.support.fixtures import new_question

EASY = {"en": "What is the capital of France?", "es": "¿Cuál es la capital de Francia?"}
HARD = {
    "en": "Prove that the algorithm for distributed consensus below never deadlocks, derive its complexity, and"
    " design a counterexample where the invariant does not hold without the transaction. Justify each step.",
    "es": "Demuestra que el algoritmo de consenso distribuido nunca llega a un bloqueo, deriva su complejidad y"
    " diseña un contraejemplo en el que el invariante no se cumple sin la transacción. Justifica cada paso.",
}
TIERS = {"small": "small-text", "standard": "gpt-4.1-mini", "strong": "gpt-4.1"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
THRESHOLDS = [0.5, 0.8]
LANGUAGES = pytest.mark.parametrize("language", ["en", "es"])


TRIAL = {
    "name": "trial",
    "tier": "strong",
    "arms": [{"name": "b", "model": "gpt-4.1-mini", "share": "50%"}],
    "sticky": "end_user",
}
TRYING = {
    "tiers": [
        {"name": "small", "models": ["gpt-4.1-mini"], "max_tokens": 40},
        {"name": "strong", "models": ["gpt-4.1"]},
    ],
    "thresholds": [0.5],
    "experiments": [TRIAL],
    "session": {"margin": 0.1},
}
ARMS = {"b": "gpt-4.1-mini", "control": "gpt-4.1"}


def ladder(**models: str) -> dict[str, Any]:
    """A router whose tiers these are, cheapest first."""
    tiers = [{"name": name, "models": [of]} for name, of in models.items()]
    return {"tiers": tiers, "thresholds": THRESHOLDS[: len(tiers) - 1]}


def known_as(name: str) -> dict[str, Any]:
    """What the host knows a router by: one of its own, which asks us where a request did not come by our stage."""
    config = {
        "classifier_type": "custom",
        "classifier_plugin": "litellm_plugins.proxy.router",
        "tiers": dict(zip(("SIMPLE", "MEDIUM", "COMPLEX"), TIERS.values(), strict=True)),
        "tier_labels": dict(zip(("SIMPLE", "MEDIUM", "COMPLEX"), TIERS, strict=True)),
        "max_tokens_from_tier_model": False,
        "escalation_keywords": [],
        "context_compaction": False,
    }
    of = {"model": "auto_router/complexity_router", "complexity_router_config": config}
    return {"model_name": name, "litellm_params": of}


def config_of(url: str, **routing: Any) -> dict[str, Any]:
    small = model("small-text", url, "gpt-4.1-nano")
    small["model_info"] = {"supports_vision": False, "max_input_tokens": 8_000}
    budgets = [
        {"name": "all", "limit_usd": 100},
        {
            "name": "tight",
            "scope": {"feature": "tight"},
            "limit_usd": "0.0005",
            "soft": [0.01],
            "on_soft": "degrade",
            "degrade": {"model": "gpt-4.1-mini"},
        },
    ]
    config = proxy_config(
        url,
        pack={
            "cache": {"enabled": True, "semantic": {"enabled": False}},
            "budgets": budgets,
            "insight": {"flush_s": 0.2},
            "routing": {
                "routers": {
                    "auto": ladder(**TIERS),
                    "breaking": ladder(small="fragile", strong="gpt-4.1"),
                    "trying": TRYING,
                },
                **routing,
            },
            "per_team": {
                "sales": {"routing": {"may_force": True, "max_tier": "standard"}},
                "legal": {"routing": {"routable": {"gpt-4.1": "auto"}}},
            },
        },
        more_models=[
            small,
            known_as("auto"),
            model("breaking", url, "gpt-4.1-mini"),
            model("trying", url, "gpt-4.1-mini"),
            model("falling", url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"}),
        ],
        router_settings={"fallbacks": [{"fragile": ["gpt-4.1-mini"]}, {"falling": ["auto"]}]},
    )
    for key in config["callback_settings"]["litellm_plugins"]["virtual_keys"]["keys"]:
        if key["name"] == "mini_only":
            key["models"] = ["auto"]
    return config


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def routed(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("routed")
    with RunningProxy(config_of(charging.url), folder, provider_url=charging.url) as proxy:
        yield proxy


def said(headers: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    """Tier, model and reason."""
    tier, model_group, reason = (headers.get(f"x-litellm-plugins-route-{what}") for what in ("tier", "model", "reason"))
    return tier, model_group, reason


def landed(provider: Provider, text: str) -> list[str]:
    return [each["body"]["model"] for each in provider.requests_about(text)]


def fresh(text: str) -> str:
    """The same once more: with a number, so that nobody has asked it before."""
    return f"{text} ({new_question()[-30:-16]})"


@LANGUAGES
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_easy_and_hard_prompts_land_on_different_models(
    routed: RunningProxy, charging: Provider, keys: Keys, language: str, streamed: bool
) -> None:
    ask = routed.ask_streamed if streamed else routed.ask
    easy, hard = fresh(EASY[language]), fresh(HARD[language])
    light, heavy = (ask(keys.mini_only, text, model="auto") for text in (easy, hard))

    assert said(light.headers) == ("small", "small-text", "score")
    assert said(heavy.headers) == ("strong", "gpt-4.1", "score")
    assert landed(charging, easy) == ["gpt-4.1-nano"]
    assert landed(charging, hard) == ["gpt-4.1"]
    scores = [float(each.headers["x-litellm-plugins-route-score"]) for each in (light, heavy)]
    assert 0 <= scores[0] < THRESHOLDS[0]
    assert THRESHOLDS[1] <= scores[1] <= 1
    told = {chunk.model for chunk in heavy.chunks} if streamed else {heavy.body.model}  # type: ignore[union-attr]
    assert told == {"auto"}


@LANGUAGES
def test_the_same_through_anthropic_s_sdk(routed: RunningProxy, charging: Provider, keys: Keys, language: str) -> None:
    for text, wanted in ((fresh(EASY[language]), "small"), (fresh(HARD[language]), "strong")):
        raw = routed.anthropic(keys.mini_only).messages.with_raw_response.create(
            model="auto", max_tokens=50, messages=[{"role": "user", "content": text}]
        )
        assert said(raw.headers) == (wanted, TIERS[wanted], "score")
        assert raw.parse().model == "auto"
        assert len(landed(charging, text)) == 1


def test_responses_and_completions_are_routed_too(routed: RunningProxy, keys: Keys) -> None:
    client, hard = routed.client(keys.mini_only), HARD["en"]
    reply = client.responses.with_raw_response.create(model="auto", input=fresh(hard))
    completion = client.completions.with_raw_response.create(model="auto", prompt=fresh(hard), max_tokens=9)

    assert [said(each.headers)[0] for each in (reply, completion)] == ["strong", "strong"]


def test_a_key_of_auto_alone_may_not_ask_for_the_models_behind_it(routed: RunningProxy, keys: Keys) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        routed.ask(keys.mini_only, new_question(), model="gpt-4.1")


def test_a_failing_tier_falls_over(routed: RunningProxy, keys: Keys, charging: Provider) -> None:
    text = fresh(EASY["en"])
    answer = routed.ask(keys.support, text, model="breaking")

    assert said(answer.headers) == ("small", "fragile", "score")
    assert landed(charging, text)[-1] == "gpt-4.1-mini"
    assert answer.text


@LANGUAGES
def test_a_model_that_falls_back_to_auto_is_routed_as_well(
    routed: RunningProxy, keys: Keys, charging: Provider, language: str
) -> None:
    easy, hard = fresh(EASY[language]), fresh(HARD[language])
    for text in (easy, hard):
        routed.ask(keys.support, text, model="falling", max_tokens=9)

    assert [landed(charging, text)[-1] for text in (easy, hard)] == ["gpt-4.1-nano", "gpt-4.1"]


@pytest.mark.parametrize("where", ["header", "metadata"])
def test_a_forced_tier_is_obeyed_only_where_it_may_be(routed: RunningProxy, keys: Keys, where: str) -> None:
    def ask(key: str, tier: str) -> tuple[str | None, str | None, str | None]:
        forced: dict[str, Any] = {"extra_headers": {"x-litellm-plugins-route": tier}}
        if where == "metadata":
            forced = {"extra_body": {"metadata": {"litellm_plugins": {"route": tier}}}}
        return said(routed.ask(key, fresh(EASY["en"]), model="auto", **forced).headers)

    assert ask(keys.support, "strong") == ("small", "small-text", "force_not_allowed")
    assert ask(keys.sales, "standard") == ("standard", "gpt-4.1-mini", "forced")
    assert ask(keys.sales, "strong") == ("standard", "gpt-4.1-mini", "max_tier")
    assert ask(keys.sales, "nonesuch") == ("small", "small-text", "unknown_tier")


def test_a_forced_tier_s_answer_is_not_another_s(routed: RunningProxy, keys: Keys) -> None:
    text = fresh(EASY["en"])
    routed.teach(keys.sales, text, model="auto")
    forced = routed.ask(keys.sales, text, model="auto", extra_headers={"x-litellm-plugins-route": "standard"})
    again = routed.ask(keys.sales, text, model="auto")

    assert (forced.cache, said(forced.headers)[0]) == ("miss", "standard")
    assert again.cache == "exact"
    assert said(again.headers) == (None, None, None)


def test_an_image_and_a_long_prompt_go_where_they_can_be_taken(
    routed: RunningProxy, keys: Keys, charging: Provider
) -> None:
    seen = fresh(EASY["en"])
    parts = [{"type": "text", "text": seen}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    image = routed.ask(keys.support, model="auto", messages=[{"role": "user", "content": parts}])
    long = routed.ask(
        keys.support,
        model="auto",
        messages=[
            {"role": "user", "content": "word " * 100_000},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": fresh(EASY["en"])},
        ],
    )

    assert said(image.headers) == ("standard", "gpt-4.1-mini", "needs_vision")
    assert said(long.headers) == ("standard", "gpt-4.1-mini", "needs_context")
    assert landed(charging, seen) == ["gpt-4.1-mini"]


def test_an_old_model_is_routable_for_its_team_alone_and_never_dearer(routed: RunningProxy, keys: Keys) -> None:
    legal = [said(routed.ask(keys.legal, fresh(text["en"]), model="gpt-4.1").headers) for text in (EASY, HARD)]
    others = routed.ask(keys.support, fresh(EASY["en"]), model="gpt-4.1")

    assert legal == [("small", "small-text", "score"), ("strong", "gpt-4.1", "score")]
    assert said(others.headers) == (None, None, None)


def test_a_budget_that_degrades_caps_the_tier_and_never_raises_it(routed: RunningProxy, keys: Keys) -> None:
    tight: dict[str, Any] = {"model": "auto", "extra_body": {"metadata": {"feature": "tight"}}, "max_tokens": 20}
    routed.ask(keys.support, fresh(EASY["en"]), **tight)
    hard = routed.ask(keys.support, fresh(HARD["en"]), **tight)
    easy = routed.ask(keys.support, fresh(EASY["en"]), **tight)

    assert said(hard.headers) == ("standard", "gpt-4.1-mini", "budget_cap")
    assert hard.headers["x-litellm-plugins-budget-degraded-to"] == "gpt-4.1-mini"
    assert said(easy.headers) == ("small", "small-text", "score")


def test_the_ledger_is_the_bill(routed: RunningProxy, charging: Provider, keys: Keys) -> None:
    """After all of the above: streamed or not, failed over, degraded."""
    for stream in (routed.ask, routed.ask_streamed):
        stream(keys.support, fresh(HARD["es"]), model="auto")
    eventually(lambda: not open_calls(routed), what="all to be settled", timeout_s=20)
    eventually(lambda: held_by(routed, "all").spent == billed(charging), what="the ledger to be the bill")


def asker(arm: str, number: int = 0) -> str:
    """An end user of team support in this arm."""
    trial = Experiment.model_validate(TRIAL)
    users = (f"user-{each}" for each in range(1_000))
    return [each for each in users if arm_of("trying", trial, f"support/{each}") == arm][number]


def test_a_caller_s_arm_is_told_and_its_answers_serve_no_other(
    routed: RunningProxy, charging: Provider, keys: Keys
) -> None:
    text = fresh(HARD["en"])
    for arm, model_group in ARMS.items():
        first = routed.teach(keys.support, text, model="trying", user=asker(arm))
        again = routed.ask(keys.support_colleague, text, model="trying", user=asker(arm, 1))
        assert said(first.headers) == ("strong", model_group, "score")
        assert (first.cache, again.cache) == ("miss", "exact")
        told = [first.headers[f"x-litellm-plugins-route-{name}"] for name in ("experiment", "arm")]
        assert told == ["trial", arm]
        labels = {"router": "trying", "tier": "strong", "experiment": "trial", "arm": arm, "mode": "active"}
        assert routed.metrics().value("litellm_plugins_route_arms_total", **labels) == 1
    assert landed(charging, text) == list(ARMS.values())
    nobody = routed.ask(keys.support, fresh(HARD["en"]), model="trying")
    assert (said(nobody.headers)[1], nobody.headers.get("x-litellm-plugins-route-arm")) == ("gpt-4.1", None)


def test_a_tier_limits_its_answers(routed: RunningProxy, charging: Provider, keys: Keys) -> None:
    for asked, sent, told in ((None, 40, "40"), (500, 40, "40"), (9, 9, None)):
        text = fresh(EASY["en"])
        more: dict[str, Any] = {} if asked is None else {"max_tokens": asked}
        answer = routed.ask(keys.support, text, model="trying", **more)
        assert answer.headers.get("x-litellm-plugins-route-max-tokens") == told
        assert [each["body"]["max_tokens"] for each in charging.requests_about(text)] == [sent]


def test_a_conversation_stays_with_the_model_that_has_read_it(routed: RunningProxy, keys: Keys) -> None:
    turns: list[dict[str, str]] = [
        {"role": "system", "content": new_question() + " You work for a bookshop." * 2_000},
        {"role": "user", "content": fresh(HARD["en"])},
    ]
    easy = {"role": "user", "content": fresh(EASY["en"])}
    first = routed.ask(keys.support, model="trying", messages=turns)
    longer = [*turns, {"role": "assistant", "content": first.text}, easy]
    here = routed.ask(keys.support, model="trying", messages=longer)
    elsewhere = routed.ask(keys.sales, model="trying", messages=longer)

    assert said(first.headers) == ("strong", "gpt-4.1", "score")
    assert said(here.headers) == ("strong", "gpt-4.1", "session_kept")
    assert said(elsewhere.headers)[0] == "small"


def test_the_report_compares_an_arm_with_its_control(routed: RunningProxy, keys: Keys) -> None:
    for arm in ARMS:
        answer = routed.ask(keys.support, fresh(HARD["en"]), model="trying", user=asker(arm))
        body = {"call_id": answer.headers["x-litellm-call-id"], "verdict": "up" if arm == "b" else "down"}
        assert routed.http("POST", "/plugins/feedback", keys.support, json=body).status_code == 200

    def rows() -> dict[str, dict[str, Any]]:
        report = routed.http("GET", "/plugins/routing/report", routed.master_key).json()
        return {row["arm"]: row for row in report["rows"] if row["experiment"] == "trial"}

    def is_counted() -> bool:
        return all(rows().get(arm, {}).get("requests", 0) >= 1 for arm in ARMS)

    eventually(is_counted, what="both arms to be counted", timeout_s=20)
    arms = rows()
    assert (arms["b"]["thumbs_up"], arms["control"]["thumbs_down"]) == (1, 1)
    assert 0 < arms["b"]["usd_per_request"] < arms["control"]["usd_per_request"]
    assert routed.http("GET", "/plugins/routing/report", keys.support).status_code == 403
    table = subprocess.run(
        [
            sys.executable,
            "-c",
            "from litellm_plugins.cli import main; main()",
            "routing",
            "report",
            "--url",
            routed.url,
        ],
        env=os.environ | {"LITELLM_MASTER_KEY": routed.master_key},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert "trying/strong, trial: too_few." in table.stdout


def test_metrics_and_log_tell_the_route(routed: RunningProxy, keys: Keys) -> None:
    routed.ask(keys.support, fresh(HARD["en"]), model="auto")
    labels = {"router": "auto", "tier": "strong", "reason": "score", "mode": "active"}

    assert routed.metrics().value("litellm_plugins_routed_total", **labels) >= 1
    lines = [json.loads(line) for line in routed.log().splitlines() if '"route_decision"' in line]
    assert {"router": "auto", "tier": "strong", "to": "gpt-4.1", "scorer": "heuristic"}.items() <= lines[-1].items()
    assert lines[-1]["because"]


def test_shadow_mode_changes_nothing_and_tells_what_it_would_do(
    charging: Provider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text, config = fresh(HARD["en"]), config_of(charging.url, mode="shadow")
    config["model_list"] = [each for each in config["model_list"] if each["model_name"] != "auto"]
    config["model_list"].append(model("auto", charging.url, "gpt-4.1-mini"))
    folder = tmp_path_factory.mktemp("shadow")
    with RunningProxy(config, folder, provider_url=charging.url) as proxy:
        answer = proxy.ask(KEYS.mini_only, text, model="auto")
        labels = {"router": "auto", "tier": "strong", "reason": "score", "mode": "shadow"}
        assert proxy.metrics().value("litellm_plugins_routed_total", **labels) == 1

    assert landed(charging, text) == ["gpt-4.1-mini"]
    assert said(answer.headers) == (None, None, None)
    assert answer.headers["x-litellm-plugins-route-would"] == "strong"


def test_a_model_that_is_not_in_the_list_stops_the_boot(charging: Provider, tmp_path_factory: Any) -> None:
    config = config_of(charging.url, routers={"auto": ladder(**{**TIERS, "small": "small-txt"})})
    proxy = RunningProxy(config, tmp_path_factory.mktemp("unknown"), provider_url=charging.url)
    proxy.expect_refusal()
    assert "routing.routers.auto.tiers.small: 'small-txt' is not in model_list" in proxy.log()
