"""Do two answers say the same?"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from litellm_plugins.cache.answers import EmbeddingComparer, answer_id_of, text_of
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from tests.unit.cache.builders import answer, tool_call
from tests.unit.cache.fakes import FakeEmbedder

ALIKE = {"You can cancel in the app.": 0.0, "Cancel it inside the app.": 20.0, "We never ship abroad.": 40.0}


def placing() -> FakeEmbedder:
    embedder = FakeEmbedder()
    embedder.angles |= ALIKE
    return embedder


async def same(one: str | dict[str, Any], other: str | dict[str, Any]) -> bool | None:
    """20 degrees are 0.94 alike, 40 are 0.77; texts that no angle is given for lie on one another."""
    bodies = [answer(said) if isinstance(said, str) else said for said in (one, other)]
    comparer = EmbeddingComparer(placing(), similarity=0.9)
    forth = await comparer.same(bodies[0], orjson.dumps(bodies[1]))
    back = await comparer.same(bodies[1], orjson.dumps(bodies[0]))
    assert forth is back
    return forth


async def test_the_same_wording_is_the_same_and_costs_no_embedding() -> None:
    embedder = FakeEmbedder()
    embedder.broken = True
    body = orjson.dumps(answer("You can  cancel\nin the APP."))
    assert await EmbeddingComparer(embedder).same(answer("you can cancel in the app."), body)
    assert embedder.asked == []


async def test_near_in_meaning_is_the_same_and_far_is_not() -> None:
    assert await same("You can cancel in the app.", "Cancel it inside the app.") is True
    assert await same("You can cancel in the app.", "We never ship abroad.") is False


@pytest.mark.parametrize(("similarity", "expected"), [(0.93, True), (0.95, False)])
async def test_how_near_is_near_is_a_setting(similarity: float, expected: bool) -> None:
    comparer = EmbeddingComparer(placing(), similarity=similarity)
    cached = orjson.dumps(answer("Cancel it inside the app."))
    assert await comparer.same(answer("You can cancel in the app."), cached) is expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It takes 24 hours.", "It takes 48 hours."),
        ("It takes two days.", "It takes three days."),
        ("It costs 5.", "It costs nothing."),
        ("Between 2 and 5 days, then 10 more.", "Between 3 and 5 days, then 12 more."),
    ],
)
async def test_other_figures_are_another_answer_however_alike(one: str, other: str) -> None:
    assert await same(one, other) is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It takes 24 hours.", "24 hours, that is what it takes."),
        ("It takes 2 days.", "It takes two days."),
        ("Within 24 hours, by post.", "Within 24 hours. See page 3."),
        ("Steps 1, 2, 3.", "Steps 1, 2, 3, 4."),
    ],
)
async def test_figures_that_agree_for_the_most_part_leave_it_to_the_meaning(one: str, other: str) -> None:
    assert await same(one, other) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Yes, you can.", "No, you cannot."),
        ("Sí, claro.", "No, claro."),
        ("Yes, you can.", "You can."),
        ("**Yes**, you can.", "**No**, you can."),
        ("True.", "False."),
    ],
)
async def test_yes_and_no_are_different_answers_however_alike(one: str, other: str) -> None:
    assert await same(one, other) is False


async def test_the_same_yes_leaves_it_to_the_meaning() -> None:
    assert await same("Yes, you can.", "**yes** - you may!") is True
    assert await same("None of them does.", "Nobody does it.") is True


async def test_json_says_the_same_only_where_it_is_the_same() -> None:
    assert await same('{"city": "Paris"}', '{"city": "Rome"}') is False
    assert await same('{"city": "Paris"}', "The city is Paris.") is False
    assert await same('{"city": "Paris"}', '{"city":  "PARIS"}') is True
    assert await same("{curly} talk", "{other} talk") is True


@pytest.mark.parametrize("silent", [answer(""), answer(None, tool_calls=[tool_call()]), {}, {"choices": []}])
async def test_where_an_answer_says_nothing_nothing_can_be_said_of_it(silent: dict[str, Any]) -> None:
    """And so nothing is learnt: neither True nor False."""
    assert await same(silent, "Anything.") is None
    assert await same(silent, silent) is None


async def test_an_embedder_that_is_away_is_told_of() -> None:
    embedder = FakeEmbedder()
    embedder.broken = True
    with pytest.raises(EmbedderUnavailable):
        await EmbeddingComparer(embedder).same(answer("In the app."), orjson.dumps(answer("By phone.")))


async def test_of_long_answers_the_beginnings_are_embedded() -> None:
    """A model reads some hundred words: more would cost and count for nothing."""
    embedder = FakeEmbedder()
    await EmbeddingComparer(embedder).same(answer("a " * 5_000), orjson.dumps(answer("b " * 5_000)))
    assert [len(text) for text in embedder.asked] == [1_000, 1_000]


SHAPES = {
    "chat": answer("Hello."),
    "chat in parts": answer(None) | {"choices": [{"message": {"content": [{"type": "text", "text": "Hello."}]}}]},
    "completions": {"choices": [{"text": "Hello."}]},
    "messages": {"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]},
    "responses": {"output": [{"type": "reasoning"}, {"content": [{"type": "output_text", "text": "Hello."}]}]},
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES.keys())
def test_the_text_is_found_in_the_shape_of_every_endpoint(body: dict[str, Any]) -> None:
    assert text_of(body) == "Hello."


@pytest.mark.parametrize(
    "body",
    [
        {"choices": None, "content": 7, "output": "x"},
        {"choices": ["x", None], "content": [None, "x"], "output": [{"content": 7}]},
        {"choices": [{"message": None}, {"message": {"content": {"text": "x"}}}]},
    ],
)
def test_a_body_of_another_shape_says_nothing_and_breaks_nothing(body: dict[str, Any]) -> None:
    assert text_of(body) == ""


def test_several_choices_are_all_said() -> None:
    body = {"choices": [{"message": {"content": "One."}}, {"message": {"content": "Two."}}]}
    assert text_of(body) == "One.\nTwo."


def test_answers_of_one_wording_share_an_id_whatever_else_stands_beside_it() -> None:
    """Across endpoints, ids, times and spacing."""
    ids = {answer_id_of(body) for body in [*SHAPES.values(), answer(" hello.\n") | {"id": "c2", "created": 9}]}
    assert len(ids) == 1
    assert len(ids.pop()) == 16
    assert answer_id_of(answer("Hello!")) != answer_id_of(answer("Hello."))


def test_answers_without_text_are_told_apart_by_their_bodies() -> None:
    """Calls of tools: two that differ must not count as one answer."""
    one, other = (answer(None, tool_calls=[tool_call(city)]) for city in ('{"city":"Paris"}', '{"city":"Rome"}'))
    assert answer_id_of(one) != answer_id_of(other)
    assert answer_id_of(one) == answer_id_of(dict(one))


def test_any_text_has_an_id() -> None:
    assert len(answer_id_of(answer("\ud800 half a sign"))) == 16
