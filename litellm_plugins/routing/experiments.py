"""Which arm of an experiment a caller is in, and what that makes of a route. Pure.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; with weights: Schindelhauer and Schomaker 2005, "Weighted
distributed hash tables", the logarithmic method): every arm draws its own number u in (0, 1] from a keyed hash of the
caller, and the arm with the smallest -ln(u) / share wins. Each wins with exactly its share, the same on every worker,
and nobody moves between two arms unless the ratio of their shares changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from litellm_plugins.model import Identity, RouteReason
from litellm_plugins.routing.policy import Candidate, Needs, Route, takes
from litellm_plugins.settings.route_trials import CONTROL, Experiment

_DRAWS = 2**53


@dataclass(frozen=True, slots=True)
class Placed:
    """A route, and the arm that it is of; no experiment: in none."""

    route: Route
    experiment: str = ""
    arm: str = ""


def subject_of(experiment: Experiment, identity: Identity) -> str | None:
    """Whose arm it is; None: nobody's, so the request is in no arm."""
    named = {"key": identity.key_id, "user": identity.user_id, "end_user": identity.end_user_id}[experiment.sticky]
    return None if not named else f"{identity.team_id or ''}/{named}" if experiment.sticky == "end_user" else named


def arm_of(router: str, experiment: Experiment, subject: str) -> str:
    """The name of the subject's arm; `control` for whoever the shares leave over."""
    shares = {arm.name: arm.share for arm in experiment.arms}
    shares[CONTROL] = max(0.0, 1.0 - math.fsum(shares.values()))
    races = {
        name: -math.log(_drawn(router, experiment.name, name, subject)) / share
        for name, share in shares.items()
        if share > 1e-12
    }
    return min(races, key=races.__getitem__)


def arms_of(router: str, experiments: Sequence[Experiment], identity: Identity) -> dict[str, str]:
    """By experiment that is enabled, the caller's arm."""
    found: dict[str, str] = {}
    for each in experiments:
        subject = subject_of(each, identity)
        if each.enabled and subject is not None:
            found[each.name] = arm_of(router, each, subject)
    return found


def placed(
    router: str,
    route: Route,
    experiments: Sequence[Experiment],
    identity: Identity,
    needs: Needs,
    model: Callable[[str], Candidate],
) -> Placed:
    """`route` with its arm's model. What not every arm can take is in none: arms that take other requests than each
    other cannot be compared.
    """
    running = next((each for each in experiments if each.enabled and each.tier == route.tier), None)
    arm = None if running is None else arms_of(router, (running,), identity).get(running.name)
    if running is None or arm is None or route.reason is RouteReason.NO_MODEL_CAN:
        return Placed(route)
    if not all(takes(model(each.model), needs) for each in running.arms):
        return Placed(route)
    of_arm = next((each.model for each in running.arms if each.name == arm), route.model)
    return Placed(replace(route, model=of_arm), running.name, arm)


def _drawn(*words: str) -> float:
    """In (0, 1], evenly."""
    hashed = blake2b(digest_size=8, key=blake2b(words[0].encode(errors="replace"), digest_size=16).digest())
    for word in words[1:]:
        raw = word.encode(errors="replace")
        hashed.update(len(raw).to_bytes(4, "big") + raw)
    return (int.from_bytes(hashed.digest(), "big") % _DRAWS + 1) / _DRAWS
