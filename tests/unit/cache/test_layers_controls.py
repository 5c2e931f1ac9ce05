"""What a client may ask of the cache, and what happens when a part of it breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import CacheControls, Layer, Reason
from litellm_plugins.settings import Cache
from tests.unit.cache.builders import answer, chat, reply
from tests.unit.cache.world import ON, World, told

EXACTLY: dict[str, Any] = {"volatility": {"faq": {"jitter": 0}}}


async def test_a_refresh_skips_both_layers_and_replaces_the_entry(world: World) -> None:
    """`no-cache`: the client wants a fresh answer, and everyone after him gets that one."""
    await world.keep(chat("lost"), reply(answer("old")))
    refresh = chat("lost", controls=CacheControls(no_cache=True))
    assert told(await world.ask(refresh)) == (Layer.MISS, Reason.REFRESH)
    assert await world.keep(refresh, reply(answer("new"))) is None
    assert b"new" in world.store.only.body


async def test_a_refreshed_answer_can_be_matched_by_a_paraphrase(world: World) -> None:
    """A refresh must not quietly make an entry exact-only."""
    await world.keep(chat("lost", controls=CacheControls(no_cache=True)))
    assert (await world.ask(chat("gone"))).layer == Layer.SEMANTIC


async def test_an_answer_older_than_the_client_accepts_is_not_served(world: World) -> None:
    """`s-maxage`, on either layer, counted from when the answer was given."""
    await world.keep(chat("lost"))
    world.clock.now += 60
    for question, layer in (("lost", Layer.EXACT), ("gone", Layer.SEMANTIC)):
        young = await world.ask(chat(question, controls=CacheControls(max_age_s=60)))
        assert young.layer == layer
        old = await world.ask(chat(question, controls=CacheControls(max_age_s=59)))
        assert told(old) == (Layer.MISS, Reason.TOO_OLD)


async def test_a_max_age_of_zero_is_a_limit_and_not_the_lack_of_one(world: World) -> None:
    """0 is falsy."""
    await world.keep(chat("lost"))
    world.clock.now += 1
    assert not (await world.ask(chat("lost", controls=CacheControls(max_age_s=0)))).is_hit


@pytest.mark.parametrize(("wanted", "lives"), [(None, 100), (10, 10), (500, 500), (5_000, 1_000), (0, 0)])
async def test_a_client_may_choose_a_lifetime_up_to_the_operators_bound(
    world: World, wanted: float | None, lives: float
) -> None:
    """Longer than the default too, but never past max_ttl_s."""
    await world.keep(chat("lost", controls=CacheControls(ttl_s=wanted)), ttl_s=100, max_ttl_s=1_000, **EXACTLY)
    assert world.store.only.created_at == world.clock.now
    assert world.store.only.expires_at == world.clock.now + lives


async def test_a_broken_store_is_a_miss_that_says_so(world: World) -> None:
    """The request goes on; the failure is told apart from an empty cache."""
    await world.keep(chat("lost"))
    for broken, question in (("get", "lost"), ("nearest", "gone")):
        world.store.broken = {broken}
        verdict = await world.ask(chat(question))
        assert told(verdict) == (Layer.MISS, Reason.STORE_UNAVAILABLE)
        assert verdict.failure == "store_busy"


async def test_a_broken_embedder_leaves_the_exact_layer_working(world: World) -> None:
    """What fails is the semantic layer only."""
    await world.keep(chat("lost"))
    world.embedder.broken = True
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT
    verdict = await world.ask(chat("gone"))
    assert told(verdict) == (Layer.MISS, Reason.EMBEDDER_UNAVAILABLE)
    assert verdict.failure is not None
    assert "queue_full" in verdict.failure


async def test_an_answer_got_while_the_embedder_is_broken_is_kept_for_the_exact_layer(world: World) -> None:
    """Half a cache is better than none."""
    world.embedder.broken = True
    assert await world.keep(chat("lost")) is None
    assert world.store.only.question is None
    world.embedder.broken = False
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT
    assert (await world.ask(chat("gone"))).layer == Layer.MISS


@pytest.mark.parametrize("hanging", ["get", "nearest", "embed"])
async def test_whatever_hangs_costs_a_request_the_deadline_and_no_more(world: World, hanging: str) -> None:
    """A stuck disk or a slow embedding API must not hold up the model's answer."""
    await world.keep(chat("lost"))
    world.store.hanging = {hanging}
    world.embedder.hanging = hanging == "embed"
    verdict = await world.ask(chat("gone"), lookup_timeout_ms=5)
    assert told(verdict) == (Layer.MISS, Reason.DEADLINE)
    assert verdict.failure
    assert verdict.keys is not None, "the answer may still be kept"


async def test_a_store_that_cannot_write_is_told_to_who_stores(world: World) -> None:
    """The pipeline counts it; swallowing it here would make a full disk invisible."""
    settings = Cache.model_validate(ON)
    verdict = await world.layers.look_up(chat("lost"), settings)
    world.store.broken = {"put"}
    with pytest.raises(StoreUnavailable):
        await world.layers.remember(verdict, chat("lost"), reply(), settings)


async def test_a_hit_is_not_stored_again(world: World) -> None:
    """Its lifetime would never end while it is asked for."""
    await world.keep(chat("lost"))
    await world.keep(chat("lost"))
    await world.keep(chat("gone"))
    assert world.store.calls.count("put") == 1


async def test_closing_closes_store_and_embedder(world: World) -> None:
    """One owner each: nobody else closes them."""
    await world.layers.aclose()
    assert (world.store.closed, world.embedder.closed) == (1, 1)


async def test_the_verdict_of_a_miss_is_kept_under_the_request_as_it_was_looked_up(world: World) -> None:
    """The host rewrites a request between the look-up and the answer: what was asked is what is stored."""
    settings = Cache.model_validate(ON)
    verdict = await world.layers.look_up(chat("lost"), settings)
    rewritten = replace(chat("lost"), messages=({"role": "user", "content": "rewritten"},))
    await world.layers.remember(verdict, rewritten, reply(), settings)
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT
