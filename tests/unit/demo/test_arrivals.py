"""Who asks what: the same on every run, with what a cache lives on."""

from collections import Counter

import pytest

from litellm_plugins.demo import arrivals, questions
from litellm_plugins.demo.arrivals import TEAMS, draw

QUESTIONS = questions.load()


def test_the_draw_is_the_same_on_every_run() -> None:
    assert draw(QUESTIONS, 400) == draw(QUESTIONS, 400)


def test_another_seed_draws_something_else() -> None:
    assert draw(QUESTIONS, 400, seed=1) != draw(QUESTIONS, 400, seed=2)


def test_fewer_requests_are_the_beginning_of_more() -> None:
    assert draw(QUESTIONS, 50) == draw(QUESTIONS, 400)[:50]


def test_requests_are_numbered_in_their_order() -> None:
    assert [ask.number for ask in draw(QUESTIONS, 30)] == list(range(30))


def test_some_questions_recur_word_for_word_within_a_team_and_most_requests_share_an_intent_with_an_earlier_one() -> (
    None
):
    asks = draw(QUESTIONS, 400)
    same_words = Counter((ask.team, ask.question.text) for ask in asks)
    same_intent = Counter((ask.team, ask.question.intent) for ask in asks)
    assert 60 < 400 - len(same_words) < 240
    assert 400 - len(same_intent) > 320


def test_popularity_is_uneven() -> None:
    counts = Counter(ask.question.intent for ask in draw(QUESTIONS, 2_000)).most_common()
    assert counts[0][1] > 5 * counts[-1][1]


@pytest.mark.parametrize("team", TEAMS)
def test_each_team_has_its_share(team: str) -> None:
    asks = draw(QUESTIONS, 4_000)
    assert sum(ask.team == team for ask in asks) / len(asks) == pytest.approx(TEAMS[team], abs=0.03)


def test_about_a_fifth_is_streamed() -> None:
    asks = draw(QUESTIONS, 4_000)
    assert sum(ask.stream for ask in asks) / len(asks) == pytest.approx(0.2, abs=0.03)


def test_shares_add_up_to_all_requests() -> None:
    assert sum(arrivals.TEAMS.values()) == pytest.approx(1)
