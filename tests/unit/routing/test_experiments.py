"""Who is in which arm, and what that makes of a route."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from litellm_plugins.model import Identity, RouteReason
from litellm_plugins.routing.experiments import arm_of, arms_of, placed, subject_of
from litellm_plugins.routing.policy import Candidate, Needs, Route
from litellm_plugins.settings.route_trials import Experiment

SUBJECTS = [f"key-{number}" for number in range(4_000)]
BASE = Route("strong", "best", 0.9, RouteReason.SCORE)
CAN = {"new": Candidate("new", vision=False), "other": Candidate("other")}


def experiment(**shares: float) -> Experiment:
    arms = [{"name": name, "model": "new", "share": share} for name, share in shares.items()]
    return Experiment.model_validate({"name": "trial", "tier": "strong", "arms": arms})


def arms(of: Experiment, router: str = "auto") -> list[str]:
    return [arm_of(router, of, subject) for subject in SUBJECTS]


def someone_in(arm: str, of: Experiment) -> Identity:
    return Identity(key_id=next(each for each in SUBJECTS if arm_of("auto", of, each) == arm))


@settings(deadline=None, max_examples=40)
@given(some.lists(some.floats(0.02, 0.3), min_size=1, max_size=3), some.text(max_size=12))
def test_each_arm_gets_its_share_and_the_control_the_rest(shares: list[float], router: str) -> None:
    """Chi-square below a bound that chance passes once in a million: 4 classes at most, so 3 degrees of freedom."""
    named = {f"arm-{place}": share for place, share in enumerate(shares)}
    counted = Counter(arms(experiment(**named), router))
    expected = {**named, "control": 1 - math.fsum(shares)}
    squares = [
        (counted[name] - len(SUBJECTS) * share) ** 2 / (len(SUBJECTS) * share) for name, share in expected.items()
    ]
    assert set(counted) <= set(expected)
    assert math.fsum(squares) < 30.7


@given(some.text(min_size=1, max_size=40), some.floats(0, 1))
def test_the_same_subject_is_always_in_the_same_arm(subject: str, share: float) -> None:
    assert arm_of("auto", experiment(b=share), subject) == arm_of("auto", experiment(b=share), subject)


@settings(deadline=None, max_examples=20)
@given(some.floats(0, 0.5), some.floats(0, 0.5))
def test_a_larger_share_takes_subjects_in_and_lets_none_go(share: float, more: float) -> None:
    before, after = arms(experiment(b=share)), arms(experiment(b=share + more))
    assert all(then == "b" for now, then in zip(before, after, strict=True) if now == "b")


def test_beside_other_arms_a_larger_share_moves_few_more_than_it_has_to() -> None:
    before, after = arms(experiment(b=0.05, c=0.05)), arms(experiment(b=0.1, c=0.05))
    moved = Counter((now, then) for now, then in zip(before, after, strict=True) if now != then)
    assert all(then == "b" or now == "control" for now, then in moved)
    assert sum(moved.values()) < 0.06 * len(SUBJECTS)
    assert moved["control", "b"] > 0.85 * sum(moved.values())


def test_routers_draw_apart() -> None:
    both = list(zip(arms(experiment(b=0.5)), arms(experiment(b=0.5), "other"), strict=True))
    assert 0.2 < sum(pair == ("b", "b") for pair in both) / len(both) < 0.3


@pytest.mark.parametrize(
    ("sticky", "identity", "subject"),
    [
        ("key", Identity(key_id="k"), "k"),
        ("key", Identity(user_id="u"), None),
        ("user", Identity(key_id="k", user_id="u"), "u"),
        ("user", Identity(key_id="k"), None),
        ("end_user", Identity(team_id="t", end_user_id="e"), "t/e"),
        ("end_user", Identity(key_id="k"), None),
    ],
)
def test_whose_arm_it_is(sticky: str, identity: Identity, subject: str | None) -> None:
    of = experiment(b=0.5).model_copy(update={"sticky": sticky})
    assert subject_of(of, identity) == subject
    assert bool(arms_of("auto", (of,), identity)) == (subject is not None)


def test_an_arm_has_its_own_model_and_the_control_the_tier_s() -> None:
    of = experiment(b=0.5)
    for arm, model in (("b", "new"), ("control", "best")):
        found = placed("auto", BASE, (of,), someone_in(arm, of), Needs(), CAN.__getitem__)
        assert (found.experiment, found.arm, found.route.model, found.route.tier) == ("trial", arm, model, "strong")


@pytest.mark.parametrize(
    ("route", "needs", "off"),
    [
        (Route("small", "tiny", 0.1, RouteReason.SCORE), Needs(), False),
        (Route("strong", "best", 0.9, RouteReason.NO_MODEL_CAN), Needs(), False),
        (BASE, Needs(vision=True), False),  # the arm cannot: then it is in neither, or they would not compare
        (BASE, Needs(), True),
    ],
)
def test_who_is_in_no_arm(route: Route, needs: Needs, off: bool) -> None:
    of = experiment(b=0.5).model_copy(update={"enabled": not off})
    for arm in ("b", "control"):
        found = placed("auto", route, (of,), someone_in(arm, of), needs, CAN.__getitem__)
        assert (found.route, found.experiment, found.arm) == (route, "", "")
