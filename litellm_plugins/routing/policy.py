"""From a score to a model: thresholds, what the request needs, what the admin allows. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from litellm_plugins.model import RouteReason
from litellm_plugins.routing.rules import Bounds
from litellm_plugins.routing.scoring import Score


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of a tier, and what it can do."""

    model: str
    vision: bool = True
    tools: bool = True
    json_schema: bool = True
    window: int | None = None  # tokens of the longest prompt it takes; None: nobody says


@dataclass(frozen=True, slots=True)
class Rung:
    """A tier."""

    name: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """A router's tiers, the cheapest first, with the scores from which each but the first is taken."""

    rungs: tuple[Rung, ...]
    thresholds: tuple[float, ...]

    def place(self, tier: str | None) -> int | None:
        """Where the tier of this name stands; None where there is none."""
        return next((at for at, rung in enumerate(self.rungs) if rung.name == tier), None)

    def place_of_model(self, model: str) -> int | None:
        """The cheapest tier with this model."""
        holds = (at for at, rung in enumerate(self.rungs) if any(each.model == model for each in rung.candidates))
        return next(holds, None)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a model must be able to do to answer at all."""

    vision: bool = False
    tools: bool = False
    json_schema: bool = False
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the client asked for, and what the admin allows."""

    forced: str | None = None  # the tier that the client names
    may_force: bool = False
    max_tier: str | None = None
    asked: str | None = None  # the model that it names, where that is no router: it may get a cheaper one


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, and why."""

    tier: str
    model: str
    score: float
    reason: RouteReason
    because: tuple[str, ...] = ()
    most: str = ""  # the dearest tier that it may go to


_LACKS: tuple[tuple[RouteReason, Callable[[Candidate, Needs], bool]], ...] = (
    (RouteReason.NEEDS_VISION, lambda model, needs: needs.vision and not model.vision),
    (RouteReason.NEEDS_TOOLS, lambda model, needs: needs.tools and not model.tools),
    (RouteReason.NEEDS_JSON_SCHEMA, lambda model, needs: needs.json_schema and not model.json_schema),
    (RouteReason.NEEDS_CONTEXT, lambda model, needs: model.window is not None and needs.tokens > model.window),
)


def decide(ladder: Ladder, score: Score, needs: Needs, wishes: Wishes, rule: Bounds | None = None) -> Route:
    """The tier of score or rule, or the one that is forced; no dearer than allowed; with a model that can take it.

    Where the tier has none, the nearest dearer one that is allowed, then the nearest cheaper one.
    """
    at, reason = bisect_right(ladder.thresholds, score.value), RouteReason.SCORE
    unruled, ruled = score, at if rule is None else place_by(rule, ladder, at)
    if rule is not None and (ruled != at or rule.tier is not None or rule.model is not None):
        at, reason, score = ruled, RouteReason.RULE, Score(score.value, (rule.rule, *score.because))
    if wishes.forced is not None:
        place = ladder.place(wishes.forced)
        if not wishes.may_force:
            reason = RouteReason.FORCE_NOT_ALLOWED
        elif place is None:
            reason = RouteReason.UNKNOWN_TIER
        else:
            at, reason, score = place, RouteReason.FORCED, unruled
    first = None if rule is None or reason is RouteReason.FORCED else rule.model
    most = len(ladder.rungs) - 1
    own = None if wishes.asked is None else ladder.place_of_model(wishes.asked)
    for place, why in ((own, RouteReason.AS_ASKED), (ladder.place(wishes.max_tier), RouteReason.MAX_TIER)):
        if place is not None:
            most = min(most, place)
            if at > most:
                at, reason = most, why
    route = _taken(ladder, score, needs, at, most, reason, first=first or wishes.asked)
    if reason is RouteReason.FORCED:
        return replace(route, most=route.tier)
    bound = ladder.place(rule.at_most) if rule is not None else None
    return replace(route, most=ladder.rungs[most if bound is None else min(most, bound)].name)


def place_by(rule: Bounds, ladder: Ladder, at: int) -> int:
    """Where `rule` sends what the score sends to the tier at `at`."""
    if rule.model is not None:
        place = ladder.place_of_model(rule.model)
        return at if place is None else place
    place = ladder.place(rule.tier or rule.at_least or rule.at_most)
    if place is None:
        return at
    if rule.tier is not None:
        return place
    return max(at, place) if rule.at_least is not None else min(at, place)


def dearer(ladder: Ladder, route: Route, needs: Needs) -> Route | None:
    """Where a request goes whose answer from `route` is not good enough: the next dearer tier that can take it.

    None: it may go no further, or nobody there can. A tier that was forced is kept.
    """
    at, most = ladder.place(route.tier), ladder.place(route.most)
    if at is None or most is None:
        return None
    for rung in ladder.rungs[at + 1 : most + 1]:
        for candidate in rung.candidates:
            if candidate.model != route.model and not any(lacks(candidate, needs) for _, lacks in _LACKS):
                return replace(route, tier=rung.name, model=candidate.model, reason=RouteReason.ESCALATED)
    return None


def capped(ladder: Ladder, route: Route, needs: Needs, model: str) -> Route | None:
    """`route` when a budget allows no more than the tier of `model`; None where that is in no tier."""
    most, at = ladder.place_of_model(model), ladder.place(route.tier)
    if most is None or at is None:
        return None
    if at <= most:
        return route
    score = Score(route.score, route.because)
    return _taken(ladder, score, needs, most, most, RouteReason.BUDGET_CAP)  # and so goes no further


def _taken(
    ladder: Ladder, score: Score, needs: Needs, at: int, most: int, reason: RouteReason, *, first: str | None = None
) -> Route:
    lacking = None
    for place in _nearest(at, most):
        for candidate in sorted(ladder.rungs[place].candidates, key=lambda each: each.model != first):
            lacks = next((why for why, is_so in _LACKS if is_so(candidate, needs)), None)
            if lacks is None:
                moved = reason if place == at or lacking is None else lacking
                return Route(ladder.rungs[place].name, candidate.model, score.value, moved, score.because)
            lacking = lacking or lacks
    rung = ladder.rungs[at]
    return Route(rung.name, rung.candidates[0].model, score.value, RouteReason.NO_MODEL_CAN, score.because)


def takes(candidate: Candidate, needs: Needs) -> bool:
    """Whether it can answer such a request at all."""
    return not any(is_so(candidate, needs) for _, is_so in _LACKS)


def _nearest(at: int, most: int) -> Iterator[int]:
    yield from range(at, most + 1)
    yield from range(at - 1, -1, -1)
