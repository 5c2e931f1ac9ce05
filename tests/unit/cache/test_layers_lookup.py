"""Looking up, layer by layer, on a store and an embedder that do as told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.model import CacheControls, Identity, Layer, Reason, Request
from tests.unit.cache.builders import answer, chat, tool
from tests.unit.cache.world import World, told


async def test_the_same_request_is_an_exact_hit_and_costs_no_embedding(world: World) -> None:
    """The commonest hit is the cheapest."""
    await world.keep(chat("lost"))
    world.embedder.asked.clear()
    verdict = await world.ask(chat("lost"))
    assert told(verdict) == (Layer.EXACT, Reason.SAME_REQUEST)
    assert verdict.similarity == 1.0
    assert verdict.entry is not None
    assert orjson.loads(verdict.entry.body) == answer()
    assert world.embedder.asked == []


async def test_a_paraphrase_is_a_semantic_hit_that_names_what_it_matched(world: World) -> None:
    """Similarity and question go to header and trace, so that a wrong hit can be understood."""
    await world.keep(chat("lost"))
    verdict = await world.ask(chat("gone"))
    assert told(verdict) == (Layer.SEMANTIC, Reason.ABOVE_THRESHOLD)
    assert verdict.similarity == pytest.approx(0.9703, abs=1e-4)
    assert verdict.matched_question == "lost"
    assert verdict.is_hit


async def test_another_question_is_a_miss_that_tells_how_near_it_was(world: World) -> None:
    """0.5 is far from any threshold."""
    await world.keep(chat("lost"))
    verdict = await world.ask(chat("other"))
    assert told(verdict) == (Layer.MISS, Reason.BELOW_THRESHOLD)
    assert verdict.similarity == pytest.approx(0.5, abs=1e-6)
    assert not verdict.is_hit


async def test_the_threshold_in_force_decides(world: World) -> None:
    """A stricter team's override must hold for its own requests."""
    await world.keep(chat("lost"))
    assert (await world.ask(chat("gone"), semantic={"threshold": 0.98})).reason == Reason.BELOW_THRESHOLD


async def test_numbers_are_guarded_unless_the_config_says_otherwise(world: World) -> None:
    """Same angle, other sum."""
    world.embedder.angles |= {"2+2": 0.0, "2+3": 0.0}
    await world.keep(chat("2+2"))
    assert (await world.ask(chat("2+3"))).reason == Reason.NUMBERS_DIFFER
    assert (await world.ask(chat("2+3"), semantic={"guards": []})).layer == Layer.SEMANTIC


STRANGERS = {
    "another team": chat("gone", identity=Identity(key_id="k1", team_id="sales")),
    "another model group": chat("gone", model_group="large"),
    "another system prompt": chat(messages=({"role": "system", "content": "x"}, {"role": "user", "content": "gone"})),
    "another earlier turn": chat("hello", "hi", "gone"),
    "another temperature": chat("gone", parameters={"temperature": 1}),
    "another namespace": chat("gone", controls=CacheControls(namespace="n")),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
async def test_a_paraphrase_from_elsewhere_finds_nothing(world: World, stranger: Request) -> None:
    """Not "below the threshold": it must not even be compared."""
    await world.keep(chat("lost"))
    assert told(await world.ask(stranger)) == (Layer.MISS, Reason.EMPTY)


async def test_vectors_of_another_model_are_never_compared(world: World) -> None:
    """After a change of embedder the old entries are exact hits only."""
    await world.keep(chat("lost"))
    world.embedder.model_id = "fake:2"
    assert told(await world.ask(chat("gone"))) == (Layer.MISS, Reason.EMPTY)
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT


NOT_ASKED: dict[str, tuple[Request, dict[str, Any], tuple[Layer, Reason]]] = {
    "the cache off": (chat("lost"), {"enabled": False}, (Layer.OFF, Reason.DISABLED)),
    "a client who wants past it": (
        chat("lost", controls=CacheControls(bypass=True)),
        {},
        (Layer.BYPASS, Reason.REQUESTED),
    ),
    "a request not understood": (
        chat("lost", endpoint="images"),
        {},
        (Layer.BYPASS, Reason.UNSUPPORTED_ENDPOINT),
    ),
    "nobody known": (chat("lost", identity=Identity()), {}, (Layer.BYPASS, Reason.NO_IDENTITY)),
    "no end user where they are the tenants": (
        chat("lost"),
        {"scope": "end_user"},
        (Layer.BYPASS, Reason.NO_END_USER),
    ),
}


@pytest.mark.parametrize(("request_", "policy", "expected"), NOT_ASKED.values(), ids=NOT_ASKED.keys())
async def test_what_is_not_cached_touches_neither_store_nor_embedder(
    world: World, request_: Request, policy: dict[str, Any], expected: tuple[Layer, Reason]
) -> None:
    """And is not stored afterwards either."""
    assert told(await world.ask(request_, **policy)) == expected
    assert await world.keep(request_, **policy) == expected[1]
    assert (world.store.calls, world.embedder.asked) == ([], [])


async def test_tools_on_offer_are_answered_exactly_or_not_at_all(world: World) -> None:
    """The reason says why the semantic layer was not asked."""
    offer = {"tools": [tool()]}
    await world.keep(chat("lost", parameters=offer))
    assert (await world.ask(chat("lost", parameters=offer))).layer == Layer.EXACT
    assert told(await world.ask(chat("gone", parameters=offer))) == (Layer.MISS, Reason.TOOLS_OFFERED)
    assert world.embedder.asked == []


async def test_the_exact_layer_alone_says_that_it_is_alone(world: World) -> None:
    """Switched off, or without an embedder."""
    await world.keep(chat("lost"))
    verdict = await world.ask(chat("gone"), semantic={"enabled": False})
    assert told(verdict) == (Layer.MISS, Reason.EXACT_ONLY)
    world.layers = CacheLayers(store=world.store, embedder=None, clock=world.clock)
    assert told(await world.ask(chat("gone"))) == (Layer.MISS, Reason.EXACT_ONLY)
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT


async def test_the_semantic_layer_alone_answers_the_same_request_too(world: World) -> None:
    """With `exact.enabled: false` the very same question is simply the nearest."""
    await world.keep(chat("lost"))
    verdict = await world.ask(chat("lost"), exact={"enabled": False})
    assert told(verdict) == (Layer.SEMANTIC, Reason.SAME_WORDS)


async def test_a_question_that_was_not_read_whole_is_never_matched(world: World) -> None:
    """Two long prompts that differ behind the cut would look the same."""
    await world.keep(chat("lost"))
    world.embedder.partial = True
    verdict = await world.ask(chat("gone"))
    assert told(verdict) == (Layer.MISS, Reason.QUESTION_NOT_READ)
    assert "nearest" not in world.store.calls[2:]


async def test_an_entry_removed_between_search_and_fetch_is_a_miss(world: World) -> None:
    """Another worker may evict it in that moment."""
    await world.keep(chat("lost"))
    world.store.gone = {key for _, key in world.store.entries}
    verdict = await world.ask(chat("gone"))
    assert told(verdict) == (Layer.MISS, Reason.TOO_OLD)
    assert not verdict.is_hit
