"""Shares as people write them, and what of the roll-out may differ."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, parse


@pytest.mark.parametrize(
    ("written", "share"),
    [("10%", 0.1), (" 2.5 % ", 0.025), (0.25, 0.25), (1, 1.0), ("0.5", 0.5), ("100%", 1.0), (0, 0)],
)
def test_a_share_is_a_percentage_or_a_number(written: Any, share: float) -> None:
    cache = parse({"cache": {"rollout": written, "recheck_share": written}}).cache
    assert [cache.rollout, cache.recheck_share] == pytest.approx([share, share])


@pytest.mark.parametrize("written", [10, "110%", "-1%", "ten", True, None, [], float("nan"), "nan"])
def test_anything_else_is_refused_in_words(written: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        parse({"cache": {"rollout": written}})
    (problem,) = refused.value.problems
    assert problem.startswith("callback_settings.litellm_plugins.cache.rollout: expected a share: 10% or 0.1")


def test_everything_is_on_and_nothing_is_rechecked_by_default() -> None:
    cache = parse({}).cache
    assert (cache.rollout, cache.shadow, cache.recheck_share, cache.stale_alarm_rate) == (1.0, False, 0.0, 0.1)


def test_teams_keys_and_models_may_differ() -> None:
    settings = parse(
        {
            "cache": {"enabled": True, "rollout": "10%"},
            "per_model": {"small": {"cache": {"shadow": True}}},
            "per_team": {"t1": {"cache": {"rollout": "50%", "recheck_share": 0.01}}},
        }
    )
    cache = Policies(settings).cache_for(Identity(key_id="k", team_id="t1"), "small")
    assert (cache.rollout, cache.shadow, cache.recheck_share) == (0.5, True, 0.01)


def test_the_alarm_is_one_for_all() -> None:
    with pytest.raises(SettingsError, match="one alarm serves all"):
        parse({"per_team": {"t1": {"cache": {"stale_alarm_rate": 0.2}}}})
