"""Output limits in a running proxy: what reaches the provider, what is shared, what is reserved; one boot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import Keys, Provider, RunningProxy, model, proxy_config
from tests.support.budgets import PRICES
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, new_question
from tests.support.surfaces import (
    CHAT,
    COMPLETIONS,
    ENDPOINTS,
    MESSAGES,
    NEW_SURFACES,
    RESPONSES,
    Asked,
    Surface,
    Told,
)

BRIEFLY = "Answer briefly."
FIELD = {"chat": "max_tokens", "messages": "max_tokens", "responses": "max_output_tokens", "completions": "max_tokens"}
TRANSLATED = [each for each in NEW_SURFACES if each not in ENDPOINTS and each.endpoint != "completions"]
STOPS = {"chat": "stop", "completions": "stop", "messages": "stop_sequences"}
OUTPUT = {
    "enabled": True,
    "max_tokens": 4_000,
    "features": {
        "capped": {"max_tokens": 300},
        "tight": {"max_tokens": 100},
        "terse": {"brief": True},
        "one-line": {"brief": "Answer in one line."},
        "stopping": {"stop": ["\n\nUser:", "###"]},
        "spent": {"max_tokens": 200},
        "all": {"max_tokens": 300, "brief": True, "stop": ["###"]},
    },
    "models": {"gpt-4.1-mini": {"max_tokens": 200}, "thinker": {"max_tokens": 250}},
}


@pytest.fixture(scope="module")
def limited(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider.url
    tiers: list[dict[str, Any]] = [
        {"name": "small", "models": ["gpt-4.1-mini"], "max_tokens": 150},
        {"name": "strong", "models": ["gpt-4.1"]},
    ]
    pack = {
        "cache": {"semantic": {"enabled": False}},
        "budgets": [{"name": "all", "limit_usd": 100}, degrading("spent")],
        "output": OUTPUT,
        "routing": {
            "routers": {
                "auto": {"tiers": tiers, "thresholds": [1.0]},
                "climbing": {"tiers": [{**tiers[0], "max_tokens": 3}, tiers[1]], "thresholds": [1.0], "cascade": {}},
            }
        },
        "per_team": {"sales": {"output": {"enabled": False}}},
        "per_key": {"freelancer": {"output": {"max_tokens": 50}}},
        "per_model": {"claude-short": {"output": {"max_tokens": 60}}},
    }
    more = [
        model(CLAUDE, url, via="anthropic"),
        model("claude-short", url, CLAUDE, via="anthropic"),
        model(LEGACY_MODEL, url, via="text-completion-openai"),
        model("thinker", url, "o3"),
        model("auto", url, "gpt-4.1"),
        model("climbing", url, "gpt-4.1"),
    ]
    config = proxy_config(url, pack=pack, more_models=more)
    with RunningProxy(config, tmp_path_factory.mktemp("limited"), provider_url=url) as proxy:
        yield proxy


def degrading(feature: str) -> dict[str, Any]:
    """A budget that has room for the feature's short answers only."""
    then = {"on_hard": "degrade", "degrade": {"max_tokens": 20}}
    return {"name": feature, "scope": {"feature": feature}, "limit_usd": "0.001", **then}


@pytest.fixture
def sent(provider: Provider, limited: RunningProxy, keys: Keys) -> Any:
    def ask(surface: Surface, asked: Asked, feature: str, **how: Any) -> tuple[dict[str, Any], Told]:
        """The body that reached the provider, and the answer."""
        key = how.pop("key", keys.support)
        told = surface.ask(limited, key, of(asked, feature), **how)
        [request] = provider.requests_about(asked.question)
        return request["body"], told

    return ask


def of(asked: Asked, feature: str) -> Asked:
    """By a tag in a header, which every SDK can say alike."""
    return asked.but(more={**asked.more, "extra_headers": {"x-litellm-tags": f"feature:{feature}"}})


