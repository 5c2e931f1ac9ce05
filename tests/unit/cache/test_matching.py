"""Is the nearest entry near enough?"""

from __future__ import annotations

import pytest

from litellm_plugins.cache.matching import Match, NoMatch, judge, numbers_in
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.model import Reason


def neighbour(similarity: float, question: str = "Where is my card?") -> Neighbour:
    return Neighbour(key=question.encode(), question=question, similarity=similarity)


def test_no_candidate_is_an_empty_cache() -> None:
    """There is no similarity to tell of."""
    assert judge("Where?", [], threshold=0.9) == NoMatch(Reason.EMPTY, None)


@pytest.mark.parametrize(("similarity", "hits"), [(0.92, True), (0.9199, False), (1.0, True), (-1.0, False)])
def test_the_threshold_itself_is_near_enough(similarity: float, hits: bool) -> None:
    """What the config names is what is served from."""
    judged = judge("Where?", [neighbour(similarity)], threshold=0.92)
    assert isinstance(judged, Match) is hits
    if isinstance(judged, NoMatch):
        assert judged == NoMatch(Reason.BELOW_THRESHOLD, similarity)


def test_the_nearest_wins_in_whatever_order_they_come() -> None:
    """A store may merge two lists."""
    near, nearer = neighbour(0.95, "near"), neighbour(0.97, "nearer")
    for order in ([near, nearer], [nearer, near]):
        assert judge("q", order, threshold=0.9) == Match(nearer)


def test_a_miss_tells_how_near_the_nearest_was() -> None:
    """That number is what an operator sets the threshold by."""
    judged = judge("q", [neighbour(0.5), neighbour(0.8)], threshold=0.9)
    assert judged == NoMatch(Reason.BELOW_THRESHOLD, 0.8)


def test_a_nearer_question_of_other_numbers_gives_way_to_one_of_the_same() -> None:
    """One wrong neighbour must not hide the right one behind it."""
    wrong, right = neighbour(0.99, "What is 2+3?"), neighbour(0.95, "How much is 2 and 2?")
    assert judge("What is 2+2?", [wrong, right], threshold=0.92) == Match(right)


def test_questions_of_other_numbers_only_are_no_match() -> None:
    """Two sums are 0.96 alike to the model, and their answers differ."""
    judged = judge("What is 2+2?", [neighbour(0.99, "What is 2+3?")], threshold=0.92)
    assert judged == NoMatch(Reason.NUMBERS_DIFFER, 0.99)


def test_a_match_of_the_same_numbers_below_the_threshold_is_none() -> None:
    """The guard narrows, it never widens."""
    neighbours = [neighbour(0.99, "What is 2+3?"), neighbour(0.9, "How much is 2 and 2?")]
    assert judge("What is 2+2?", neighbours, threshold=0.92) == NoMatch(Reason.NUMBERS_DIFFER, 0.99)


def test_without_the_guard_the_nearest_is_served_whatever_its_numbers() -> None:
    """`guards: []` is the operator's word."""
    wrong = neighbour(0.99, "What is 2+3?")
    assert judge("What is 2+2?", [wrong], threshold=0.92, guard_numbers=False) == Match(wrong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Transfer 100 to Ann", "Transfer 1000 to Ann"),
        ("Transfer 100", "Transfer 100 twice, 100 each"),
        ("Transfer money", "Transfer 100"),
        ("at 10:30", "at 10 and 30"),
        ("1.5%", "15%"),
        ("3/4 of it", "4/3 of it"),
        ("on 2024-01-02", "on 2024-01-03"),
        ("version 3.11", "version 3.12"),
        ("room B12", "room B13"),
        ("the year 2024", "the year 2025"),
        ("It is -5 degrees", "It is 5 degrees"),
    ],
)
def test_texts_of_other_numbers_are_told_apart(one: str, other: str) -> None:
    """Amounts, times, dates, versions: what an answer turns on and an embedding hardly sees."""
    assert numbers_in(one) != numbers_in(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("within 24 hours, 2 times", "2 times within 24 hours"),
        ("I paid 100.", "100 is what I paid"),
        ("100, please", "please, 100"),
        ("(100)", "100!"),
        ("at 10:30.", "at 10:30?"),
        ("no numbers", "none here either"),
        ("pages 3-5", "pages 3 to 5"),
    ],
)
def test_the_same_numbers_said_otherwise_are_the_same(one: str, other: str) -> None:
    """Order and punctuation are not part of a number."""
    assert numbers_in(one) == numbers_in(other)
