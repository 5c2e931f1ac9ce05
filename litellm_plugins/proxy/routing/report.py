"""What came of routed requests, by router, tier and arm: the answer to `litellm-plugins routing report`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from litellm_plugins.alerts.message import iso
from litellm_plugins.errors import RequestError
from litellm_plugins.insight.costs import span_of
from litellm_plugins.insight.route_costs import Where, where_of
from litellm_plugins.insight.routes import RouteSums, RouteWords, mean_ms, mean_usd
from litellm_plugins.insight.usage import HOUR_S
from litellm_plugins.routing.significance import Sample
from litellm_plugins.routing.verdicts import Outcome, verdict
from litellm_plugins.settings.route_trials import CONTROL

if TYPE_CHECKING:
    from litellm_plugins.insight.store import UsageStore
    from litellm_plugins.review.feedback import Feedback, FeedbackStore

_GIVEN = ("since", "until")
_PAGE = 1_000
_GOOD = 0.5  # a score from here on is a thumb up

Json = dict[str, Any]


@dataclass(slots=True)
class _Found:
    endings: dict[str, RouteSums] = field(default_factory=dict)
    up: int = 0
    down: int = 0

    def of(self, *endings: str) -> RouteSums:
        total = RouteSums()
        for each in endings:
            total = total.plus(self.endings.get(each, RouteSums()))
        return total

    @property
    def outcome(self) -> Outcome:
        asked, good = self.of("success", "failure", "gone"), self.of("success")
        return Outcome(
            asked.requests,
            self.of("failure").requests,
            Sample(asked.requests, *mean_usd(asked)),
            Sample(good.requests, *mean_ms(good)),
            self.up,
            self.down,
        )


class RouteReport:
    """Reads the stores. Raises: RequestError, StoreUnavailable."""

    def __init__(self, usage: UsageStore, feedback: FeedbackStore | None, *, clock_ms: Callable[[], int]) -> None:
        self._usage, self._feedback, self._clock_ms = usage, feedback, clock_ms

    async def report(self, given: Mapping[str, Any]) -> Json:
        """Of the hours `since` to `until`."""
        for name in given:
            if name not in _GIVEN:
                raise RequestError(f"{name}: unknown; known here: {', '.join(_GIVEN)}", param=name)
        since, until = span_of(given, self._clock_ms())
        sums = await self._usage.routes(since, until)
        thumbs = await self._thumbs(since * HOUR_S, until * HOUR_S)
        return {"since": iso(since * HOUR_S * 1_000), "until": iso(until * HOUR_S * 1_000), **told(sums, thumbs)}

    async def _thumbs(self, since_s: float, until_s: float) -> list[Feedback]:
        found: list[Feedback] = []
        before_s = until_s
        while self._feedback is not None:
            page = await self._feedback.latest(_PAGE, before_s=before_s)
            found += [each for each in page if each.at_s >= since_s and each.route]
            if len(page) < _PAGE or page[-1].at_s < since_s or page[-1].at_s >= before_s:
                break
            before_s = page[-1].at_s
        return found


def told(sums: Mapping[RouteWords, RouteSums], thumbs: Iterable[Feedback]) -> Json:
    """The rows, and each arm held against its experiment's control."""
    found: dict[Where, _Found] = {}
    for (route, ending), one in sums.items():
        endings = found.setdefault(where_of(route), _Found()).endings
        endings[ending] = endings.get(ending, RouteSums()).plus(one)
    for each in thumbs:
        at = found.setdefault(where_of(each.route), _Found())
        at.up, at.down = at.up + (each.value >= _GOOD), at.down + (each.value < _GOOD)
    ordered = sorted(found.items())
    return {"rows": [_row(*each) for each in ordered], "comparisons": list(_compared(found))}


def _row(where: Where, found: _Found) -> Json:
    outcome = found.outcome
    asked = found.of("success", "failure", "gone")
    return {
        **where._asdict(),
        "requests": outcome.requests,
        "refused": found.of("refused").requests,  # by a budget, say: no provider was asked
        "usd": asked.nano_usd / 1e9,
        "usd_per_request": outcome.usd.mean,
        "errors": outcome.errors,
        "error_share": outcome.errors / outcome.requests if outcome.requests else None,
        "retried": asked.retried,
        "latency_ms": round(outcome.latency_ms.mean, 1) if outcome.latency_ms.count else None,
        "thumbs_up": found.up,
        "thumbs_down": found.down,
    }


def _compared(found: Mapping[Where, _Found]) -> Iterable[Json]:
    for where, of_arm in sorted(found.items()):
        if not where.arm or where.arm == CONTROL:
            continue
        control = found.get(where._replace(arm=CONTROL), _Found())
        result = verdict(where.arm, of_arm.outcome, control.outcome)
        yield {
            **where._asdict(),
            "verdict": result.word,
            "sentence": result.sentence,
            "tests": {name: asdict(test) for name, test in result.tests.items()},
        }
