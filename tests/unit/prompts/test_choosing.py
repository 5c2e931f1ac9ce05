"""Which sections are sent, in which order, and by which name answers are kept apart."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest

from litellm_plugins.prompts.choosing import Facts, applying, chosen, may_name
from litellm_plugins.prompts.declared import Prompt, declared
from litellm_plugins.settings import parse
from litellm_plugins.settings.prompts import DynamicPrompt

SECTIONS: list[dict[str, Any]] = [
    {"name": "maths", "text": "Show your work.", "when": {"intent": "maths"}},
    {"name": "tools", "text": "Use tools.", "when": {"tools": True}},
    {"name": "role", "text": "You help."},
    {"name": "small", "text": "Be plain.", "when": {"tier": ["small"]}},
    {"name": "faq", "text": "Cite the FAQ.", "when": {"feature": ["faq", "help"]}},
    {"name": "faq-maths", "text": "Round.", "when": {"feature": "faq", "intent": "maths"}},
    {"name": "house", "text": "Be kind."},
    {"name": "legal", "text": "No advice.", "when": {"team": "legal"}},
]


def prompt(*sections: dict[str, Any], **more: Any) -> Prompt:
    setting = DynamicPrompt.model_validate({"sections": sections, **more})
    return declared("support", setting, [each.text or "" for each in setting.sections])


def names(made: Prompt, facts: Facts) -> list[str]:
    return [each.name for each in applying(made, facts)]


def test_what_is_common_to_all_comes_first_and_what_changes_most_last() -> None:
    order = [each.name for each in prompt(*SECTIONS).sections]
    assert order == ["role", "house", "small", "legal", "faq", "tools", "maths", "faq-maths"]


def test_the_order_of_conditions_does_not_hang_on_the_order_of_the_settings() -> None:
    some = [each for each in SECTIONS if each["name"] in ("maths", "role", "faq", "small")]
    orders = {tuple(each.name for each in prompt(*those).sections) for those in permutations(some)}
    assert orders == {("role", "small", "faq", "maths")}


def test_any_two_requests_share_the_sections_that_stand_before_the_first_that_differs() -> None:
    """Else a section that only one of them gets would push what they share out of the provider's cache."""
    made = prompt(*SECTIONS)
    every = [
        Facts(tier=tier, feature=feature, intent=intent, teams=teams, tools=frozenset(tools))
        for tier, feature, intent, teams, tools in product(
            ("", "small"), ("", "faq", "help"), ("none", "maths"), ((), ("legal",)), ((), ("search",))
        )
    ]
    for facts in every:
        sent = names(made, facts)
        assert sent[:2] == ["role", "house"]
        assert sent == [each.name for each in made.sections if each.name in sent], "always in the one order"


@pytest.mark.parametrize(
    ("when", "facts", "holds"),
    [
        ({"feature": "faq"}, Facts(feature="faq"), True),
        ({"feature": "faq"}, Facts(), False),
        ({"feature": ["faq", "help"], "tier": "small"}, Facts(feature="help", tier="small"), True),
        ({"feature": ["faq", "help"], "tier": "small"}, Facts(feature="help", tier="strong"), False),
        ({"model": "gpt-4.1"}, Facts(models=("auto", "gpt-4.1")), True),
        ({"model": "gpt-4.1"}, Facts(models=("auto",)), False),
        ({"team": "Legal"}, Facts(teams=("team-7", "Legal")), True),
        ({"tools": ["search"]}, Facts(tools=frozenset({"search", "book"})), True),
        ({"tools": ["search"]}, Facts(tools=frozenset({"book"})), False),
        ({"tools": True}, Facts(tools=frozenset({""})), True),
        ({"tools": False}, Facts(tools=frozenset({"book"})), False),
        ({"tools": False}, Facts(), True),
        ({"intent": "code"}, Facts(intent="code"), True),
        ({"intent": "none"}, Facts(), True),
    ],
)
def test_a_section_is_sent_where_all_that_it_asks_for_holds(when: Any, facts: Facts, holds: bool) -> None:
    assert names(prompt({"name": "one", "text": "x", "when": when}), facts) == (["one"] if holds else [])


def test_the_version_is_another_with_other_words_conditions_order_or_place() -> None:
    one, two = {"name": "a", "text": "A"}, {"name": "b", "text": "B"}
    made = [
        prompt(one, two),
        prompt(two, one),
        prompt(one, {**two, "text": "C"}),
        prompt(one, {**two, "when": {"intent": "code"}}),
        prompt(one, two, place="after"),
    ]
    assert len({each.version for each in made}) == len(made)
    assert prompt(one, two).version == made[0].version


def test_the_first_prompt_whose_features_models_and_teams_fit_is_chosen() -> None:
    body = {"sections": [{"name": "a", "text": "A"}]}
    settings = parse(
        {
            "prompts": {
                "named": body,
                "both": {"features": ["faq"], "models": ["gpt-4.1"], **body},
                "faq": {"features": ["faq"], **body},
                "legal": {"teams": ["legal"], **body},
            }
        }
    ).prompts
    assert chosen(settings, Facts(feature="faq", models=("gpt-4.1",))) == "both"
    assert chosen(settings, Facts(feature="faq", models=("other",))) == "faq"
    assert chosen(settings, Facts(teams=("legal",))) == "legal"
    assert chosen(settings, Facts()) is None, "one without any of them is for who names it"
    assert may_name(settings["named"], Facts())
    assert not may_name(settings["legal"], Facts(teams=("sales",)))
