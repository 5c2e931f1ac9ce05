"""What is kept of an answer, and for which layer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from litellm_plugins.model import CacheControls, Layer, Reason, Reply
from tests.unit.cache.builders import answer, chat, reply, tool_call
from tests.unit.cache.world import World


async def test_an_entry_holds_the_answer_and_what_it_cost(world: World) -> None:
    """A hit later saves exactly that much; no float is between."""
    await world.keep(chat("lost"))
    entry = world.store.only
    assert orjson.loads(entry.body) == answer()
    assert (entry.cost_nano_usd, entry.prompt_tokens, entry.completion_tokens) == (1_234, 12, 5)
    assert (entry.model, entry.provider, entry.question) == ("gpt-small", "openai", "lost")


async def test_an_answer_survives_to_the_byte_in_every_script(world: World) -> None:
    """Emoji, line separators, right-to-left marks, a null character."""
    said = 'Grüße 你好 👩‍👩‍👧 \u2028\u202e\x00\n\t"\\'
    await world.keep(chat("lost"), reply(answer(said)))
    assert orjson.loads(world.store.only.body)["choices"][0]["message"]["content"] == said


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (reply(answer("")), Reason.EMPTY_ANSWER),
        (
            reply({"choices": [{"message": {"content": "Half"}, "finish_reason": "length"}]}),
            Reason.INCOMPLETE_ANSWER,
        ),
        (reply(model_group="fallback"), Reason.FALLBACK_ANSWER),
    ],
)
async def test_a_refused_answer_leaves_no_trace(world: World, given: Reply, reason: Reason) -> None:
    """Neither layer can find it."""
    assert await world.keep(chat("lost"), given) == reason
    assert world.store.entries == {}


async def test_no_store_is_obeyed(world: World) -> None:
    """The client's word; the look-up still happens."""
    assert await world.keep(chat("lost", controls=CacheControls(no_store=True))) == Reason.NO_STORE
    assert world.store.entries == {}


@pytest.mark.parametrize(("length", "kept"), [(1_024, True), (1_025, False)])
async def test_an_answer_larger_than_the_bound_is_not_kept(world: World, length: int, kept: bool) -> None:
    """The bound is of the stored bytes, so that a few giants cannot fill the file."""
    spare = length - len(orjson.dumps(answer("")))
    refusal = await world.keep(chat("lost"), reply(answer("x" * spare)), max_answer_kb=1)
    assert refusal == (None if kept else Reason.ANSWER_TOO_LARGE)
    assert len(world.store.entries) == kept


async def test_a_tool_call_is_served_to_the_same_request_only(world: World) -> None:
    """Its arguments are the question's details, which is what similarity sees least."""
    called = reply(answer(None, tool_calls=[tool_call()]))
    assert await world.keep(chat("lost"), called) is None
    assert world.store.only.question is None
    ((_, vector, _),) = world.store.entries.values()
    assert vector is None
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT
    assert (await world.ask(chat("gone"))).layer == Layer.MISS


async def test_a_question_that_was_not_read_whole_is_stored_for_the_exact_layer_only(world: World) -> None:
    """Its vector stands for its beginning."""
    world.embedder.partial = True
    assert await world.keep(chat("lost")) is None
    assert world.store.only.question is None
    world.embedder.partial = False
    assert (await world.ask(chat("gone"))).layer == Layer.MISS
    assert (await world.ask(chat("lost"))).layer == Layer.EXACT


OFF: dict[str, dict[str, Any]] = {"no semantic layer": {"semantic": {"enabled": False}}}


@pytest.mark.parametrize("policy", OFF.values(), ids=OFF.keys())
async def test_what_was_stored_without_a_vector_is_not_matched_once_it_is_switched_on(
    world: World, policy: dict[str, Any]
) -> None:
    """It has no place in the vector space, and costs no error there."""
    await world.keep(chat("lost"), **policy)
    assert world.embedder.asked == []
    assert (await world.ask(chat("gone"))).reason == Reason.EMPTY
