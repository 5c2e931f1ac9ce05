"""What is in force for one request: the base, and what model, team and key change in it."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.model import Identity
from litellm_plugins.settings import Policies, cache_anywhere, parse

BASE: dict[str, Any] = {"enabled": True, "ttl_s": 1_000, "semantic": {"threshold": 0.9}}
ME = Identity(key_id="k1", key_alias="ci", team_id="t1", team_alias="support")


def policies(**overrides: dict[str, dict[str, Any]]) -> Policies:
    tables = {table: {name: {"cache": cache} for name, cache in over.items()} for table, over in overrides.items()}
    return Policies(parse({"cache": BASE} | tables))


def test_without_overrides_everybody_has_the_base() -> None:
    """The same object, in fact: nothing is merged on the way of a request."""
    settings = parse({"cache": BASE})
    assert Policies(settings).cache_for(ME, "small") is settings.cache


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    """To the depth of single settings."""
    cache = policies(per_team={"t1": {"semantic": {"threshold": 0.97}}}).cache_for(ME, "small")
    assert cache.semantic.threshold == 0.97
    assert cache.semantic.guards_in_force == ("numbers",)
    assert (cache.enabled, cache.ttl_s) == (True, 1_000)


def test_the_narrower_wins_and_the_wider_shows_through() -> None:
    """Model, then team, then key; each for what it names."""
    cache = policies(
        per_model={"small": {"ttl_s": 1, "max_answer_kb": 1, "lookup_timeout_ms": 1}},
        per_team={"t1": {"ttl_s": 2, "max_answer_kb": 2}},
        per_key={"k1": {"ttl_s": 3}},
    ).cache_for(ME, "small")
    assert (cache.ttl_s, cache.max_answer_kb, cache.lookup_timeout_ms) == (3, 2, 1)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("per_team", "t1"),
        ("per_team", "support"),
        ("per_key", "k1"),
        ("per_key", "ci"),
        ("per_model", "small"),
    ],
)
def test_teams_and_keys_are_named_by_id_or_by_alias(table: str, name: str) -> None:
    """The id of a key is a hash that nobody wants to write."""
    assert policies(**{table: {name: {"enabled": False}}}).cache_for(ME, "small").enabled is False


def test_an_id_comes_before_an_alias() -> None:
    """A team that calls itself by another's id does not get that one's settings."""
    both = policies(per_team={"t1": {"ttl_s": 1}, "support": {"ttl_s": 2}})
    assert both.cache_for(ME, "small").ttl_s == 1


@pytest.mark.parametrize(
    ("identity", "model"),
    [
        (Identity(), "large"),
        (Identity(key_id="t1", team_id="k1"), "large"),
        (Identity(key_id="small", team_id="small"), "t1"),
        (Identity(user_id="t1", end_user_id="k1"), ""),
    ],
)
def test_others_are_left_alone(identity: Identity, model: str) -> None:
    """A name counts in its own table only."""
    some = policies(per_team={"t1": {"ttl_s": 1}}, per_key={"k1": {"ttl_s": 2}}, per_model={"small": {"ttl_s": 3}})
    assert some.cache_for(identity, model).ttl_s == 1_000


def test_the_cache_may_be_on_for_one_team_only() -> None:
    """A trial with one team is how it will be brought in."""
    settings = parse({"per_team": {"t1": {"cache": {"enabled": True}}}})
    assert cache_anywhere(settings)
    assert Policies(settings).cache_for(ME, "small").enabled
    assert not Policies(settings).cache_for(Identity(team_id="t2"), "small").enabled


def test_overrides_that_fit_the_base_but_not_each_other_break_no_request() -> None:
    """A model with a lower bound meets a team with a longer lifetime: the bound holds."""
    tight = {"cache": {"max_ttl_s": 4_000}}
    settings = parse({"per_model": {"small": tight}, "per_team": {"t1": {"cache": {"ttl_s": 10_000}}}})
    cache = Policies(settings).cache_for(ME, "small")
    assert cache.ttl_s <= cache.max_ttl_s
    assert Policies(settings).cache_for(ME, "large").ttl_s == 10_000


@pytest.mark.parametrize(("written", "on"), [("yes", True), ("no", False), ("off", False), (1, True)])
def test_a_switch_of_an_override_is_read_as_one_of_the_base(written: Any, on: bool) -> None:
    """`"no"` in quotes is a text, and no text is false to Python."""
    assert cache_anywhere(parse({"per_team": {"t1": {"cache": {"enabled": written}}}})) is on


def test_a_list_in_an_override_replaces_the_list() -> None:
    """`guards: []` must be able to switch them off."""
    assert policies(per_key={"ci": {"semantic": {"guards": []}}}).cache_for(ME, "small").semantic.guards == ()
