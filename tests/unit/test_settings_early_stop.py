"""The block `early_stop`, and what holds for whom."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, parse, stops_anywhere
from litellm_plugins.settings.early_stop import StopRules


def rules_for(block: dict[str, Any], *, team: str = "", model: str = "gpt-4.1", feature: str = "") -> StopRules:
    identity = Identity(key_id="k1", team_id=team or None)
    return Policies(parse(block)).early_stop_for(identity, model).rules_for(feature)


def test_it_is_off_by_default() -> None:
    assert not rules_for({}).enabled
    assert not stops_anywhere(parse({}))


def test_the_narrower_wins_and_features_come_last() -> None:
    block = {
        "early_stop": {
            "max_tokens": 100,
            "repetition": {"span_words": 60},
            "features": {"title": {"max_sentences": 1}},
        },
        "per_model": {"gpt-4.1": {"early_stop": {"enabled": True, "repetition": {"repeats": 5}}}},
        "per_team": {"legal": {"early_stop": {"max_tokens": 50, "features": {"title": {"max_tokens": 9}}}}},
    }
    told = rules_for(block, team="legal", feature="title")

    assert (told.enabled, told.max_tokens, told.max_sentences) == (True, 9, 1)
    assert (told.repetition.span_words, told.repetition.repeats) == (60, 5)
    assert rules_for(block, team="legal").max_tokens == 50
    assert not rules_for(block, model="other").enabled
    assert stops_anywhere(parse(block))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"early_stop": {"max_token": 5}}, "early_stop.max_token: unknown setting; did you mean max_tokens"),
        ({"early_stop": {"stop_phrases": ["  "]}}, "not only white space"),
        ({"early_stop": {"stop_phrases": ["a", "a"]}}, "stop phrase given twice: a"),
        ({"early_stop": {"features": {"x.y": {"max_sentences": 0}}}}, "early_stop.features.x.y.max_sentences: "),
        ({"per_team": {"t": {"early_stop": {"stall_s": -1}}}}, "per_team.t.early_stop.stall_s"),
        (
            {"per_key": {"k": {"early_stop": {"features": {"x": {"nope": 1}}}}}},
            "per_key.k.early_stop.features.x.nope: unknown",
        ),
    ],
)
def test_faults_are_named(block: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(block)
    assert any(said in problem for problem in caught.value.problems), caught.value.problems
