"""Experiments in the running proxy: what a model on trial can do, and whose answers are kept apart."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm_plugins.proxy.routing.models import candidate
from litellm_plugins.routing.experiments import Placed, arms_of, placed
from litellm_plugins.settings.route_trials import CONTROL

if TYPE_CHECKING:
    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.routing.policy import Candidate, Ladder, Needs, Route, Wishes
    from litellm_plugins.settings.routing import Router

_KEPT_S = 60.0  # models come and go while the host runs
_MOST_KEPT = 10_000


class Trials:
    """One per worker."""

    def __init__(self, book: PriceBook, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._book, self._clock = book, clock
        self._kept: dict[tuple[str, str | None], tuple[float, Candidate]] = {}

    def marks(self, name: str, router: Router, request: Request) -> list[str]:
        """What keeps the answers of an arm apart. Those of `control` are what they would be without it."""
        arms = arms_of(name, router.experiments, request.identity)
        return [f"arm:{experiment}:{arm}" for experiment, arm in arms.items() if arm != CONTROL]

    def placed(
        self, name: str, router: Router, ladder: Ladder, route: Route, request: Request, needs: Needs, wishes: Wishes
    ) -> Placed:
        """`route` with the model of its arm. An old model's name in its own tier stands for itself."""
        if not router.experiments:
            return Placed(route)
        if wishes.asked is not None and ladder.place_of_model(wishes.asked) == ladder.place(route.tier):
            return Placed(route)
        team = request.identity.team_id
        return placed(name, route, router.experiments, request.identity, needs, lambda model: self._can(model, team))

    def _can(self, model: str, team_id: str | None) -> Candidate:
        now, known = self._clock(), self._kept.get((model, team_id))
        if known is not None and now < known[0]:
            return known[1]
        found = candidate(model, self._book.listings(model, team_id))
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[model, team_id] = (now + _KEPT_S, found)
        return found
