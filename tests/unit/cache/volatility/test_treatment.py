"""What the settings make of a class: cached or not, for whom, for how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.store import Entry
from litellm_plugins.cache.volatility import Treatment, lifetime_s, slid_until, treat
from litellm_plugins.model import Reason
from litellm_plugins.settings import Cache
from tests.unit.cache.builders import chat, tool

QUESTIONS = {
    "realtime": "What's the weather in Oslo?",
    "user_specific": "Where is my order?",
    "faq": "How do I cancel my order?",
    "static": "What is the capital of Peru?",
    "archival": "Who painted Guernica?",
}
KEY = b"\xff" * 32


def treated(text: str = QUESTIONS["faq"], *, feature: str = "", volatility: Any = None, **policy: Any) -> Treatment:
    settings = Cache.model_validate({"enabled": True, "volatility": volatility or {}} | policy)
    return treat(chat(text, feature=feature), settings)


@pytest.mark.parametrize(
    ("kind", "ttl_s"),
    [("realtime", 45), ("user_specific", 600), ("faq", 3_600), ("static", 86_400), ("archival", 604_800)],
)
def test_each_class_has_a_lifetime(kind: str, ttl_s: float) -> None:
    made = treated(QUESTIONS[kind])
    assert (made.volatility, made.ttl_s) == (kind, ttl_s)


def test_time_bound_prompts_are_not_cached_unless_the_settings_say_so() -> None:
    assert treated(QUESTIONS["realtime"]).refusal is Reason.REALTIME
    made = treated(QUESTIONS["realtime"], volatility={"realtime": {"cache": True, "ttl_s": 30}})
    assert (made.refusal, made.ttl_s) == (None, 30)


TOOLS: dict[str, Any] = {"parameters": {"tools": [tool()]}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "12 degrees"}
ASKED = {"role": "user", "content": QUESTIONS["realtime"]}


@pytest.mark.parametrize("with_tools", [TOOLS, {"messages": (ASKED, RESULT)}])
def test_with_tools_a_time_bound_prompt_is_cached_for_the_lifetime_of_its_class(with_tools: dict[str, Any]) -> None:
    """The call for the weather of Oslo is the same a moment later; what it gives is not ours to keep."""
    request = chat(**({"messages": (ASKED,)} | with_tools))
    made = treat(request, Cache.model_validate({}))
    assert (made.volatility, made.refusal, made.ttl_s) == ("realtime", None, 45)
    never = Cache.model_validate({"volatility": {"realtime": {"with_tools": False}}})
    assert treat(request, never).refusal is Reason.REALTIME


def test_tools_make_no_difference_to_whose_answer_it_is() -> None:
    assert treat(chat(QUESTIONS["user_specific"], **TOOLS), Cache.model_validate({})).personal


def test_any_class_can_be_left_uncached() -> None:
    made = treated(QUESTIONS["static"], volatility={"static": {"cache": False}})
    assert made.refusal is Reason.CLASS_NOT_CACHED


def test_what_is_both_time_bound_and_personal_stays_personal_when_cached() -> None:
    made = treated("What is my balance right now?", volatility={"realtime": {"cache": True}})
    assert (made.volatility, made.personal) == ("realtime", True)


def test_the_cache_s_ttl_is_the_default_class_s_and_a_short_one_binds_the_shorter_classes() -> None:
    assert treated(ttl_s=100).ttl_s == 100
    assert treated(QUESTIONS["user_specific"], ttl_s=100).ttl_s == 100
    assert treated(QUESTIONS["user_specific"], ttl_s=5_000).ttl_s == 600


def test_nothing_lives_longer_than_max_ttl_s() -> None:
    assert treated(QUESTIONS["archival"], ttl_s=10, max_ttl_s=1_000).ttl_s == 1_000
    narrow = {"archival": {"ttl_s": 5_000, "max_ttl_s": 50}}
    assert treated(QUESTIONS["archival"], volatility=narrow, ttl_s=10, max_ttl_s=1_000).ttl_s == 50


def test_switched_off_all_is_as_without_classes() -> None:
    made = treated(QUESTIONS["user_specific"], volatility={"enabled": False}, ttl_s=77)
    assert made == Treatment("", False, None, 77, 7 * 86_400, 0.0, sliding=False)


def test_the_default_class_is_for_prompts_that_no_rule_knows() -> None:
    cautious = {"default": "user_specific"}
    made = treated("How long does shipping take?", volatility=cautious)
    assert (made.volatility, made.personal) == ("user_specific", True)
    assert treated(QUESTIONS["static"], volatility=cautious).volatility == "static"


def test_an_administrator_s_pattern_outranks_the_rules_and_the_most_volatile_wins() -> None:
    patterns = {"faq": {"patterns": ["mi pedido", "where is"]}, "realtime": {"patterns": [r"precio.{0,20}cobre"]}}
    assert treated("¿Dónde está mi pedido?", volatility=patterns).volatility == "faq"
    assert treated("Where is the PRECIO del Cobre?", volatility=patterns).volatility == "realtime"
    assert treated("¿Dónde están mis pedidos?", volatility=patterns).volatility == "user_specific"


def test_a_pattern_of_words_matches_whole_words_whatever_accents_or_case() -> None:
    patterns = {"archival": {"patterns": ["envío exprés"]}}
    assert treated("ENVIO  EXPRES a Soria", volatility=patterns).volatility == "archival"
    assert treated("reenvío exprés", volatility=patterns).volatility == "faq"


def test_a_feature_settles_the_class_whatever_the_prompt_says() -> None:
    features = {"features": {"help-desk": "faq", "news": {"volatility": "realtime", "cache": True, "ttl_s": 30}}}
    helped = treated(QUESTIONS["user_specific"], feature="help-desk", volatility=features)
    assert (helped.volatility, helped.personal, helped.refusal) == ("faq", False, None)
    news = treated(feature="news", volatility=features)
    assert (news.volatility, news.refusal, news.ttl_s) == ("realtime", None, 30)
    assert treated(QUESTIONS["user_specific"], feature="other", volatility=features).personal


def test_a_feature_without_a_class_changes_what_it_names_only() -> None:
    features = {"features": {"kiosk": {"ttl_s": 60, "sliding": True, "jitter": 0}}}
    made = treated(QUESTIONS["user_specific"], feature="kiosk", volatility=features)
    assert (made.personal, made.ttl_s, made.sliding, made.jitter) == (True, 60, True, 0)


def test_a_feature_cannot_go_past_the_cache_s_bound() -> None:
    features = {"features": {"kiosk": {"ttl_s": 10_000, "max_ttl_s": 10_000}}}
    assert treated(feature="kiosk", volatility=features, ttl_s=10, max_ttl_s=1_000).max_ttl_s == 1_000


def test_what_the_client_wants_holds_to_the_second_up_to_the_bound() -> None:
    made = treated(ttl_s=100, max_ttl_s=1_000)
    assert [lifetime_s(made, wanted, KEY) for wanted in (0.0, 10.0, 500.0, 5_000.0)] == [0, 10, 500, 1_000]


def test_jitter_takes_a_share_off_that_depends_on_the_key_alone() -> None:
    made = treated(ttl_s=100, volatility={"faq": {"jitter": 0.2}})
    lives = [lifetime_s(made, None, bytes([first]) * 32) for first in range(256)]
    assert lives == [lifetime_s(made, None, bytes([first]) * 32) for first in range(256)]
    assert 80 <= min(lives) < 81
    assert 99 < max(lives) <= 100
    assert len(set(lives)) == 256


def entry(**different: Any) -> Entry:
    made = Entry(b"\x00" * 32, b"p" * 32, None, b"{}", "m", "p", 0, 0, 0, 1_000.0, 1_100.0, volatility="faq")
    return replace(made, **different)


SLIDING = {"faq": {"sliding": True, "jitter": 0}}


def test_a_hit_on_a_sliding_class_begins_the_lifetime_again_up_to_the_bound() -> None:
    made = treated(ttl_s=100, max_ttl_s=250, volatility=SLIDING)
    assert slid_until(entry(), made, now=1_050) == 1_150
    assert slid_until(entry(expires_at=1_220.0), made, now=1_210) == 1_250
    assert slid_until(entry(expires_at=1_250.0), made, now=1_249) is None


def test_a_hit_that_would_add_little_writes_nothing() -> None:
    """Or each hit of a busy entry would be a write."""
    made = treated(ttl_s=100, volatility=SLIDING)
    assert slid_until(entry(), made, now=1_009) is None
    assert slid_until(entry(), made, now=1_010) == 1_110


@pytest.mark.parametrize("different", [{"volatility": ""}, {"volatility": "static"}, {"pinned": True}])
def test_a_lifetime_of_another_s_choice_does_not_slide(different: dict[str, Any]) -> None:
    """Of the client, of another class; and a curated answer has none."""
    made = treated(ttl_s=100, volatility=SLIDING)
    assert slid_until(entry(**different), made, now=1_050) is None


def test_nothing_slides_unless_the_settings_say_so() -> None:
    assert slid_until(entry(), treated(ttl_s=100), now=1_050) is None


@pytest.mark.parametrize("messages", [(), ("nonsense",), ({"role": "user", "content": 7},), ({"role": "user"},)])
def test_messages_of_another_shape_are_of_the_default_class(messages: Any) -> None:
    """Whether they are cached is decided elsewhere."""
    settings = Cache.model_validate({"enabled": True})
    assert treat(chat(messages=messages), settings).volatility == "faq"


def test_text_in_parts_is_read() -> None:
    parts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "Where is my order?"}]
    made = treat(chat(messages=({"role": "user", "content": parts},)), Cache.model_validate({"enabled": True}))
    assert made.personal
