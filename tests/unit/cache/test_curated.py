"""Curated answers: who gets them, for which requests, and what goes before what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.cache.curated import EVERYONE, SHELF_TAG, Shelf, Target, key_of, partition_of
from litellm_plugins.cache.store import Entry
from litellm_plugins.model import CacheControls, Identity, Layer, Reason, Request
from tests.unit.cache.builders import chat, turns
from tests.unit.cache.fakes import Clock, FakeStore
from tests.unit.cache.world import World, told

SUPPORT = Target("team:support")
CURATED = {(Layer.EXACT, Reason.CURATED), (Layer.SEMANTIC, Reason.CURATED)}
CALM = {"role": "system", "content": "Be calm."}


async def put(world: World, question: str = "lost", target: Target = SUPPORT, **different: Any) -> Entry:
    vector = (await world.embedder.embed(question)).vector
    fields: dict[str, Any] = {
        "key": key_of(target, question),
        "partition": partition_of(target),
        "question": question,
        "body": question.encode(),
        "model": "",
        "provider": "",
        "cost_nano_usd": 0,
        "prompt_tokens": 0,
        "completion_tokens": 10,
        "created_at": world.clock.now,
        "expires_at": world.clock.now,
        "tags": (SHELF_TAG,),
        "pinned": True,
    }
    entry = Entry(**(fields | different))
    await world.store.put(target.tenant, entry, vector=vector, space=world.embedder.model_id)
    return entry


async def test_the_same_question_gets_it_whatever_its_case_and_spacing(world: World) -> None:
    entry = await put(world, "How do I  reset it?")
    verdict = await world.ask(chat("how do I reset IT?\n"))
    assert (told(verdict), verdict.entry) == ((Layer.EXACT, Reason.CURATED), entry)


async def test_a_question_that_means_the_same_gets_it_and_is_told_which_it_was(world: World) -> None:
    entry = await put(world, "lost")
    verdict = await world.ask(chat("gone"))
    assert (told(verdict), verdict.entry) == ((Layer.SEMANTIC, Reason.CURATED), entry)
    assert verdict.matched_question == "lost"
    assert (await world.ask(chat("other"))).entry is None


async def test_it_is_judged_as_any_other(world: World) -> None:
    """A threshold out of reach, or another number in the question."""
    await put(world, "lost")
    world.embedder.angles |= {"lost 2": 1.0}
    assert not (await world.ask(chat("gone"), semantic={"threshold": 0.999})).is_hit
    assert not (await world.ask(chat("lost 2"))).is_hit


@pytest.mark.parametrize(
    "parameters",
    [
        {"temperature": 0.7, "top_p": 0.9, "seed": 1, "user": "ann", "max_tokens": 500},
        {"n": 1, "response_format": {"type": "text"}, "logprobs": False, "stop": None},
        {"reasoning_effort": "high", "stream_options": {"include_usage": True}},
    ],
)
async def test_how_the_sampling_is_set_does_not_matter(world: World, parameters: dict[str, Any]) -> None:
    await put(world)
    assert told(await world.ask(chat("lost", parameters=parameters))) in CURATED
    assert told(await world.ask(chat("gone", parameters=parameters))) in CURATED


TEXT = {"type": "text", "text": "x"}
FUNCTION = {"type": "function", "function": {"name": "f"}}
NOT_FOR = {
    "a tool": chat("lost", parameters={"tools": [FUNCTION]}),
    "a format": chat("lost", parameters={"response_format": {"type": "json_object"}}),
    "several choices": chat("lost", parameters={"n": 2}),
    "log probabilities": chat("lost", parameters={"logprobs": True}),
    "a stop": chat("lost", parameters={"stop": ["."]}),
    "something unknown": chat("lost", parameters={"extra_body": {"x": 1}}),
    "less room": chat("lost", parameters={"max_tokens": 9}),
    "less room, newer name": chat("lost", parameters={"max_completion_tokens": 9}),
    "an earlier turn": chat("lost", messages=turns("a", "b", "lost")),
    "two user turns": chat("lost", messages=({"role": "user", "content": "a"}, {"role": "user", "content": "lost"})),
    "a namespace": chat("lost", controls=CacheControls(namespace="v2")),
    "another team": chat("lost", identity=Identity(key_id="k9", team_id="sales")),
    "no team": chat("lost", identity=Identity(key_id="k1")),
    "a fresh answer wanted": chat("lost", controls=CacheControls(no_cache=True)),
    "a bypass": chat("lost", controls=CacheControls(bypass=True)),
    "a deployment chosen by tags": chat("lost", routing_tags=("eu",)),
}


@pytest.mark.parametrize("request_", NOT_FOR.values(), ids=list(NOT_FOR))
async def test_what_asks_for_another_kind_of_answer_does_not_get_it(world: World, request_: Request) -> None:
    await put(world)
    assert not (await world.ask(request_)).is_hit


async def test_it_is_for_the_model_and_the_system_prompt_it_was_written_for(world: World) -> None:
    entry = await put(world, target=replace(SUPPORT, model_group="small", system=" be  CALM."))
    calm = chat(messages=(CALM, *turns("lost")))
    for text in ("lost", "gone"):
        asked = replace(calm, messages=(CALM, *turns(text)))
        assert (await world.ask(asked)).entry == entry
        assert not (await world.ask(replace(asked, model_group="large"))).is_hit
        assert not (await world.ask(replace(asked, messages=turns(text)))).is_hit
        parts = {"role": "developer", "content": [{"type": "text", "text": "Be calm."}]}
        assert (await world.ask(replace(asked, messages=(parts, *turns(text))))).entry == entry


async def test_the_more_narrowly_meant_goes_first(world: World) -> None:
    """Own key, own team, everyone; and within each, this system prompt and model before any."""
    expected = [
        Target("key:k1"),
        replace(SUPPORT, model_group="small", system=""),
        replace(SUPPORT, system=""),
        replace(SUPPORT, model_group="small"),
        SUPPORT,
        Target(EVERYONE),
    ]
    kept = {n: await put(world, target=target, body=b"%d" % n) for n, target in reversed(list(enumerate(expected)))}
    for n in range(len(expected)):
        for text in ("lost", "gone"):
            assert (await world.ask(chat(text))).entry == kept[n], n
        del world.store.entries[expected[n].tenant, kept[n].key]
    assert not (await world.ask(chat("lost"))).is_hit


async def test_it_goes_before_what_a_model_answered(world: World) -> None:
    """That is what curating is for."""
    await world.keep(chat("lost"))
    assert told(await world.ask(chat("lost"))) == (Layer.EXACT, Reason.SAME_REQUEST)
    entry = await put(world, "lost")
    world.layers._shelf = Shelf(world.store)  # as two seconds later
    assert (await world.ask(chat("lost"))).entry == entry


async def test_in_a_key_s_or_end_user_s_scope_the_team_s_answers_are_served_too(world: World) -> None:
    entry = await put(world)
    for scope in ("key", "global"):
        assert (await world.ask(chat("lost"), scope=scope)).entry == entry
    user = Identity(key_id="k1", team_id="support", end_user_id="ann")
    assert (await world.ask(chat("lost", identity=user), scope="end_user")).entry == entry


async def test_without_an_embedder_the_same_question_still_gets_it(world: World) -> None:
    entry = await put(world)
    world.embedder.broken = True
    assert (await world.ask(chat("LOST"))).entry == entry
    assert not (await world.ask(chat("gone"))).is_hit


async def test_an_age_limit_holds_for_it_too(world: World) -> None:
    await put(world)
    world.clock.now += 100
    for text in ("lost", "gone"):
        assert not (await world.ask(chat(text, controls=CacheControls(max_age_s=50)))).is_hit


async def test_a_broken_store_makes_a_miss(world: World) -> None:
    world.store.broken.add("count")
    assert told(await world.ask(chat("lost"))) == (Layer.MISS, Reason.STORE_UNAVAILABLE)


async def test_where_there_are_none_a_request_costs_no_look_up_of_them() -> None:
    """One count per tenant every two seconds."""
    world, timer = World(store=CountingStore()), Clock()
    world.layers._shelf = Shelf(world.store, timer=timer)
    for _ in range(5):
        await world.ask(chat("lost"))
    assert isinstance(world.store, CountingStore)
    assert world.store.counted == 3
    assert world.store.calls == ["get", "nearest"] * 5
    timer.now += 2.1
    await world.ask(chat("lost"))
    assert world.store.counted == 6


class CountingStore(FakeStore):
    """Counts how often it was asked to count."""

    counted = 0

    async def count(self, selector: Any) -> int:
        self.counted += 1
        return await super().count(selector)