def output_of(told: Told) -> str | None:
    return told.headers.get("x-litellm-plugins-output")


@pytest.mark.parametrize("surface", ENDPOINTS, ids=lambda each: each.endpoint)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_feature_s_cap_reaches_the_provider(sent: Any, surface: Surface, streamed: bool) -> None:
    body, told = sent(surface, Asked(new_question()), "capped", streamed=streamed)
    assert body[FIELD[surface.endpoint]] == 300
    assert output_of(told) == "max_tokens=300(feature)"


@pytest.mark.parametrize("surface", ENDPOINTS, ids=lambda each: each.endpoint)
def test_a_client_that_asks_for_less_gets_what_it_asked_for(sent: Any, surface: Surface) -> None:
    body, told = sent(surface, Asked(new_question(), more={FIELD[surface.endpoint]: 40}), "capped")
    assert body[FIELD[surface.endpoint]] == 40
    assert output_of(told) is None


def test_the_lowest_of_all_feature_and_model_counts(sent: Any) -> None:
    body, told = sent(CHAT, Asked(new_question()), "capped", model="gpt-4.1-mini")
    assert (body["max_tokens"], output_of(told)) == (200, "max_tokens=200(model)")
    body, told = sent(CHAT, Asked(new_question()), "tight", model="gpt-4.1-mini")
    assert (body["max_tokens"], output_of(told)) == (100, "max_tokens=100(feature)")
    body, told = sent(CHAT, Asked(new_question()), "terse")
    assert (body["max_tokens"], output_of(told)) == (4_000, "max_tokens=4000(all),brief(feature)")


def test_the_tier_s_own_limit_counts_beside_them(sent: Any) -> None:
    body, told = sent(CHAT, Asked(new_question()), "capped", model="auto")
    assert (body["model"], body["max_tokens"], output_of(told)) == ("gpt-4.1-mini", 150, None)
    body, told = sent(CHAT, Asked(new_question()), "tight", model="auto")
    assert (body["max_tokens"], output_of(told)) == (100, "max_tokens=100(feature)")


def test_what_a_budget_leaves_counts_beside_them(sent: Any) -> None:
    body, told = sent(CHAT, Asked(new_question()), "spent")
    assert told.headers["x-litellm-plugins-budget-reason"] == "degraded_at_limit"
    assert (body["max_tokens"], output_of(told)) == (20, "max_tokens=200(feature)")


def test_of_a_cascade_each_answer_is_held_to_them(limited: RunningProxy, provider: Provider, keys: Keys) -> None:
    asked = Asked(new_question(), more={"max_tokens": 900})
    told = CHAT.ask(limited, keys.support, of(asked, "all"), model="climbing")
    assert told.headers["x-litellm-plugins-route-path"] == "small>strong"
    bodies = [each["body"] for each in provider.requests_about(asked.question)]
    assert [each["max_tokens"] for each in bodies] == [3, 300]
    assert [each["stop"] for each in bodies] == [["###"], ["###"]]
    for each in bodies:
        assert [message["content"] for message in each["messages"]] == [BRIEFLY, asked.question]


def test_a_limit_that_stands_past_the_body_is_read_too(sent: Any) -> None:
    past = {"extra_body": {"extra_body": {"max_tokens": 900}}}  # the SDK merges the outer one into the body
    body, told = sent(CHAT, Asked(new_question(), more=past), "capped")
    assert (body["max_tokens"], output_of(told)) == (300, "max_tokens=300(feature)")


def test_thoughts_are_not_cut(sent: Any) -> None:
    thinking = {"max_tokens": 3_000, "thinking": {"type": "enabled", "budget_tokens": 1_500}}
    body, told = sent(MESSAGES, Asked(new_question(), more=thinking), "capped")
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (3_000, 1_500)
    assert output_of(told) == "max_tokens=none(thinking)"


