"""What the settings want of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.model import OutputBy
from litellm_plugins.output.plan import Most, Plan, plan
from litellm_plugins.settings.output import Output


def planned(feature: str = "", **output: Any) -> Plan:
    made = plan(Output.model_validate({"enabled": True, **output}), feature)
    assert made is not None
    return made


def test_nothing_is_wanted_where_it_is_off_or_names_nothing_for_the_feature() -> None:
    assert plan(Output(max_tokens=5), "chat") is None
    assert plan(Output(enabled=True), "chat") is None
    assert plan(Output.model_validate({"enabled": True, "features": {"chat": {"max_tokens": 5}}}), "mail") is None
    assert plan(Output.model_validate({"enabled": True, "features": {"": {"max_tokens": 5}}}), "") is None


@pytest.mark.parametrize(
    ("of_all", "of_feature", "of_model", "most"),
    [
        (9, None, None, Most(9, OutputBy.ALL)),
        (9, 5, None, Most(5, OutputBy.FEATURE)),
        (5, 9, None, Most(5, OutputBy.ALL)),
        (9, 5, 3, Most(3, OutputBy.MODEL)),
        (3, 5, 9, Most(3, OutputBy.ALL)),
        (None, None, 7, Most(7, OutputBy.MODEL)),
        (5, 5, 5, Most(5, OutputBy.FEATURE)),
        (5, None, 5, Most(5, OutputBy.MODEL)),
    ],
)
def test_the_lowest_counts_and_of_equals_the_narrower_is_named(
    of_all: int | None, of_feature: int | None, of_model: int | None, most: Most
) -> None:
    made = planned(
        "chat",
        max_tokens=of_all,
        features={"chat": {"max_tokens": of_feature}},
        models={"large": {"max_tokens": of_model}},
    )
    assert made.most_of("large") == most
    assert made.most_of("auto", "large") == most, "whether it is the one that is called or the one that was asked for"


def test_a_model_s_limit_is_no_other_model_s() -> None:
    assert planned(models={"large": {"max_tokens": 7}}).most_of("small") is None


def test_what_a_feature_says_takes_the_place_of_what_holds_for_all() -> None:
    output = {"brief": True, "stop": ["#"], "features": {"chat": {"brief": "One line."}, "mail": {"brief": False}}}
    chat, mail, other = (planned(name, **output) for name in ("chat", "mail", "other"))
    assert (chat.brief, chat.brief_by, chat.stop, chat.stop_by) == (
        "One line.",
        OutputBy.FEATURE,
        ("#",),
        OutputBy.ALL,
    )
    assert mail.brief == ""
    assert (other.brief, other.brief_by) == ("Answer briefly.", OutputBy.ALL)


def test_the_mark_of_models_changes_with_their_limits_and_not_with_their_order() -> None:
    one = planned(models={"a": {"max_tokens": 1}, "b": {"max_tokens": 2}})
    same = planned(models={"b": {"max_tokens": 2}, "a": {"max_tokens": 1}})
    other = planned(models={"a": {"max_tokens": 1}, "b": {"max_tokens": 3}})
    assert one.models_mark == same.models_mark != other.models_mark
    assert planned(max_tokens=5).models_mark == ""
