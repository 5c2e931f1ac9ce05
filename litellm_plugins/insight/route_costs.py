"""What was spent by router, tier, experiment and arm. These are kept apart from all other dimensions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from litellm_plugins.insight.routes import RouteSums, RouteWords
from litellm_plugins.insight.usage import FAILED, Sums, Tally, Words

RoutePart = Literal["router", "tier", "experiment", "arm"]
ROUTE_PARTS: tuple[RoutePart, ...] = get_args(RoutePart)


class Where(NamedTuple):
    """A route, taken apart."""

    router: str
    tier: str
    experiment: str = ""
    arm: str = ""


def where_of(route: str) -> Where:
    """Of `Request.route`. A router's name may hold anything, a tier's and an arm's neither slash nor colon."""
    before, _, last = route.rpartition("/")
    if ":" not in last:
        return Where(before, last)
    router, _, tier = before.rpartition("/")
    experiment, _, arm = last.partition(":")
    return Where(router, tier, experiment, arm)


def tallied_routes(found: Mapping[RouteWords, RouteSums], by: Sequence[RoutePart], whole: Sums) -> dict[Words, Tally]:
    """By these parts; what no router has sent anywhere has empty words, so that all add up to `whole`.

    Of a route neither tokens nor savings are kept. Its dollars hold the pack's own.
    """
    tallies: dict[Words, Tally] = {}
    requests = nano_usd = took_ms = 0
    for (route, ending), sums in found.items():
        words = tuple(getattr(where_of(route), part) for part in by)
        told = Sums(requests=sums.requests, spent_nano_usd=sums.nano_usd, took_ms=sums.took_ms)
        tally = Tally(told, failed=sums.requests if ending in FAILED else 0)
        tallies[words] = tallies.get(words, Tally()).plus(tally)
        requests, nano_usd, took_ms = requests + sums.requests, nano_usd + sums.nano_usd, took_ms + sums.took_ms
    rest = Sums(
        requests=max(0, whole.requests - requests),
        spent_nano_usd=max(0, whole.spent_nano_usd + whole.own_nano_usd - nano_usd),
        took_ms=max(0, whole.took_ms - took_ms),
    )
    if rest.requests:
        nobody = ("",) * len(by)
        tallies[nobody] = tallies.get(nobody, Tally()).plus(Tally(rest))
    return tallies
