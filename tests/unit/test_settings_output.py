"""The block `output`: what is wrong with it is said at boot, and teams, keys and models may differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.proxy.routing.checks import unknown_limited
from litellm_plugins.settings import Policies, parse

ROOT = "callback_settings.litellm_plugins"
ME = Identity(key_id="k1", key_alias="ci", team_id="t1")


def test_it_is_off_by_default() -> None:
    output = parse({}).output
    assert (output.enabled, output.max_tokens, output.brief, output.stop) == (False, None, None, None)


def test_true_is_an_instruction_in_our_words_and_false_is_none() -> None:
    features = {"a": {"brief": True}, "b": {"brief": False}, "c": {"brief": "In Spanish."}, "d": {}}
    output = parse({"output": {"features": features}}).output
    assert [each.brief for each in output.features.values()] == ["Answer briefly.", "", "In Spanish.", None]


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"max_token": 5}, ".max_token: unknown setting; did you mean max_tokens?"),
        ({"max_tokens": 0}, ".max_tokens: "),
        ({"brief": 5}, ".brief: "),
        ({"brief": "  "}, ".brief: expected true, false or an instruction"),
        ({"stop": "###"}, ".stop: "),
        ({"stop": ["a", "b", "c", "d", "e"]}, ".stop: "),
        ({"stop": [""]}, ".stop.0: "),
        ({"stop": ["\n\n"]}, ".stop: a stop sequence needs more than white space"),
        ({"stop": ["a", "a"]}, ".stop: stop sequence given twice: 'a'"),
        ({"features": {"a": {"max_tokens": -1}}}, ".features.a.max_tokens: "),
        ({"features": {"a": {"enabled": True}}}, ".features.a.enabled: unknown setting"),
        ({"models": {"m": {"stop": ["a"]}}}, ".models.m.stop: unknown setting"),
    ],
)
@pytest.mark.parametrize("where", ["output", "per_team.t1.output"])
def test_a_fault_is_named_with_its_path(block: dict[str, Any], path: str, where: str) -> None:
    given: dict[str, Any] = {"output": block} if where == "output" else {"per_team": {"t1": {"output": block}}}
    with pytest.raises(SettingsError) as caught:
        parse(given)
    assert f"{ROOT}.{where}{path}" in str(caught.value)


def test_the_narrower_wins_and_the_wider_shows_through() -> None:
    settings = parse(
        {
            "output": {"enabled": True, "max_tokens": 9, "features": {"a": {"brief": True}}},
            "per_model": {"small": {"output": {"max_tokens": 8, "stop": ["#"]}}},
            "per_team": {"t1": {"output": {"max_tokens": 7, "features": {"a": {"max_tokens": 3}}}}},
            "per_key": {"ci": {"output": {"max_tokens": None}}},
        }
    )
    merged = Policies(settings).output_for(ME, "small")
    assert (merged.enabled, merged.max_tokens, merged.stop) == (True, None, ("#",))
    assert (merged.features["a"].brief, merged.features["a"].max_tokens) == ("Answer briefly.", 3)
    assert Policies(settings).output_for(Identity(team_id="t1"), "other").max_tokens == 7
    assert Policies(settings).output_for(Identity(), "other") == settings.output


def test_models_that_the_host_does_not_know_are_named(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list: [{model_name: small}]")
    limits = {"models": {"small": {"max_tokens": 5}, "smal": {"max_tokens": 5}}}
    settings = parse({"output": limits, "per_key": {"sk-secret": {"output": {"models": {"big": {}}}}}})
    assert unknown_limited(settings, config) == [
        f"{ROOT}.output.models.smal: 'smal' is not in model_list",
        f"{ROOT}.per_key.sk-***.output.models.big: 'big' is not in model_list",
    ]
    assert unknown_limited(settings, None) == []
