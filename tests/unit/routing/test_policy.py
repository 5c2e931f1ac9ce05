"""From score, needs and limits to a tier, a model and a reason."""

from __future__ import annotations

import pytest

from litellm_plugins.model import RouteReason
from litellm_plugins.routing.policy import Candidate, Ladder, Needs, Route, Rung, Wishes, capped, dearer, decide
from litellm_plugins.routing.scoring import Score

LADDER = Ladder(
    (
        Rung("small", (Candidate("tiny", vision=False, tools=False, json_schema=False, window=1_000),)),
        Rung("standard", (Candidate("plain", vision=False, window=8_000), Candidate("seeing", window=8_000))),
        Rung("strong", (Candidate("best"),)),
    ),
    (0.3, 0.7),
)
NOTHING = Needs()


def route(score: float, needs: Needs = NOTHING, **wishes: object) -> tuple[str, str, RouteReason]:
    found = decide(LADDER, Score(score, ("why",)), needs, Wishes(**wishes))  # type: ignore[arg-type]
    assert (found.score, found.because) == (score, ("why",))
    return found.tier, found.model, found.reason


@pytest.mark.parametrize(
    ("score", "tier"), [(0.0, "small"), (0.2999, "small"), (0.3, "standard"), (0.6999, "standard"), (0.7, "strong")]
)
def test_a_score_on_a_threshold_takes_the_dearer_tier(score: float, tier: str) -> None:
    assert route(score)[0] == tier


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        (Needs(vision=True), ("standard", "seeing", RouteReason.NEEDS_VISION)),
        (Needs(tools=True), ("standard", "plain", RouteReason.NEEDS_TOOLS)),
        (Needs(json_schema=True), ("standard", "plain", RouteReason.NEEDS_JSON_SCHEMA)),
        (Needs(tokens=1_000), ("small", "tiny", RouteReason.SCORE)),
        (Needs(tokens=1_001), ("standard", "plain", RouteReason.NEEDS_CONTEXT)),
        (Needs(tokens=8_001), ("strong", "best", RouteReason.NEEDS_CONTEXT)),
    ],
)
def test_what_the_cheap_model_cannot_do_goes_to_the_nearest_that_can(needs: Needs, found: object) -> None:
    assert route(0.1, needs) == found


def test_another_model_of_the_same_tier_needs_no_other_reason() -> None:
    assert route(0.5, Needs(vision=True)) == ("standard", "seeing", RouteReason.SCORE)


def test_where_no_dearer_one_is_allowed_a_cheaper_model_that_can_is_taken() -> None:
    down = Ladder((Rung("small", (Candidate("long"),)), Rung("strong", (Candidate("short", window=10),))), (0.5,))
    found = decide(down, Score(0.9, ()), Needs(tokens=11), Wishes())
    assert (found.tier, found.model, found.reason) == ("small", "long", RouteReason.NEEDS_CONTEXT)


def test_an_ability_does_not_lift_the_admin_s_limit() -> None:
    found = route(0.9, Needs(vision=True), max_tier="small")
    assert found == ("small", "tiny", RouteReason.NO_MODEL_CAN)


def test_a_limit_lowers_and_never_raises() -> None:
    assert route(0.9, max_tier="standard") == ("standard", "plain", RouteReason.MAX_TIER)
    assert route(0.1, max_tier="standard") == ("small", "tiny", RouteReason.SCORE)
    assert route(0.9, max_tier="of another router") == ("strong", "best", RouteReason.SCORE)


def test_a_tier_is_forced_only_by_who_may_and_within_his_limit() -> None:
    assert route(0.1, forced="strong") == ("small", "tiny", RouteReason.FORCE_NOT_ALLOWED)
    assert route(0.1, forced="strong", may_force=True) == ("strong", "best", RouteReason.FORCED)
    assert route(0.1, forced="stong", may_force=True) == ("small", "tiny", RouteReason.UNKNOWN_TIER)
    assert route(0.1, forced="strong", may_force=True, max_tier="standard")[::2] == ("standard", RouteReason.MAX_TIER)


def test_an_old_model_gets_a_cheaper_tier_or_itself() -> None:
    assert route(0.1, asked="seeing") == ("small", "tiny", RouteReason.SCORE)
    assert route(0.5, asked="seeing") == ("standard", "seeing", RouteReason.SCORE)
    assert route(0.9, asked="seeing") == ("standard", "seeing", RouteReason.AS_ASKED)
    assert route(0.9, asked="in no tier") == ("strong", "best", RouteReason.SCORE)


def test_a_budget_caps_at_the_tier_of_its_model_and_never_raises() -> None:
    strong = Route("strong", "best", 0.9, RouteReason.SCORE)
    small = Route("small", "tiny", 0.1, RouteReason.SCORE)
    lowered = capped(LADDER, strong, NOTHING, "plain")

    assert lowered is not None
    assert (lowered.tier, lowered.model, lowered.reason) == ("standard", "plain", RouteReason.BUDGET_CAP)
    assert capped(LADDER, small, NOTHING, "plain") == small
    assert capped(LADDER, strong, NOTHING, "a free local one") is None


def test_the_cap_of_a_budget_heeds_what_the_request_needs() -> None:
    lowered = capped(LADDER, Route("strong", "best", 0.9, RouteReason.SCORE), Needs(vision=True), "plain")
    assert lowered is not None
    assert lowered.model == "seeing"


@pytest.mark.parametrize(
    ("score", "needs", "wishes", "up"),
    [
        (0.1, NOTHING, {}, ("standard", "plain")),
        (0.1, Needs(vision=True), {}, ("strong", "best")),
        (0.1, Needs(tokens=900), {"max_tier": "standard"}, ("standard", "plain")),
        (0.4, NOTHING, {"max_tier": "standard"}, None),
        (0.4, NOTHING, {"asked": "plain"}, None),
        (0.9, NOTHING, {}, None),
        (0.9, NOTHING, {"forced": "small", "may_force": True}, None),
        (0.1, NOTHING, {"forced": "small"}, ("standard", "plain")),
    ],
)
def test_an_answer_that_is_not_good_enough_goes_one_tier_up_as_far_as_it_may(
    score: float, needs: Needs, wishes: dict[str, object], up: tuple[str, str] | None
) -> None:
    first = decide(LADDER, Score(score, ("why",)), needs, Wishes(**wishes))  # type: ignore[arg-type]
    found = dearer(LADDER, first, needs)

    assert (found and (found.tier, found.model)) == up
    assert found is None or (found.reason, found.score) == (RouteReason.ESCALATED, score)


def test_what_a_budget_has_lowered_goes_no_further() -> None:
    first = decide(LADDER, Score(0.9, ()), NOTHING, Wishes())
    lower = capped(LADDER, first, NOTHING, "tiny")
    assert lower is not None
    assert dearer(LADDER, lower, NOTHING) is None