def test_an_instruction_stands_behind_the_client_s_own_and_before_the_conversation(sent: Any) -> None:
    turns = (("user", "And before?"), ("assistant", "Before that, nothing."))
    asked = Asked(new_question(), system="You are a clerk.", before=turns)

    chat, told = sent(CHAT, asked, "terse")
    assert output_of(told) == "max_tokens=4000(all),brief(feature)"
    assert [(each["role"], each["content"]) for each in chat["messages"]] == [
        ("system", "You are a clerk."), ("system", BRIEFLY), *turns, ("user", asked.question)
    ]  # fmt: skip

    asked = asked.but(question=new_question())
    messages, _ = sent(MESSAGES, asked, "terse")
    assert [block["text"] for block in messages["system"]] == ["You are a clerk.", BRIEFLY]
    assert [each["content"] for each in messages["messages"]] == [*(words for _, words in turns), asked.question]

    asked = asked.but(question=new_question())
    responses, _ = sent(RESPONSES, asked, "one-line")
    assert responses["instructions"] == "You are a clerk.\n\nAnswer in one line."
    assert [each["content"] for each in responses["input"]] == [*(words for _, words in turns), asked.question]


@pytest.mark.parametrize("surface", [CHAT, MESSAGES, RESPONSES], ids=lambda each: each.endpoint)
def test_who_gives_no_instructions_gets_ours_alone(sent: Any, surface: Surface) -> None:
    asked = Asked(new_question())
    body, _ = sent(surface, asked, "terse")
    said = {
        "chat": lambda: [each["content"] for each in body["messages"]],
        "messages": lambda: [body["system"], body["messages"][0]["content"]],
        "responses": lambda: [body["instructions"], body["input"]],
    }[surface.endpoint]()
    assert said == [BRIEFLY, asked.question]


