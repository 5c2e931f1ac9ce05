"""What the models of a router's tiers can do, by the host's own model info."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from litellm_plugins.routing.policy import Candidate, Ladder, Rung

if TYPE_CHECKING:
    from litellm_plugins.proxy.budgets.prices import Listing, PriceBook
    from litellm_plugins.settings.routing import Router

_KEPT_S = 60.0  # models come and go while the host runs
_MOST_KEPT = 10_000


class Ladders:
    """Of the routers in the settings, by router and team: a team may have deployments of its own."""

    def __init__(
        self,
        book: PriceBook,
        thresholds: Mapping[str, tuple[float, ...]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book, self._thresholds, self._clock = book, thresholds, clock
        self._kept: dict[tuple[str, str | None], tuple[float, Ladder]] = {}

    def of(self, name: str, router: Router, team_id: str | None) -> Ladder:
        """The tiers of the router called `name`."""
        now, known = self._clock(), self._kept.get((name, team_id))
        if known is not None and now < known[0]:
            return known[1]
        rungs = tuple(
            Rung(tier.name, tuple(candidate(model, self._book.listings(model, team_id)) for model in tier.models))
            for tier in router.tiers
        )
        ladder = Ladder(rungs, self._thresholds[name])
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[name, team_id] = (now + _KEPT_S, ladder)
        return ladder


def candidate(model: str, listings: list[Listing]) -> Candidate:
    """A model group can do what each of its deployments can; of one that no list knows, anything."""

    def can(what: str) -> bool:
        return all(each.info.get(what) is True or _is_unknown(each, what) for each in listings)

    windows = [each.most_input for each in listings if each.most_input is not None]
    return Candidate(
        model,
        vision=can("supports_vision"),
        tools=can("supports_function_calling"),
        json_schema=can("supports_response_schema"),
        window=min(windows, default=None),
    )


def _is_unknown(listing: Listing, what: str) -> bool:
    """The lists say what a model can do, and leave out what it cannot: unless they do not know the model at all."""
    return listing.info.get(what) is None and listing.most_input is None
