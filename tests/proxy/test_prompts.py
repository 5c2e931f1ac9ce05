"""Declared prompts in a running proxy: what reaches the provider, what is shared, cached and refused; one boot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from litellm_plugins.simulator.tokens import tokenizer_for
from tests.support import Keys, Provider, RunningProxy, model, proxy_config
from tests.support.fixtures import CLAUDE, LEGACY_MODEL, new_question
from tests.support.surfaces import CHAT, COMPLETIONS, MESSAGES, RESPONSES, Asked, Surface, Told

HEADER = "x-litellm-plugins-prompt"
ROLE, FAQ, BILLING = "You help the customers of a shop.", "Cite the FAQ.", "Name the invoice."
SEARCH, MATHS = "Search before you answer.", "Show your work."
LONG = "\n".join(f"Rule {n}: whoever asks about case {n} gets answer {n}." for n in range(150))
GPT_4O = tokenizer_for("gpt-4o")  # by which sections are counted
TOOL = {"type": "object", "properties": {"q": {"type": "string"}}}
THREE = [CHAT, MESSAGES, RESPONSES]
on_three = pytest.mark.parametrize("surface", THREE, ids=lambda each: each.endpoint)


def section(name: str, text: str, **when: Any) -> dict[str, Any]:
    return {"name": name, "text": text, **({"when": when} if when else {})}


BY_TIER = [section("strong", "Be brave.", tier="strong"), section("small", "Be plain.", tier="small")]
PROMPTS: dict[str, Any] = {
    "support": {
        "features": ["faq", "billing", "plain"],
        "sections": [
            section("maths", MATHS, intent="maths"),
            section("searching", SEARCH, tools="search"),
            section("faq", FAQ, feature="faq"),
            section("billing", BILLING, feature="billing"),
            section("role", ROLE),
        ],
    },
    "behind": {"features": ["behind"], "place": "after", "sections": [section("role", ROLE)]},
    "instead": {"features": ["instead"], "place": "replace", "sections": [section("role", ROLE)]},
    "tiered": {"features": ["tiered"], "sections": [*BY_TIER, section("role", ROLE)]},
    "shared": {"features": ["shared"], "share_across_tiers": True, "sections": [*BY_TIER, section("role", ROLE)]},
    "private": {"teams": ["legal"], "sections": [section("role", "No advice.")]},
    "dear": {"features": ["dear"], "sections": [section("rules", LONG * 4)]},
    "cached": {
        "features": ["red", "blue"],
        "sections": [
            section("red", "Say red.", feature="red"),
            section("rules", LONG),
            section("blue", "Say blue.", feature="blue"),
        ],
    },
    "filed": {"sections": [{"name": "role", "file": "role.md"}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def prompting(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url, folder = provider.url, tmp_path_factory.mktemp("prompting")
    (folder / "role.md").write_text("You stand in a file.\n")
    tiers: list[dict[str, Any]] = [
        {"name": "small", "models": ["gpt-4.1-mini"]},
        {"name": "strong", "models": ["gpt-4.1"]},
    ]
    pack = {
        "cache": {"semantic": {"enabled": False}},
        "budgets": [
            {"name": "dear", "scope": {"feature": "dear"}, "limit_usd": "0.01"},
            {"name": "undeclared", "scope": {"feature": "undeclared"}, "limit_usd": "0.01"},
        ],
        "prompts": PROMPTS,
        "prompt_caching": {"enabled": True},
        "output": {"enabled": True, "features": {"faq": {"brief": True}}},
        "routing": {
            "routers": {
                "auto": {"tiers": tiers, "thresholds": [1.0]},
                "climbing": {"tiers": [{**tiers[0], "max_tokens": 3}, tiers[1]], "thresholds": [1.0], "cascade": {}},
            }
        },
        "per_team": {"support": {"routing": {"may_force": True}}},
    }  # fmt: skip
    more = [
        model(CLAUDE, url, via="anthropic"),
        model(LEGACY_MODEL, url, via="text-completion-openai"),
        model("auto", url, "gpt-4.1"),
        model("climbing", url, "gpt-4.1"),
    ]
    with RunningProxy(proxy_config(url, pack=pack, more_models=more), folder, provider_url=url) as proxy:
        yield proxy


def of(asked: Asked, feature: str, **headers: str) -> Asked:
    """By a tag in a header, which every SDK can say alike."""
    return asked.but(more={**asked.more, "extra_headers": {"x-litellm-tags": f"feature:{feature}", **headers}})


def named(asked: Asked, prompt: str) -> Asked:
    return asked.but(more={**asked.more, "extra_headers": {HEADER: prompt}})


def said(surface: Surface, body: dict[str, Any]) -> list[str]:
    """What instructs, as it reached the provider."""
    if surface.endpoint == "messages":
        system = body.get("system") or []
        return [system] if isinstance(system, str) else [each["text"] for each in system]
    if surface.endpoint == "responses":
        return (body.get("instructions") or "").split("\n\n")
    return [each["content"] for each in body["messages"] if each["role"] == "system"]


def why(refused: openai.APIStatusError) -> str:
    return str(refused.response.headers.get("x-litellm-plugins-admission-reason"))


@pytest.fixture
def sent(provider: Provider, prompting: RunningProxy, keys: Keys) -> Any:
    def ask(surface: Surface, asked: Asked, **how: Any) -> tuple[list[str], Told]:
        """The instructions that reached the provider, and the answer."""
        told = surface.ask(prompting, how.pop("key", keys.support), asked, **how)
        return said(surface, provider.requests_about(asked.question)[-1]["body"]), told

    return ask


@on_three
@pytest.mark.parametrize("streamed", [False, True])
def test_only_the_sections_that_apply_are_sent_and_what_is_common_first(
    sent: Any, surface: Surface, streamed: bool
) -> None:
    heard, told = sent(surface, of(Asked(new_question()), "billing"), streamed=streamed)
    assert heard == [ROLE, BILLING]
    assert told.headers[HEADER] == "support=role+billing"
    left_out = sum(GPT_4O.count(text) for text in (FAQ, SEARCH, MATHS))
    assert int(told.headers[f"{HEADER}-tokens-left-out"]) == left_out


@on_three
def test_the_client_s_own_words_stand_behind_before_or_nowhere(sent: Any, surface: Surface) -> None:
    asked = Asked(new_question(), system="You are a clerk.")
    assert sent(surface, of(asked, "plain"))[0] == [ROLE, "You are a clerk."]
    assert sent(surface, of(asked.but(question=new_question()), "behind"))[0] == ["You are a clerk.", ROLE]
    assert sent(surface, of(asked.but(question=new_question()), "instead"))[0] == [ROLE]


def test_tools_and_intent_are_conditions_too(sent: Any) -> None:
    asked = Asked(f"Solve the equation x^2 = 9. {new_question()}", tools={"search": TOOL})
    heard, told = sent(CHAT, of(asked, "plain"))
    assert heard == [ROLE, SEARCH, MATHS]
    heard, told = sent(MESSAGES, of(Asked(new_question(), tools={"search": TOOL}), "plain"))
    assert heard == [ROLE, SEARCH]
    assert told.headers[HEADER] == "support=role+searching"


def test_an_instruction_to_be_brief_stands_behind_the_sections(sent: Any) -> None:
    heard, _ = sent(CHAT, of(Asked(new_question(), system="You are a clerk."), "faq"))
    assert heard == [ROLE, FAQ, "You are a clerk.", "Answer briefly."]


@on_three
def test_a_client_names_one_and_its_file_is_read(sent: Any, surface: Surface) -> None:
    heard, told = sent(surface, named(Asked(new_question()), "filed"))
    assert (heard, told.headers[HEADER]) == (["You stand in a file."], "filed=role")


def test_a_client_names_one_in_its_metadata(sent: Any) -> None:
    body = {"extra_body": {"metadata": {"litellm_plugins": {"prompt": "filed"}}}}
    heard, told = sent(CHAT, Asked(new_question(), more=body))
    assert (heard, told.headers[HEADER]) == (["You stand in a file."], "filed=role")


@pytest.mark.parametrize("name", ["typo", "private"])
def test_a_name_that_there_is_not_or_not_for_him_is_refused(
    prompting: RunningProxy, provider: Provider, keys: Keys, name: str
) -> None:
    """Never answered without the system prompt that its client counts on."""
    asked = named(Asked(new_question()), name)
    with pytest.raises(openai.BadRequestError) as caught:
        CHAT.ask(prompting, keys.support, asked)
    assert why(caught.value) == "unknown_prompt"
    assert provider.times_asked(asked.question) == 0


def test_whose_team_it_is_for_gets_it_unasked(sent: Any, keys: Keys) -> None:
    assert sent(CHAT, Asked(new_question()), key=keys.legal)[0] == ["No advice."]
    assert sent(CHAT, Asked(new_question()), key=keys.sales)[0] == []


def test_where_there_is_no_place_for_it_the_request_is_refused(
    prompting: RunningProxy, provider: Provider, keys: Keys
) -> None:
    question = new_question()
    past = {"extra_body": {"extra_body": {"messages": [{"role": "user", "content": question}]}}}
    with pytest.raises(openai.BadRequestError) as caught:
        CHAT.ask(prompting, keys.support, of(Asked(question, more=past), "faq"))
    assert why(caught.value) == "no_place_for_prompt"
    with pytest.raises(openai.BadRequestError) as caught:
        COMPLETIONS.ask(prompting, keys.support, named(Asked(question), "filed"))
    assert why(caught.value) == "no_place_for_prompt"
    assert provider.times_asked(question) == 0
    refused = prompting.metrics().value("litellm_plugins_refused_total", reason="no_place_for_prompt", endpoint="chat")
    assert refused >= 1


def test_a_prompt_that_is_only_text_has_no_system_prompt(
    prompting: RunningProxy, provider: Provider, keys: Keys
) -> None:
    asked = Asked(new_question())
    told = COMPLETIONS.ask(prompting, keys.support, of(asked, "faq"))
    assert HEADER not in told.headers
    assert provider.requests_about(asked.question)[-1]["body"]["prompt"] == asked.question


# Who shares answers


@on_three
def test_answers_are_shared_by_who_gets_the_same_sections_and_nobody_else(
    prompting: RunningProxy, provider: Provider, keys: Keys, surface: Surface
) -> None:
    asked = Asked(new_question())
    surface.teach(prompting, keys.support, of(asked, "billing"))
    again = surface.ask(prompting, keys.support_colleague, of(asked, "billing"))
    others = [surface.ask(prompting, keys.support, of(asked, each)) for each in ("faq", "plain", "none-of-them")]
    assert [again.cache, *(each.cache for each in others)] == ["exact", "miss", "miss", "miss"]
    assert HEADER not in again.headers, "nothing was asked"
    assert provider.times_asked(asked.question) == 4


def test_features_with_the_same_sections_share(prompting: RunningProxy, keys: Keys) -> None:
    asked = Asked(new_question())
    CHAT.teach(prompting, keys.support, of(asked, "plain"))
    by_name = asked.but(more={"extra_headers": {HEADER: "support"}})
    assert CHAT.ask(prompting, keys.support, by_name).cache == "exact"


def test_what_depends_on_a_tier_yet_to_be_chosen_is_not_shared(sent: Any) -> None:
    asked = of(Asked(new_question()), "tiered")
    heard, told = sent(CHAT, asked, model="auto")
    assert (heard, told.reason) == ([ROLE, "Be plain."], "prompt_by_tier")
    heard, told = sent(CHAT, asked, model="auto")
    assert (told.cache, told.headers[HEADER]) == ("bypass", "tiered=role+small")
    strong = of(Asked(asked.question), "tiered", **{"x-litellm-plugins-route": "strong"})
    assert sent(CHAT, strong, model="auto")[0] == [ROLE, "Be brave."]


def test_without_a_router_the_same_prompt_is_shared(prompting: RunningProxy, sent: Any, keys: Keys) -> None:
    asked = of(Asked(new_question()), "tiered")
    CHAT.teach(prompting, keys.support, asked)
    heard, told = sent(CHAT, asked)
    assert (heard, told.cache) == ([ROLE], "exact")


def test_answers_are_shared_across_tiers_where_that_is_wanted(prompting: RunningProxy, keys: Keys) -> None:
    asked = of(Asked(new_question()), "shared")
    CHAT.teach(prompting, keys.support, asked, model="auto")
    assert CHAT.ask(prompting, keys.support, asked, model="auto").cache == "exact"
    assert CHAT.ask(prompting, keys.support, of(asked, "other"), model="auto").cache == "miss"


# With other stages


def test_of_a_cascade_each_tier_gets_its_own_sections(prompting: RunningProxy, provider: Provider, keys: Keys) -> None:
    asked = of(Asked(new_question(), more={"max_tokens": 900}), "tiered")
    told = CHAT.ask(prompting, keys.support, asked, model="climbing")
    assert told.headers["x-litellm-plugins-route-path"] == "small>strong"
    bodies = [each["body"] for each in provider.requests_about(asked.question)]
    assert [said(CHAT, each) for each in bodies] == [[ROLE, "Be plain."], [ROLE, "Be brave."]]
    assert told.headers[HEADER] == "tiered=role+strong"


def test_what_is_sent_is_what_is_reserved(prompting: RunningProxy, provider: Provider, keys: Keys) -> None:
    """The question alone is far within the budget; with its system prompt it is above."""
    asked = Asked(new_question(), more={"max_tokens": 40})
    with pytest.raises(openai.RateLimitError):
        CHAT.ask(prompting, keys.support, of(asked, "dear"))
    assert provider.times_asked(asked.question) == 0
    assert CHAT.ask(prompting, keys.support, of(asked, "undeclared")).text


@pytest.mark.parametrize("surface", [CHAT, MESSAGES], ids=lambda each: each.endpoint)
def test_the_common_prefix_is_read_from_the_provider_s_cache_by_requests_with_other_sections(
    prompting: RunningProxy, provider: Provider, keys: Keys, surface: Surface
) -> None:
    """What they have in common stands first, and is marked at its end."""
    mark = new_question()
    read = []
    for turn in range(6):
        asked = of(Asked(f"{mark} {turn}", more={"max_tokens": 40}), ("red", "blue")[turn % 2])
        surface.ask(prompting, keys.sales, asked, model=CLAUDE)
        record = provider.requests_about(f"{mark} {turn}")[-1]
        read.append(record.get("cache_read_tokens", 0))
        instructed = [each["text"] for each in record["body"]["system"]]
        assert instructed == [LONG, ("Say red.", "Say blue.")[turn % 2]]
    assert min(read[3:]) > 1_024, read


def test_log_and_metrics_say_it_in_the_same_words(prompting: RunningProxy, sent: Any) -> None:
    before = prompting.metrics().value(
        "litellm_plugins_prompt_sections_total", prompt="support", section="faq", sent="no"
    )
    _, told = sent(CHAT, of(Asked(new_question()), "billing"))
    lines = [json.loads(line) for line in prompting.log().splitlines() if '"prompt_assembled"' in line]
    line = next(each for each in reversed(lines) if each["feature"] == "billing")
    assert (line["prompt"], line["sections"]) == ("support", ["role", "billing"])
    assert line["left_out"] == ["faq", "searching", "maths"]
    assert str(line["tokens_left_out"]) == told.headers[f"{HEADER}-tokens-left-out"]
    now = prompting.metrics().value("litellm_plugins_prompt_sections_total", prompt="support", section="faq", sent="no")
    assert now == before + 1


def test_a_file_that_is_not_there_stops_the_boot_and_is_named(provider: Provider, tmp_path: Path) -> None:
    broken = {"filed": {"sections": [{"name": "role", "file": "gone.md"}]}}
    proxy = RunningProxy(
        proxy_config(provider.url, pack={"prompts": broken}), tmp_path, provider_url="http://127.0.0.1:9"
    )
    process = proxy.spawn()
    try:
        assert process.wait(timeout=90) != 0
        where = "callback_settings.litellm_plugins.prompts.filed.sections.0.file"
        assert f"{where}: {tmp_path / 'gone.md'}: cannot be read" in proxy.log()
    finally:
        proxy.kill()
        proxy.close()