@pytest.mark.parametrize("surface", TRANSLATED, ids=lambda each: each.name)
def test_they_hold_where_the_host_translates(
    limited: RunningProxy, provider: Provider, keys: Keys, surface: Surface
) -> None:
    asked = Asked(new_question(), system="You are a clerk.")
    told = surface.ask(limited, keys.support, of(asked, "all"))
    [request] = [each for each in provider.requests() if asked.question in str(each["body"])]
    body = request["body"]
    assert 300 in [body.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    assert BRIEFLY in str(body)
    stops = body.get("stop") or body.get("stop_sequences")
    assert (output_of(told) or "").endswith("stop=1(feature)" if stops else "stop=none(unsupported)")


def test_a_prompt_that_is_only_text_is_not_written_into(sent: Any) -> None:
    asked = Asked(new_question())
    body, told = sent(COMPLETIONS, asked, "terse")
    assert body["prompt"] == asked.question
    assert output_of(told) == "max_tokens=4000(all),brief=none(unsupported)"


@pytest.mark.parametrize("surface", [CHAT, MESSAGES, RESPONSES], ids=lambda each: each.endpoint)
def test_what_was_sent_of_a_conversation_is_the_beginning_of_its_next_turn(sent: Any, surface: Surface) -> None:
    """Else the provider could read nothing of it from its cache."""
    first = Asked(new_question(), system="You are a clerk.", before=(("user", "Hello"), ("assistant", "Hello!")))
    then = (*first.before, ("user", first.question), ("assistant", "It says so."))
    one, told = sent(surface, first, "terse")
    assert "brief(feature)" in (output_of(told) or "")
    two, _ = sent(surface, first.but(question=(second := new_question()), before=then), "terse")
    conversation = {"chat": "messages", "messages": "messages", "responses": "input"}[surface.endpoint]
    assert two[conversation][: len(one[conversation])] == one[conversation]
    assert two[conversation][-1]["content"] == second
    for field in ("system", "instructions"):
        assert one.get(field) == two.get(field)


@pytest.mark.parametrize("feature", ["terse", "one-line"])
def test_what_the_client_marked_for_the_provider_s_cache_comes_first(sent: Any, feature: str) -> None:
    """By features that say different things, the same prefix is read."""
    marked = {"type": "text", "text": "You are a clerk. " * 3, "cache_control": {"type": "ephemeral"}}
    asked = Asked(new_question(), more={"system": [marked]})
    body, _ = sent(MESSAGES, asked, feature)
    assert body["system"][0] == marked
    assert "cache_control" not in body["system"][1]
    assert body["messages"] == [{"role": "user", "content": asked.question}]


@pytest.mark.parametrize("surface", [CHAT, MESSAGES, COMPLETIONS], ids=lambda each: each.endpoint)
def test_stop_sequences_come_behind_the_client_s(sent: Any, surface: Surface) -> None:
    field = STOPS[surface.endpoint]
    body, told = sent(surface, Asked(new_question()), "stopping")
    assert body[field] == ["\n\nUser:", "###"]
    assert (output_of(told) or "").endswith("stop=2(feature)")
    body, told = sent(surface, Asked(new_question(), more={field: ["a", "b", "c"]}), "stopping")
    assert body[field] == ["a", "b", "c", "\n\nUser:"]
    assert (output_of(told) or "").endswith("stop=1(feature)")
    body, told = sent(surface, Asked(new_question(), more={field: ["a", "b", "c", "d"]}), "stopping")
    assert body[field] == ["a", "b", "c", "d"]
    assert (output_of(told) or "").endswith("stop=none(client)")


def test_what_takes_no_stop_sequences_gets_none(sent: Any) -> None:
    body, told = sent(RESPONSES, Asked(new_question()), "stopping")
    assert "stop" not in body
    assert (output_of(told) or "").endswith("stop=none(unsupported)")
    body, told = sent(CHAT, Asked(new_question()), "stopping", model="thinker")
    assert "stop" not in body
    assert body["max_completion_tokens"] == 250
    assert output_of(told) == "max_tokens=250(model),stop=none(unsupported)"


def test_teams_keys_and_models_may_differ(sent: Any, keys: Keys) -> None:
    body, told = sent(CHAT, Asked(new_question()), "all", key=keys.sales)
    assert output_of(told) is None
    assert not {"max_tokens", "stop"} & body.keys()
    assert len(body["messages"]) == 1
    body, told = sent(CHAT, Asked(new_question()), "capped", key=keys.freelancer)
    assert (body["max_tokens"], output_of(told)) == (50, "max_tokens=50(all)")
    body, told = sent(MESSAGES, Asked(new_question()), "capped", model="claude-short")
    assert (body["max_tokens"], output_of(told)) == (60, "max_tokens=60(all)")


@pytest.mark.parametrize(
    ("surface", "feature"),
    [
        *((surface, feature) for surface in (CHAT, MESSAGES, RESPONSES) for feature in ("capped", "terse")),
        *((surface, "stopping") for surface in (CHAT, MESSAGES, COMPLETIONS)),
    ],
    ids=lambda each: each if isinstance(each, str) else each.endpoint,
)
def test_a_feature_s_short_answer_is_not_served_to_another(
    limited: RunningProxy, provider: Provider, keys: Keys, surface: Surface, feature: str
) -> None:
    asked = Asked(new_question())
    surface.teach(limited, keys.support, of(asked, feature))
    again = surface.ask(limited, keys.support_colleague, of(asked, feature))
    other = surface.ask(limited, keys.support, of(asked, "other"))
    assert (again.cache, other.cache) == ("exact", "miss")
    assert output_of(again) is None, "nothing was asked for"
    assert provider.times_asked(asked.question) == 2


def test_who_asks_for_less_anyway_shares_with_everybody(limited: RunningProxy, provider: Provider, keys: Keys) -> None:
    asked = Asked(new_question(), more={"max_tokens": 290})
    CHAT.teach(limited, keys.support, of(asked, "capped"))
    assert CHAT.ask(limited, keys.support, of(asked, "other")).cache == "exact"
    assert provider.times_asked(asked.question) == 1


def test_less_is_reserved(limited: RunningProxy, keys: Keys) -> None:
    asked = Asked(new_question())
    long = reserved_for(limited, CHAT.ask(limited, keys.support, of(asked, "other")))
    short = reserved_for(limited, CHAT.ask(limited, keys.support, of(asked, "capped")))
    assert long - short == (4_000 - 300) * PRICES["gpt-4.1"][1]


def reserved_for(proxy: RunningProxy, told: Told) -> int:
    """Nano-dollars, of the last request."""
    assert told.cache == "miss"
    return int(Decimal(lines(proxy, "budget_decision")[-1]["reserved_usd"]) * 10**9)


def lines(proxy: RunningProxy, event: str) -> list[dict[str, Any]]:
    told = (line for line in proxy.log().splitlines() if line.startswith("{") and f'"{event}"' in line)
    return [line for line in map(json.loads, told) if line.get("event") == event]


def test_log_and_metric_say_the_same(sent: Any, limited: RunningProxy) -> None:
    def counted() -> float:
        return limited.metrics().value("litellm_plugins_output_limits_total", kind="stop", by="feature")

    before = counted()
    _, told = sent(CHAT, Asked(new_question()), "all")
    words = ["max_tokens=300(feature)", "brief(feature)", "stop=1(feature)"]
    assert (output_of(told) or "").split(",") == words
    assert counted() == before + 1
    line = lines(limited, "output_limited")[-1]
    assert (line["output"], line["feature"], line["endpoint"], line["team"]) == (words, "all", "chat", "support")


def test_a_hit_is_told_without_limits_and_counted_nowhere(limited: RunningProxy, keys: Keys) -> None:
    asked = of(Asked(new_question()), "all")
    CHAT.teach(limited, keys.support, asked)
    before = len(lines(limited, "output_limited"))
    hit = CHAT.ask(limited, keys.support, asked)
    assert (hit.cache, output_of(hit)) == ("exact", None)
    assert len(lines(limited, "output_limited")) == before


def test_wrong_settings_stop_the_boot_and_say_where(provider: Provider, tmp_path: Path) -> None:
    output = {
        "max_token": 5,
        "features": {"a": {"max_tokens": 0}, "b": {"stop": ["  "]}, "c": {"brief": " "}},
        "models": {"gpt-4.1": {"brief": True}},
    }
    per_team = {"legal": {"output": {"stop": ["a", "b", "c", "d", "e"]}}}
    status, log = boot_that_fails(proxy_config(provider.url, pack={"output": output, "per_team": per_team}), tmp_path)
    root = "callback_settings.litellm_plugins"
    faults = (
        f"{root}.output.max_token: unknown setting; did you mean max_tokens?",
        f"{root}.output.features.a.max_tokens: ",
        f"{root}.output.features.b.stop: a stop sequence needs more than white space",
        f"{root}.output.features.c.brief: expected true, false or an instruction",
        f"{root}.output.models.gpt-4.1.brief: unknown setting",
        f"{root}.per_team.legal.output.stop: ",
    )
    assert status != 0
    assert [fault for fault in faults if fault not in log] == []


def test_a_model_that_nobody_knows_stops_the_boot(provider: Provider, tmp_path: Path) -> None:
    pack = {"output": {"models": {"gpt-4.2": {"max_tokens": 5}}}}
    status, log = boot_that_fails(proxy_config(provider.url, pack=pack), tmp_path)
    assert status != 0
    assert "litellm_plugins.output.models.gpt-4.2: 'gpt-4.2' is not in model_list" in log


def boot_that_fails(config: dict[str, Any], folder: Path) -> tuple[int, str]:
    """Exit status and log."""
    proxy = RunningProxy(config, folder, provider_url="http://127.0.0.1:9")
    process = proxy.spawn()
    try:
        return process.wait(timeout=90), proxy.log()
    finally:
        proxy.kill()
        proxy.close()
