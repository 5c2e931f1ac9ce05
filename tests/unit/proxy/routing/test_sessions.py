"""Conversations that stay with their model, or may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.model import Identity, Request, RouteReason
from litellm_plugins.proxy.budgets.prices import Listing
from litellm_plugins.proxy.routing.sessions import Followed, Sessions
from litellm_plugins.routing.conversation import Conversation, Turn
from litellm_plugins.routing.experiments import Placed
from litellm_plugins.routing.policy import Candidate, Ladder, Needs, Route, Rung, Wishes, decide
from litellm_plugins.routing.scoring import Score
from litellm_plugins.settings.route_trials import Session

PRICES = {
    "arm": {"input_cost_per_token": 2e-6, "cache_read_input_token_cost": 2e-7, "output_cost_per_token": 8e-6},
    "plain": {"input_cost_per_token": 4e-7, "cache_read_input_token_cost": 1e-7, "output_cost_per_token": 1.6e-6},
    "best": {"input_cost_per_token": 2e-6, "cache_read_input_token_cost": 5e-7, "output_cost_per_token": 8e-6},
}
LADDER = Ladder((Rung("small", (Candidate("plain"),)), Rung("strong", (Candidate("best", vision=False),))), (0.5,))
LONG = Turn("system", "word " * 8_000)
FIRST = Conversation((LONG, Turn("user", "Prove it.")))
SECOND = Conversation((*FIRST.turns, Turn("assistant", "Done."), Turn("user", "Thanks, and in short?")))


class Book:
    def listings(self, model: str, team_id: str | None = None) -> list[Listing]:
        return [Listing(model, model, "openai", PRICES[model], {})]


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(Book())  # type: ignore[arg-type]  # of a price book no more is asked


def followed(
    sessions: Sessions, conversation: Conversation, *, key: str = "k", session: Session | None = None, **data: Any
) -> Followed:
    request = Request("chat", "auto", (), {}, Identity(key_id=key))
    found = sessions.followed("auto", session or Session(), conversation, request, data)
    assert found is not None
    return found


def routed(
    sessions: Sessions, of: Followed, score: float, needs: Needs | None = None, wishes: Wishes | None = None
) -> Route:
    needs, wishes = needs or Needs(), wishes or Wishes()
    route = decide(LADDER, Score(score, ()), needs, wishes)
    route = sessions.kept(of, LADDER, route, needs, wishes, None)
    sessions.remember(of, route.tier, route.model)
    return route


def second(sessions: Sessions, score: float = 0.4, *, key: str = "k", **more: Any) -> tuple[str, RouteReason]:
    route = routed(sessions, followed(sessions, SECOND, key=key), score, **more)
    return route.tier, route.reason


def test_a_conversation_stays_with_the_model_that_has_read_it(sessions: Sessions) -> None:
    assert routed(sessions, followed(sessions, FIRST), 0.9).reason is RouteReason.SCORE
    assert second(sessions) == ("strong", RouteReason.SESSION_KEPT)


def test_another_key_or_a_much_lower_score_does_not(sessions: Sessions) -> None:
    routed(sessions, followed(sessions, FIRST), 0.9)
    assert second(sessions, key="other") == ("small", RouteReason.SCORE)
    assert second(sessions, 0.0) == ("small", RouteReason.SCORE)


def test_the_weaker_model_is_left_once_the_score_is_past_the_margin(sessions: Sessions) -> None:
    routed(sessions, followed(sessions, FIRST), 0.2)
    assert second(sessions, 0.51) == ("small", RouteReason.SESSION_KEPT)
    assert second(sessions, 0.61) == ("strong", RouteReason.SCORE)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"needs": Needs(vision=True)}, ("small", RouteReason.SCORE)),
        ({"wishes": Wishes(max_tier="small")}, ("small", RouteReason.SCORE)),
        ({"wishes": Wishes(forced="small", may_force=True)}, ("small", RouteReason.FORCED)),
    ],
)
def test_abilities_limits_and_who_names_a_tier_always_win(
    sessions: Sessions, more: dict[str, Any], expected: tuple[str, RouteReason]
) -> None:
    routed(sessions, followed(sessions, FIRST), 0.9)
    assert second(sessions, **more) == expected


def test_what_a_budget_lowered_is_with_the_model_that_answered(sessions: Sessions) -> None:
    first = followed(sessions, FIRST)
    routed(sessions, first, 0.9)
    sessions.remember(first, "small", "plain")
    assert second(sessions, 0.55) == ("small", RouteReason.SESSION_KEPT)
    sessions.remember(first, "", "elsewhere")
    assert second(sessions, 0.4, key="k") == ("small", RouteReason.SCORE)


def test_a_client_may_name_its_conversation(sessions: Sessions) -> None:
    """With the Responses API it sends only what is new."""
    routed(sessions, followed(sessions, FIRST, litellm_session_id="mine"), 0.9)
    later = Conversation((LONG, Turn("user", "And something else?")))
    assert routed(sessions, followed(sessions, later, litellm_session_id="mine"), 0.4).tier == "strong"
    assert routed(sessions, followed(sessions, later, litellm_session_id="theirs"), 0.4, None).tier == "strong"
    other = Conversation((LONG, Turn("user", "Not heard before.")))
    assert routed(sessions, followed(sessions, other, litellm_session_id="theirs's"), 0.4).tier == "small"


def test_off_or_nobody_s_is_not_followed(sessions: Sessions) -> None:
    anonymous = Request("chat", "auto", (), {}, Identity())
    known = Request("chat", "auto", (), {}, Identity(key_id="k"))
    assert sessions.followed("auto", Session(), FIRST, anonymous, {}) is None
    assert sessions.followed("auto", None, FIRST, known, {}) is None
    assert sessions.followed("auto", Session(keep=False), FIRST, known, {}) is None


def test_a_conversation_in_an_experiments_arm_stays_with_the_arms_model(sessions: Sessions) -> None:
    """Its provider's cache is the arm's model's, at the arm's prices."""

    def place(route: Route) -> Placed:
        return Placed(replace(route, model="arm"), "trial", "b") if route.tier == "strong" else Placed(route)

    sessions.remember(followed(sessions, FIRST), "strong", "arm")
    later, easy = followed(sessions, SECOND), decide(LADDER, Score(0.4, ()), Needs(), Wishes())
    assert easy.tier == "small"
    kept = sessions.kept(later, LADDER, easy, Needs(), Wishes(), None, place)
    assert (kept.tier, kept.reason) == ("strong", RouteReason.SESSION_KEPT)
    assert sessions.kept(later, LADDER, easy, Needs(), Wishes(), None) == easy  # the experiment is over
