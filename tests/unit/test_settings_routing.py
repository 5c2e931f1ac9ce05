"""The block `routing`: what is in force, and what is wrong with it in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity
from litellm_plugins.proxy.routing.checks import unknown_models
from litellm_plugins.settings import ROOT, Policies, parse

TIERS = [{"name": "small", "models": ["nano"]}, {"name": "mid", "models": ["mini"]}, {"name": "big", "models": ["max"]}]


ARM = {"name": "b", "model": "new", "share": "10%"}


def trying(*experiments: dict[str, Any]) -> dict[str, Any]:
    base = {"name": "trial", "tier": "big", "arms": [ARM]}
    return {"tiers": TIERS, "experiments": [{**base, **each} for each in experiments]}


def routing(**more: Any) -> dict[str, Any]:
    return {"routers": {"auto": {"tiers": TIERS}}, **more}


def fault(block: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(block)
    return "\n".join(caught.value.problems)


def test_without_the_block_nothing_is_routed() -> None:
    assert parse({}).routing.routers == {}


def test_thresholds_are_as_given_or_left_to_the_scorer() -> None:
    given = {"routers": {"auto": {"tiers": TIERS, "thresholds": ["20%", 0.9]}}}

    assert parse({"routing": given}).routing.routers["auto"].thresholds == (0.2, 0.9)
    assert parse({"routing": routing()}).routing.routers["auto"].thresholds == ()


@pytest.mark.parametrize(
    ("router", "told"),
    [
        ({"tiers": TIERS, "thresholds": [0.9, 0.2]}, "thresholds must rise"),
        ({"tiers": TIERS, "thresholds": [0.5]}, "3 tiers have 2 thresholds between them"),
        ({"tiers": TIERS[:1]}, "at least 2 items"),
        ({"tiers": [TIERS[0]] * 7}, "at most 6 items"),
        ({"tiers": [TIERS[0], TIERS[0]]}, "tier given twice: small"),
        ({"tiers": [TIERS[0], {"name": "mid", "models": []}]}, "at least 1 item"),
        ({"tiers": [TIERS[0], {"name": "mid", "models": ["auto"]}]}, "auto is a router itself"),
        ({"tiers": TIERS, "threshold": [0.5]}, "did you mean thresholds?"),
        ({"tiers": [{**TIERS[0], "max_tokens": 0}, TIERS[1]]}, "max_tokens"),
        ({"tiers": TIERS, "session": {"margin": 2}}, "from 0 to 100%"),
        ({"tiers": TIERS, "session": {"ttl_s": 0}}, "greater than 0"),
        (trying({"tier": "huge"}), "experiment trial: no tier is called 'huge'; there are: small, mid, big"),
        (trying({}, {"name": "again"}), "tier big has 2 experiments that are enabled; one is the most"),
        (trying({}, {"tier": "mid"}), "experiment given twice: trial"),
        (trying({"arms": [{**ARM, "name": "control"}]}), "'control' is the arm of all others"),
        (trying({"arms": [{**ARM, "share": "60%"}, {**ARM, "name": "c", "share": 0.5}]}), "more than 100%"),
        (trying({"arms": [ARM, ARM]}), "arm given twice: b"),
        (trying({"arms": [{**ARM, "model": "auto"}]}), "routers.auto.experiments.trial: auto is a router itself"),
        (trying({"sticky": "team"}), "sticky"),
        ({"tiers": TIERS, "cascade": {"checks": []}}, "at least 1 item"),
        ({"tiers": TIERS, "cascade": {"checks": ["empty", "empty"]}}, "check given twice: empty"),
        ({"tiers": TIERS, "cascade": {"max_escalations": 0}}, "cascade.max_escalations"),
        ({"tiers": TIERS, "cascade": {"hold": {"first_tokens": 0}}}, "cascade.hold"),
        (
            {"tiers": TIERS, "cascade": {"checks": ["json_schema"], "hold": {"first_tokens": 9}}},
            "only refusal and hedging can be seen in a first part",
        ),
    ],
)
def test_a_faulty_router_is_told_of(router: dict[str, Any], told: str) -> None:
    assert told in fault({"routing": {"routers": {"auto": router}}})


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"max_tier": "huge"}, "max_tier: no tier is called 'huge'; there are: small, mid, big"),
        ({"routable": {"gpt-4o": "outo"}}, "routable.gpt-4o: no router is called 'outo'; there are: auto"),
        ({"routable": {"auto": "auto"}}, "routable.auto: is a router itself"),
    ],
)
def test_limits_that_name_nothing_are_told_of_for_all_and_for_one(limits: dict[str, Any], told: str) -> None:
    assert told in fault({"routing": routing(**limits)})
    one = fault({"routing": routing(), "per_team": {"sales": {"routing": limits}}})
    assert one.startswith(f"{ROOT}.per_team.sales.routing.{told}")


def test_limits_are_of_teams_and_keys() -> None:
    told = fault({"routing": routing(), "per_model": {"auto": {"routing": {"may_force": True}}}})
    assert told.startswith(f"{ROOT}.per_model.auto.routing: limits are of teams and keys")


def test_a_key_s_limits_come_after_its_team_s_and_those_after_everybody_s() -> None:
    policies = Policies(
        parse(
            {
                "routing": routing(max_tier="mid", routable={"gpt-4o": "auto"}),
                "per_team": {"sales": {"routing": {"may_force": True, "max_tier": "small"}}},
                "per_key": {"boss": {"routing": {"max_tier": "big"}}},
            }
        )
    )
    nobody, team, key = (
        policies.routing_for(identity)
        for identity in (Identity(), Identity(team_id="sales"), Identity(team_id="sales", key_alias="boss"))
    )

    assert (nobody.may_force, nobody.max_tier) == (False, "mid")
    assert (team.may_force, team.max_tier) == (True, "small")
    assert (key.may_force, key.max_tier, key.routable) == (True, "big", {"gpt-4o": "auto"})


def test_a_limit_can_be_lifted_for_one_team_or_key() -> None:
    settings = parse(
        {
            "routing": routing(max_tier="small"),
            "per_team": {"sales": {"routing": {"max_tier": None}}, "legal": {"routing": {"may_force": True}}},
            "per_key": {"intern": {"routing": {"max_tier": "mid"}}, "boss": {"routing": {"max_tier": None}}},
        }
    )
    policies = Policies(settings)

    def most(**who: str) -> str | None:
        return policies.routing_for(Identity(**who)).max_tier

    assert (most(), most(team_id="legal"), most(team_id="sales")) == ("small", "small", None)
    assert (most(team_id="sales", key_alias="intern"), most(team_id="legal", key_alias="boss")) == ("mid", None)


def test_models_that_are_not_in_the_list_are_told_of(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"

    def problems(**host: Any) -> list[str]:
        listed = [{"model_name": name} for name in ("auto", "nano", "mini")]
        config.write_text(yaml.safe_dump({"model_list": listed, **host}), encoding="utf-8")
        return unknown_models(parse({"routing": routing()}).routing, config)

    assert problems() == [f"{ROOT}.routing.routers.auto.tiers.big: 'max' is not in model_list"]
    assert problems(router_settings={"model_group_alias": {"max": "mini"}}) == []
    assert problems(general_settings={"store_model_in_db": True}) == []
    assert unknown_models(parse({"routing": routing()}).routing, None) == []
    assert problems(model_list=[{"model_name": "*"}]) == []


def test_one_experiment_of_a_tier_runs_and_others_may_wait() -> None:
    router = trying({}, {"name": "later", "enabled": False})
    told = parse({"routing": {"routers": {"auto": router}}}).routing.routers["auto"]
    assert [(each.name, each.enabled, each.sticky) for each in told.experiments] == [
        ("trial", True, "key"),
        ("later", False, "key"),
    ]
    assert told.experiments[0].arms[0].share == 0.1
    assert told.session is None


def test_the_model_of_an_arm_has_to_be_known(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    names = ("auto", "nano", "mini", "max")
    path.write_text(yaml.safe_dump({"model_list": [{"model_name": name} for name in names]}))
    told = unknown_models(parse({"routing": {"routers": {"auto": trying({})}}}).routing, path)
    assert told == [f"{ROOT}.routing.routers.auto.experiments.trial.b: 'new' is not in model_list"]
