"""What an entry is tagged with, and the version of the documents as part of its world."""

from __future__ import annotations

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.model import CacheControls, Identity
from litellm_plugins.settings import Policies, parse
from tests.unit.cache.builders import chat
from tests.unit.cache.world import World


async def test_an_entry_bears_the_client_s_the_administrator_s_and_the_version_s_tag(world: World) -> None:
    controls = CacheControls(tags=("order:42", "both"), namespace="n")
    await world.keep(chat("lost", controls=controls), tags=["both", "dept:x"], version="v2.5")
    kept = world.store.only
    assert kept.tags == ("both", "dept:x", "order:42", "version:v2.5")
    assert (kept.namespace, kept.model_group, kept.origin) == ("n", "small", "team:support")


async def test_tags_do_not_change_what_a_request_matches(world: World) -> None:
    await world.keep(chat("lost", controls=CacheControls(tags=("a",))))
    assert (await world.ask(chat("lost"), tags=["b"])).is_hit
    assert (await world.ask(chat("gone", controls=CacheControls(tags=("c",))))).is_hit


async def test_another_version_is_another_world(world: World) -> None:
    await world.keep(chat("lost"), version="v2.4")
    for text in ("lost", "gone"):
        assert (await world.ask(chat(text), version="v2.4")).is_hit
        assert not (await world.ask(chat(text), version="v2.5")).is_hit
        assert not (await world.ask(chat(text))).is_hit


async def test_a_version_is_not_mistaken_for_a_namespace(world: World) -> None:
    await world.keep(chat("lost", controls=CacheControls(namespace="a")), version="b")
    assert not (await world.ask(chat("lost", controls=CacheControls(namespace="b")), version="a")).is_hit
    assert not (await world.ask(chat("lost", controls=CacheControls(namespace="a,b")))).is_hit


def test_tags_and_version_can_differ_by_team_and_model() -> None:
    block = {
        "cache": {"tags": ["all"], "version": "v1"},
        "per_team": {"legal": {"cache": {"version": "v2"}}},
        "per_model": {"small": {"cache": {"tags": ["b", "a", "b"]}}},
    }
    policy = Policies(parse(block)).cache_for(Identity(team_id="legal"), "small")
    assert (policy.version, policy.tags) == ("v2", ("a", "b"))


@pytest.mark.parametrize("wrong", [{"tags": ["a b"]}, {"tags": ["version:1"]}, {"version": "v 2"}])
def test_tags_and_versions_that_nobody_could_name_later_are_refused(wrong: dict[str, object]) -> None:
    for block in ({"cache": wrong}, {"per_team": {"x": {"cache": wrong}}}):
        with pytest.raises(SettingsError):
            parse(block)
