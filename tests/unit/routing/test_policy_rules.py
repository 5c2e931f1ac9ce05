"""Rules among the other things that decide on a tier."""

from __future__ import annotations

import pytest

from litellm_plugins.model import RouteReason
from litellm_plugins.routing.policy import Candidate, Ladder, Needs, Rung, Wishes, decide
from litellm_plugins.routing.rules import Bounds
from litellm_plugins.routing.scoring import Score

LADDER = Ladder(
    (
        Rung("small", (Candidate("tiny"), Candidate("coder", vision=False))),
        Rung("standard", (Candidate("plain"),)),
        Rung("strong", (Candidate("best"),)),
    ),
    (0.3, 0.7),
)


def route(score: float, rule: Bounds, needs: Needs | None = None, **wishes: object) -> tuple[str, str, RouteReason]:
    found = decide(LADDER, Score(score, ("why",)), needs or Needs(), Wishes(**wishes), rule)  # type: ignore[arg-type]
    ruled = found.reason in {RouteReason.RULE, RouteReason.MAX_TIER, RouteReason.AS_ASKED}
    assert found.because == (("r", "why") if ruled else ("why",))
    return found.tier, found.model, found.reason


@pytest.mark.parametrize("score", [0.1, 0.5, 0.9])
def test_a_tier_or_model_of_a_rule_is_taken_whatever_the_score(score: float) -> None:
    assert route(score, Bounds("r", tier="standard")) == ("standard", "plain", RouteReason.RULE)
    assert route(score, Bounds("r", model="coder")) == ("small", "coder", RouteReason.RULE)


@pytest.mark.parametrize(
    ("rule", "tiers"),
    [
        (Bounds("r", at_least="standard"), ["standard", "standard", "strong"]),
        (Bounds("r", at_most="standard"), ["small", "standard", "standard"]),
    ],
)
def test_a_limit_is_the_reason_only_where_it_moved_something(rule: Bounds, tiers: list[str]) -> None:
    found = [route(score, rule) for score in (0.1, 0.5, 0.9)]
    assert [tier for tier, _, _ in found] == tiers
    moved = [tier != asked for tier, asked in zip(tiers, ["small", "standard", "strong"], strict=True)]
    assert [reason is RouteReason.RULE for _, _, reason in found] == moved


def test_the_rule_s_name_stands_first_among_the_reasons() -> None:
    found = decide(LADDER, Score(0.1, ("why",)), Needs(), Wishes(), Bounds("contracts", tier="strong"))
    assert found.because == ("contracts", "why")


def test_who_may_force_a_tier_is_not_ruled() -> None:
    found = route(0.1, Bounds("r", model="best"), forced="standard", may_force=True)
    assert found == ("standard", "plain", RouteReason.FORCED)


def test_who_may_not_force_one_is_ruled_all_the_same() -> None:
    found = decide(LADDER, Score(0.9, ()), Needs(), Wishes(forced="strong"), Bounds("r", model="coder"))
    assert (found.tier, found.model, found.reason) == ("small", "coder", RouteReason.FORCE_NOT_ALLOWED)


def test_a_rule_lifts_no_limit_of_the_admin_s() -> None:
    assert route(0.1, Bounds("r", tier="strong"), max_tier="standard") == ("standard", "plain", RouteReason.MAX_TIER)
    assert route(0.1, Bounds("r", model="best"), asked="plain") == ("standard", "plain", RouteReason.AS_ASKED)


def test_a_ruled_model_that_cannot_take_the_request_leaves_it_to_its_tier() -> None:
    assert route(0.1, Bounds("r", model="coder"), Needs(vision=True)) == ("small", "tiny", RouteReason.RULE)
