"""Answers of other models that are as good, where the settings say which are."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from litellm_plugins.model import CacheControls, Identity, Layer, Reason
from litellm_plugins.settings import Cache
from tests.unit.cache.builders import chat, reply
from tests.unit.cache.world import World, told

TIERS: dict[str, Any] = {"model_tiers": [["small", "tiny"], ["large"]]}


async def test_a_stronger_model_answers_for_a_weaker_one(world: World) -> None:
    """What was paid for once at the high price need not be bought again at the low one."""
    await world.keep(chat("lost", model_group="large"), reply(model_group="large"), **TIERS)
    assert told(await world.ask(chat("lost"), **TIERS)) == (Layer.EXACT, Reason.SAME_REQUEST)
    assert told(await world.ask(chat("gone"), **TIERS)) == (Layer.SEMANTIC, Reason.ABOVE_THRESHOLD)


async def test_a_weaker_model_never_answers_for_a_stronger_one(world: World) -> None:
    """Who asks for the large model pays for it, and gets it."""
    await world.keep(chat("lost"), **TIERS)
    assert (await world.ask(chat("lost", model_group="large"), **TIERS)).layer is Layer.MISS


async def test_models_of_one_tier_answer_for_each_other(world: World) -> None:
    """In both directions."""
    await world.keep(chat("lost", model_group="tiny"), reply(model_group="tiny"), **TIERS)
    assert (await world.ask(chat("lost"), **TIERS)).layer is Layer.EXACT
    await world.keep(chat("other"), **TIERS)
    assert (await world.ask(chat("other", model_group="tiny"), **TIERS)).layer is Layer.EXACT


async def test_without_tiers_and_for_a_model_in_none_each_keeps_to_itself(world: World) -> None:
    """Off unless it is asked for."""
    await world.keep(chat("lost", model_group="large"), reply(model_group="large"))
    assert (await world.ask(chat("lost"))).layer is Layer.MISS
    assert (await world.ask(chat("lost", model_group="unheard-of"), **TIERS)).layer is Layer.MISS


async def test_its_hit_claims_no_saving(world: World) -> None:
    """The stronger model's price is not what the request would have cost."""
    await world.keep(chat("lost", model_group="large"), reply(model_group="large"), **TIERS)
    entry = (await world.ask(chat("lost"), **TIERS)).entry
    assert entry is not None
    assert entry.cost_nano_usd == 0


async def test_teams_stay_apart_across_models_too(world: World) -> None:
    """Another model's partition is still a tenant's own."""
    await world.keep(chat("lost", model_group="large"), reply(model_group="large"), **TIERS)
    other = Identity(key_id="k2", team_id="sales")
    assert (await world.ask(chat("lost", identity=other), **TIERS)).layer is Layer.MISS


async def test_a_fresh_answer_is_a_fresh_answer(world: World) -> None:
    """`no-cache` holds for every model's entries."""
    await world.keep(chat("lost", model_group="large"), reply(model_group="large"), **TIERS)
    fresh = chat("lost", controls=CacheControls(no_cache=True))
    assert told(await world.ask(fresh, **TIERS)) == (Layer.MISS, Reason.REFRESH)


async def test_the_answer_to_a_miss_is_kept_for_the_model_that_was_asked(world: World) -> None:
    """Looking elsewhere first does not change where a miss is stored."""
    await world.keep(chat("lost"), **TIERS)
    assert (await world.ask(chat("lost"))).layer is Layer.EXACT


def test_a_model_is_in_one_tier_only() -> None:
    """Else it would be stronger than itself."""
    with pytest.raises(ValidationError, match="model given twice: small"):
        Cache.model_validate({"model_tiers": [["small"], ["large", "small"]]})
