"""When a conversation stays with its model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litellm_plugins.routing.conversation import Conversation, Turn
from litellm_plugins.routing.session import Moving, Rates, Weighed, prefixes, session_name, tokens_of, weigh
from litellm_plugins.routing.session_memory import SessionMemory

WEAK, STRONG = Rates(4e-7, 1e-7, 1.6e-6), Rates(2e-6, 5e-7, 8e-6)
DOWN = Moving(held_at=1, fresh_at=0, score=0.4, cached=10_000, prompt=10_000)
UP = replace(DOWN, held_at=0, fresh_at=1, score=0.55)


def test_what_is_lost_and_gained_in_dollars() -> None:
    """10,000 tokens at 1.5 millionths each; 10,000 * 1.6e-6 + 400 * 6.4e-6 dollars of extra, a fifth of it."""
    found = weigh(DOWN, [0.5], 0.1, STRONG, WEAK)
    assert found.stays
    assert found.lost == pytest.approx(0.015)
    assert found.gain == pytest.approx(0.018560 * 0.2)


@pytest.mark.parametrize(
    ("moving", "stays"),
    [
        (replace(DOWN, score=0.05), False),  # nine tenths of the extra are more than the cache saves
        (replace(DOWN, cached=3_000), True),
        (replace(DOWN, cached=2_000, score=0.3), False),
        (replace(DOWN, cached=1_023), False),  # no provider keeps so short a prefix
        (UP, True),
        (replace(UP, score=0.601), False),  # past the threshold by more than the margin: never the weaker
        (replace(UP, score=0.5), True),
        (replace(UP, cached=0), False),
    ],
)
def test_it_stays_while_leaving_costs_more_than_it_is_worth(moving: Moving, stays: bool) -> None:
    held, fresh = (WEAK, STRONG) if moving.up else (STRONG, WEAK)
    assert weigh(moving, [0.5], 0.1, held, fresh).stays is stays


def test_a_stronger_model_that_is_no_dearer_is_never_given_up_for_a_weaker() -> None:
    assert not weigh(UP, [0.5], 0.1, STRONG, WEAK).stays
    assert weigh(DOWN, [0.5], 0.1, WEAK, STRONG).stays


@pytest.mark.parametrize(("score", "stays"), [(0.45, True), (0.3, False)])
def test_without_prices_the_margin_decides(score: float, stays: bool) -> None:
    assert weigh(replace(DOWN, score=score), [0.5], 0.1, None, WEAK) == Weighed(stays)


def test_of_several_tiers_it_is_the_held_one_s_own_threshold_that_counts() -> None:
    thresholds = [0.3, 0.7]
    from_the_middle = Moving(1, 2, 0.72, 50_000, 50_000)
    assert weigh(from_the_middle, thresholds, 0.1, WEAK, STRONG).stays
    from_below = replace(from_the_middle, held_at=0)
    assert not weigh(from_below, thresholds, 0.1, WEAK, STRONG).stays


def conversation(*texts: str) -> Conversation:
    roles = ("system", "user", "assistant")
    return Conversation(tuple(Turn(roles[at] if at < 3 else roles[2 - at % 2], text) for at, text in enumerate(texts)))


def test_a_later_request_of_a_conversation_begins_as_the_earlier_did() -> None:
    before, after = (prefixes("o", conversation(*each)) for each in (("s", "q"), ("s", "q", "a", "q2")))
    assert before[-1] in after[:-1]
    assert prefixes("other", conversation("s", "q"))[-1][0] not in dict(after)
    assert prefixes("o", conversation("s", "another", "a", "q2"))[-1][0] not in dict(after)
    assert session_name("o", "s") not in dict(after)


def test_turns_are_told_apart_however_they_are_cut() -> None:
    one, other = Conversation((Turn("user", "ab"),)), Conversation((Turn("user", "a"), Turn("user", "b")))
    assert prefixes("o", one)[-1][0] != prefixes("o", other)[-1][0]
    assert tokens_of(conversation("x" * 400, "y" * 8)) == 102


def test_what_is_held_ends_and_is_bounded() -> None:
    now = [0.0]
    memory = SessionMemory(most=2, clock=lambda: now[0])
    for name in (b"a", b"b"):
        memory.keep(name, "strong", "best", 9, 10.0)
    assert memory.first([b"none", b"a"]) is not None  # so b is the one that nobody asked for the longest
    memory.keep(b"c", "small", "tiny", 9, 10.0)
    assert memory.first([b"b"]) is None
    found = memory.first([b"b", b"a"])
    assert found is not None
    assert (found[0], found[1].model) == (b"a", "best")
    memory.keep(b"a", "", "elsewhere", 9, 10.0)  # to a model that is in no tier
    assert memory.first([b"a"]) is None
    now[0] = 10.0
    assert memory.first([b"c"]) is None
