"""What the classes of prompts do to look-ups and to what is stored."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.curated import SHELF_TAG, Target, key_of, partition_of
from litellm_plugins.cache.store import Entry
from litellm_plugins.model import CacheControls, Identity, Layer, Reason
from tests.unit.cache.builders import chat
from tests.unit.cache.world import World, told

OWN, OWN_TOO, WEATHER = "Where is my order?", "where's my order", "What's the weather in Oslo?"
ANN = Identity(key_id="k1", team_id="support", end_user_id="ann")
BOB = Identity(key_id="k1", team_id="support", end_user_id="bob")


@pytest.fixture
def world() -> World:
    made = World()
    made.embedder.angles |= {OWN: 0.0, OWN_TOO: 1.0, WEATHER: 40.0}
    return made


async def test_a_time_bound_prompt_is_neither_looked_up_nor_stored(world: World) -> None:
    assert told(await world.ask(chat(WEATHER))) == (Layer.BYPASS, Reason.REALTIME)
    assert await world.keep(chat(WEATHER)) is Reason.REALTIME
    assert world.store.calls == []


async def test_a_time_bound_prompt_lives_for_seconds_where_it_is_cached(world: World) -> None:
    cached: dict[str, Any] = {"volatility": {"realtime": {"cache": True, "ttl_s": 30, "jitter": 0}}}
    assert await world.keep(chat(WEATHER), **cached) is None
    assert world.store.only.expires_at - world.store.only.created_at == 30
    assert world.store.only.volatility == "realtime"


@pytest.mark.parametrize("scope", ["team", "key", "global"])
async def test_an_answer_about_a_user_s_own_data_reaches_that_user_only(world: World, scope: str) -> None:
    """On both layers, whatever the scope of other answers."""
    await world.keep(chat(OWN, identity=ANN), scope=scope)
    assert (await world.ask(chat(OWN, identity=ANN), scope=scope)).layer is Layer.EXACT
    assert (await world.ask(chat(OWN_TOO, identity=ANN), scope=scope)).layer is Layer.SEMANTIC
    for text in (OWN, OWN_TOO):
        assert told(await world.ask(chat(text, identity=BOB), scope=scope)) == (Layer.MISS, Reason.EMPTY)


async def test_end_users_of_the_same_name_in_two_teams_are_two(world: World) -> None:
    """Where everything else is shared by all."""
    await world.keep(chat(OWN, identity=ANN), scope="global")
    other = Identity(key_id="k2", team_id="sales", end_user_id="ann")
    assert (await world.ask(chat(OWN, identity=other), scope="global")).layer is Layer.MISS


async def test_two_keys_that_do_not_share_do_not_share_an_end_user_s_data_either(world: World) -> None:
    await world.keep(chat(OWN, identity=ANN), scope="key")
    other = Identity(key_id="k2", team_id="support", end_user_id="ann")
    assert (await world.ask(chat(OWN, identity=other), scope="key")).layer is Layer.MISS


async def test_without_an_end_user_such_a_prompt_is_not_cached_at_all(world: World) -> None:
    """One key may stand for many people: not even the same words are the same question."""
    assert told(await world.ask(chat(OWN))) == (Layer.BYPASS, Reason.NO_END_USER)
    assert await world.keep(chat(OWN)) is Reason.NO_END_USER
    assert world.store.entries == {}


async def test_who_gives_each_user_a_key_may_say_so(world: World) -> None:
    by_key: dict[str, Any] = {"volatility": {"user_specific": {"without_end_user": "key"}}}
    await world.keep(chat(OWN), **by_key)
    assert (await world.ask(chat(OWN), **by_key)).layer is Layer.EXACT
    colleague = chat(OWN, identity=Identity(key_id="k2", team_id="support"))
    assert (await world.ask(colleague, **by_key)).layer is Layer.MISS


async def test_a_question_for_all_that_says_my_is_shared(world: World) -> None:
    world.embedder.angles |= {"How do I cancel my order?": 0.0, "How can I cancel my order?": 1.0}
    await world.keep(chat("How do I cancel my order?", identity=ANN))
    assert (await world.ask(chat("How can I cancel my order?", identity=BOB))).layer is Layer.SEMANTIC


async def test_both_layers_have_the_lifetime_of_the_class(world: World) -> None:
    await world.keep(chat(OWN, identity=ANN), volatility={"user_specific": {"jitter": 0}})
    assert world.store.only.question == OWN, "the semantic layer finds this very entry"
    assert world.store.only.expires_at - world.store.only.created_at == 600


async def test_a_lifetime_of_the_client_s_choice_is_of_no_class(world: World) -> None:
    await world.keep(chat("lost", controls=CacheControls(ttl_s=20)))
    assert world.store.only.volatility == ""
    assert world.store.only.expires_at - world.store.only.created_at == 20


SLIDING: dict[str, Any] = {"ttl_s": 100, "max_ttl_s": 150, "volatility": {"faq": {"sliding": True, "jitter": 0}}}


@pytest.mark.parametrize("again", ["lost", "gone"])
async def test_a_hit_on_either_layer_extends_a_sliding_entry_up_to_the_bound(world: World, again: str) -> None:
    await world.keep(chat("lost"), **SLIDING)
    created = world.store.only.created_at
    for passed, lives in ((40, 140), (80, 150)):
        world.clock.now = created + passed
        assert (await world.ask(chat(again), **SLIDING)).is_hit
        assert world.store.only.expires_at == created + lives


@pytest.mark.parametrize("trouble", ["broken", "hanging"])
async def test_a_hit_is_served_though_it_cannot_be_extended(world: World, trouble: str) -> None:
    await world.keep(chat("lost"), **SLIDING)
    world.clock.now += 50
    setattr(world.store, trouble, {"extend"})
    assert (await world.ask(chat("lost"), **SLIDING, lookup_timeout_ms=5)).is_hit


async def test_what_a_person_wrote_down_is_served_where_models_answers_are_not_cached(world: World) -> None:
    """ "Where is my order?": "Open the app and choose Orders." is meant for everybody, anonymous or not."""
    for question in (OWN, WEATHER):
        await _curate(world, question)
    for text, layer in ((OWN, Layer.EXACT), (OWN_TOO, Layer.SEMANTIC), (WEATHER, Layer.EXACT)):
        assert told(await world.ask(chat(text))) == (layer, Reason.CURATED)
        assert await world.keep(chat(text)) is not None, "and nothing is stored beside it"
    world.embedder.angles["Where is my parcel?"] = 120.0
    assert told(await world.ask(chat("Where is my parcel?"))) == (Layer.BYPASS, Reason.NO_END_USER)
    refresh = chat(OWN, controls=CacheControls(no_cache=True))
    assert told(await world.ask(refresh)) == (Layer.BYPASS, Reason.NO_END_USER)


async def test_a_broken_store_does_not_hide_that_a_prompt_is_not_cached(world: World) -> None:
    world.store.broken = {"count"}
    verdict = await world.ask(chat(WEATHER))
    assert (verdict.reason, verdict.keys) == (Reason.STORE_UNAVAILABLE, None)
    assert await world.keep(chat(WEATHER)) is not None
    assert world.store.entries == {}


async def _curate(world: World, question: str) -> None:
    target = Target("team:support")
    entry = Entry(
        key=key_of(target, question),
        partition=partition_of(target),
        question=question,
        body=b"{}",
        model="curated",
        provider="",
        cost_nano_usd=0,
        prompt_tokens=0,
        completion_tokens=1,
        created_at=world.clock.now,
        expires_at=world.clock.now + 1,
        tags=(SHELF_TAG,),
        pinned=True,
    )
    vector = (await world.embedder.embed(question)).vector
    await world.store.put(target.tenant, entry, vector=vector, space=world.embedder.model_id)
