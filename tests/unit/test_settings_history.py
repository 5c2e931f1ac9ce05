"""The blocks `compression.history` and `compression.filler`, and who may differ."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, history_anywhere, parse

ON = {"enabled": True, "history": {"max_tokens": 8_000}}


def test_it_is_off_unless_it_has_a_budget_and_compression_is_on() -> None:
    assert not history_anywhere(parse({}))
    assert not history_anywhere(parse({"compression": {"enabled": True}}))
    assert not history_anywhere(parse({"compression": {"history": {"max_tokens": 8_000}}}))
    for block in (
        {"compression": ON},
        {"per_team": {"a": {"compression": ON}}},
        {"compression": {"enabled": True, "features": {"chat": {"history": {"max_tokens": 8_000}}}}},
    ):
        assert history_anywhere(parse(block))


def test_the_narrower_wins_setting_by_setting() -> None:
    summed = {"how": "summarise", "model": "mini"}
    policies = Policies(
        parse(
            {
                "compression": {**ON, "features": {"chat": {"history": {"keep_turns": 9}}}},
                "per_team": {"t": {"compression": {"history": summed}}, "u": {"compression": {"enabled": False}}},
                "per_key": {"k": {"compression": {"history": {"target": "40%"}}}},
                "per_model": {"m": {"compression": {"history": {"max_tokens": None}}}},
            }
        )
    )
    narrow = policies.compression_for(Identity(key_id="k", team_id="t"), "other", "chat").history
    assert (narrow.max_tokens, narrow.target, narrow.how, narrow.model, narrow.keep_turns) == (
        8_000,
        0.4,
        "summarise",
        "mini",
        9,
    )
    assert policies.compression_for(Identity(team_id="x"), "other", "").history.how == "trim"
    assert policies.compression_for(Identity(team_id="x"), "m", "").history.max_tokens is None
    assert not policies.compression_for(Identity(team_id="u"), "other", "").enabled


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({"history": {"max_tokens": 10}}, "compression.history.max_tokens: "),
        ({"history": {"how": "forget"}}, "compression.history.how: "),
        ({"history": {"how": "summarise"}}, "model: `how: summarise` needs one"),
        ({"history": {"target": "99%"}}, "target: expected a share from 10% to 95%"),
        ({"history": {"keep_turn": 3}}, "did you mean keep_turns?"),
        (
            {"history": {"how": "summarise", "model": "m", "max_tokens": 1_000, "summary_tokens": 400}},
            "summary_tokens: 400 is more than a quarter of max_tokens, 250",
        ),
        ({"features": {"chat": {"history": {"keep_turns": 0}}}}, "compression.features.chat.history.keep_turns: "),
        ({"filler": {"languages": ["fr"]}}, "compression.filler.languages.0: "),
        ({"filler": {"languages": []}}, "compression.filler.languages: "),
    ],
)
def test_faults_are_named_with_their_place(block: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse({"compression": block})
    assert fault in "\n".join(raised.value.problems)
    with pytest.raises(SettingsError):
        parse({"per_team": {"a": {"compression": block}}})
