"""The settings of the provider's prompt cache."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, parse, prompt_caching_anywhere

WHO = Identity(key_id="k", key_alias="ci", team_id="t1", team_alias="support")


def test_it_is_off_where_nobody_asks_for_it() -> None:
    settings = parse({})
    assert not settings.prompt_caching.enabled
    assert not settings.prompt_caching.move_volatile
    assert not prompt_caching_anywhere(settings)


def test_the_narrower_wins_model_then_team_then_key() -> None:
    settings = parse(
        {
            "prompt_caching": {"ttl": "5m"},
            "per_model": {"claude": {"prompt_caching": {"enabled": True}}},
            "per_team": {"support": {"prompt_caching": {"ttl": "1h", "move_volatile": True}}},
            "per_key": {"ci": {"prompt_caching": {"enabled": False}}},
        }
    )
    assert prompt_caching_anywhere(settings)
    found = Policies(settings).prompt_caching_for(WHO, "claude")
    assert (found.enabled, found.ttl, found.move_volatile) == (False, "1h", True)
    another = Policies(settings).prompt_caching_for(Identity(team_id="t2"), "claude")
    assert (another.enabled, another.ttl, another.move_volatile) == (True, "5m", False)


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({"prompt_caching": {"ttl": "2h"}}, "prompt_caching.ttl"),
        ({"prompt_caching": {"move_volatile": "dates"}}, "prompt_caching.move_volatile"),
        ({"prompt_caching": {"enable": True}}, "did you mean enabled?"),
        ({"per_team": {"a": {"prompt_caching": {"ttl": "10m"}}}}, "per_team.a.prompt_caching.ttl"),
        ({"per_key": {"a": {"prompt_caching": {"max_families": 3}}}}, "one memory serves all"),
    ],
)
def test_faults_are_named_with_their_path(block: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(block)
    assert fault in str(refused.value)
