"""The block `cache.volatility`: what is refused, where, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, parse
from litellm_plugins.settings.patterns import compiled

ROOT = "callback_settings.litellm_plugins.cache.volatility"


def faults(**volatility: Any) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        parse({"cache": {"volatility": volatility}})
    return list(refused.value.problems)


def test_a_pattern_that_is_no_regular_expression_stops_the_boot_with_its_path() -> None:
    (fault,) = faults(static={"patterns": ["(unclosed"]})
    assert fault.startswith(f"{ROOT}.static.patterns: '(unclosed' is no regular expression")


ENDLESS = [
    "(a+)+$",
    "(a|aa)*b",
    "a.*b",
    r"\w+\s+\w+x",
    "(x{0,40}){0,40}",
    ".{0,40}.{0,40}",
    r"(a)\1",
    "(a?){30}",
    "b{2,}",
]


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_could_keep_a_request_waiting_is_refused(pattern: str) -> None:
    (fault,) = faults(faq={"patterns": [pattern]})
    assert "could keep a request waiting" in fault


USABLE = [
    r"precio.{0,40}oro",
    "my order",
    r"\bsku-\d{4}\b",
    "(?:foo|bar){1,3}",
    "¿dónde está",
    "a|b|c",
    r"(?<!un)paid",
    "x?y",
]


@pytest.mark.parametrize("pattern", USABLE)
def test_plain_patterns_are_taken(pattern: str) -> None:
    parse({"cache": {"volatility": {"faq": {"patterns": [pattern]}}}})


@pytest.mark.parametrize("pattern", ["", "  ", "x?", "a|", "y" * 201])
def test_a_pattern_that_matches_all_or_is_too_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|every prompt"):
        compiled(pattern)


def test_a_class_takes_a_hundred_patterns_and_no_more() -> None:
    parse({"cache": {"volatility": {"faq": {"patterns": [f"word {n}" for n in range(100)]}}}})
    assert faults(faq={"patterns": [f"word {n}" for n in range(101)]})


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a class that is none": ({"faqs": {}}, f"{ROOT}.faqs: unknown setting; did you mean faq?"),
    "a setting that is none": ({"faq": {"tll_s": 5}}, f"{ROOT}.faq.tll_s: unknown setting; did you mean ttl_s?"),
    "a lifetime of nothing": ({"static": {"ttl_s": 0}}, f"{ROOT}.static.ttl_s: "),
    "more jitter than half": ({"static": {"jitter": 0.6}}, f"{ROOT}.static.jitter: "),
    "a default that is none": ({"default": "forever"}, f"{ROOT}.default: "),
    "a feature's class that is none": ({"features": {"shop": "slow"}}, f"{ROOT}.features.shop.volatility: "),
    "a feature's setting that is none": (
        {"features": {"shop": {"cach": True}}},
        f"{ROOT}.features.shop.cach: unknown setting; did you mean cache?",
    ),
    "another stand-in for end users": (
        {"user_specific": {"without_end_user": "team"}},
        f"{ROOT}.user_specific.without_end_user: ",
    ),
}


@pytest.mark.parametrize(("block", "fault"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_with_its_path(block: dict[str, Any], fault: str) -> None:
    (told,) = faults(**block)
    assert told.startswith(fault)


def test_a_team_may_differ_in_one_setting_of_one_class_and_in_features() -> None:
    block = {
        "cache": {"volatility": {"faq": {"ttl_s": 900}, "features": {"help": "faq"}}},
        "per_team": {"t1": {"cache": {"volatility": {"faq": {"sliding": True}, "features": {"news": "realtime"}}}}},
    }
    merged = Policies(parse(block)).cache_for(Identity(team_id="t1"), "any").volatility
    assert (merged.faq.ttl_s, merged.faq.sliding) == (900, True)
    assert {name: feature.volatility for name, feature in merged.features.items()} == {
        "help": "faq",
        "news": "realtime",
    }


def test_a_fault_in_a_team_s_block_is_told_there() -> None:
    with pytest.raises(SettingsError) as refused:
        parse({"per_team": {"t1": {"cache": {"volatility": {"faq": {"patterns": ["(a+)+"]}}}}}})
    (fault,) = refused.value.problems
    assert fault.startswith("callback_settings.litellm_plugins.per_team.t1.cache.volatility.faq.patterns: ")
