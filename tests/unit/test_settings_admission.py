"""The block `admission`: what is wrong with it is said at boot, and teams and keys may differ."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, parse

ROOT = "callback_settings.litellm_plugins"
ME = Identity(key_id="k1", key_alias="ci", team_id="t1")


def test_it_is_off_by_default_and_limits_nothing() -> None:
    admission = parse({}).admission
    assert admission.enabled is False
    assert admission.priorities is None
    assert (admission.max_prompt_tokens, admission.max_body_kb, admission.timeouts) == (None, None, {})


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"max_tokens": 5}, ".max_tokens: unknown setting"),
        ({"max_prompt_tokens": 0}, ".max_prompt_tokens: "),
        ({"max_images": -1}, ".max_images: "),
        ({"timeouts": {"small": 0}}, ".timeouts.small: "),
        ({"priorities": {"high": 0}}, ".priorities.high: "),
        ({"priorities": {"high": 20}}, ".priorities: the smaller number comes first"),
        ({"priorities": {"default": "urgent"}}, ".priorities.default: "),
    ],
)
@pytest.mark.parametrize("where", ["admission", "per_team.t1.admission"])
def test_a_fault_is_named_with_its_path(block: dict[str, Any], path: str, where: str) -> None:
    given: dict[str, Any] = {"admission": block} if where == "admission" else {"per_team": {"t1": {"admission": block}}}
    with pytest.raises(SettingsError) as caught:
        parse(given)
    assert f"{ROOT}.{where}{path}" in str(caught.value)


def test_the_narrower_wins_and_the_wider_shows_through() -> None:
    settings = parse(
        {
            "admission": {"enabled": True, "max_messages": 1, "timeouts": {"small": 5}},
            "per_team": {"t1": {"admission": {"max_messages": 2, "max_tools": 2}}},
            "per_key": {"ci": {"admission": {"max_messages": 3, "timeouts": {"large": 7}}}},
        }
    )
    rules = Policies(settings).admission_for(ME, "small")
    assert (rules.enabled, rules.max_messages, rules.max_tools) == (True, 3, 2)
    assert rules.timeouts == {"small": 5, "large": 7}
    assert Policies(settings).admission_for(Identity(), "small") == settings.admission


def test_of_two_overrides_that_do_not_fit_each_other_the_narrower_holds() -> None:
    settings = parse(
        {
            "admission": {"priorities": {}},
            "per_team": {"t1": {"admission": {"priorities": {"normal": 40}}}},
            "per_key": {"ci": {"admission": {"priorities": {"low": 30}}}},
        }
    )
    rules = Policies(settings).admission_for(ME, "small").priorities
    assert rules is not None
    assert (rules.normal, rules.low) == (10, 30)
