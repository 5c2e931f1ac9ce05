"""Looks at synthetic weeks hour by hour as the running watch does: what it would tell, and when."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from decimal import Decimal

from litellm_plugins.insight.anomalies import Finding
from litellm_plugins.insight.anomalies_telling import OF_A_KIND_MS, SAME_MS
from litellm_plugins.insight.history import CALLERS, LEVELS, NOTHING, Series, Subject, points
from litellm_plugins.insight.looking import Seen, strange
from litellm_plugins.insight.usage import HOUR_S, Dimension, Example, Row, places
from litellm_plugins.settings.insight import Anomalies
from tests.support.synthetic_weeks import MONDAY, Plant, creeping, dear_call, from_hour, nothing, weeks

HISTORY_H = 24 * 14


class Quiet:
    """The outbox and the store's turns, as far as they keep the watch from telling a thing again."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def passes(self, each: Finding, now_ms: int) -> bool:
        """Whether it is told."""
        if self._until.get(each.key, 0) > now_ms:
            return False
        if each.call is None and each.kind != "user_day":
            if self._until.get(each.kind, 0) > now_ms:
                return False
            self._until[each.kind] = now_ms + OF_A_KIND_MS
        self._until[each.key] = now_ms + SAME_MS
        return True


@functools.lru_cache(maxsize=2)
def _history(seed: int, hours: int) -> Mapping[Subject, Series]:
    return series_of(weeks(seed, 0, hours))


def series_of(rows: Iterable[Row]) -> dict[Subject, Series]:
    """As `History` has them."""
    found: dict[Subject, Series] = {}
    by: tuple[Dimension, ...] = (*LEVELS, *CALLERS)
    at = [(dimension, places((dimension, "layer", "ending"))) for dimension in by]
    for row in rows:
        for dimension, where in at:
            for subject, hour, each in points(dimension, Row(row.hour, tuple(row.words[p] for p in where), row.sums)):
                series = found.setdefault(subject, {})
                series[hour] = series.get(hour, NOTHING).plus(each)
    return found


def spent_on(rows: Iterable[Row], day: int) -> Mapping[Subject, tuple[int, int]]:
    """By users, in the day that begins with this hour."""
    (user,) = places(("user",))
    found: dict[Subject, tuple[int, int]] = {}
    for row in rows:
        if day <= row.hour < day + 24:
            nano, requests = found.get(("user", row.words[user]), (0, 0))
            found["user", row.words[user]] = (nano + row.sums.spent_nano_usd, requests + row.sums.requests)
    return found


def told(
    seed: int,
    plant: Plant = nothing,
    *,
    history_h: int = HISTORY_H,
    watched_h: int = 24 * 7,
    calls: Mapping[int, Example] | None = None,
    settings: Anomalies | None = None,
    first_h: int = 0,
    every_h: int = 1,
) -> list[tuple[int, Finding]]:
    """What was told in the hours after the history, each with the hour since the beginning of the watched ones."""
    watched = list(weeks(seed, history_h, watched_h, plant))
    series, quiet, found = dict(_history(seed, history_h)), Quiet(), list[tuple[int, Finding]]()
    for subject, fresh in series_of(watched).items():
        series[subject] = {**series.get(subject, {}), **fresh}
    for hour in range(history_h + first_h, history_h + watched_h + 1, every_h):
        now = MONDAY + hour
        call = (calls or {}).get(hour)
        today = spent_on(watched, now - now % 24) if settings and settings.user_day_usd and hour % 24 == 23 else {}
        seen = Seen(series, now, [] if call is None else [call], today)
        for each in strange(seen, settings or Anomalies()):
            if quiet.passes(each, now * HOUR_S * 1_000):
                found.append((hour - history_h, each))
    return found


def planted() -> dict[str, tuple[str, Plant, dict[int, Example], Anomalies | None]]:
    """Causes, each from the second watched day on: the kind that should be told, and what was planted."""
    begins = HISTORY_H + 24 + 9  # a Tuesday's morning
    at_ms = (MONDAY + begins) * HOUR_S * 1_000
    return {
        "a dearer model for the agent": ("cost_per_request", from_hour(begins, ("agent",), large=0.85), {}, None),
        "one in ten questions more to it": ("cost_per_request", from_hour(begins, ("faq",), large=0.15), {}, None),
        "answers twice as long": ("cost_per_request", from_hour(begins, ("drafts",), completion=1_200.0), {}, None),
        "prompts that grow by 10% a day": ("prompt_tokens", creeping(HISTORY_H, "agent", 0.10), {}, None),
        "prompts longer by 60% at once": ("prompt_tokens", from_hour(begins, ("faq",), prompt=640.0), {}, None),
        "half of the hits gone": ("hit_rate", from_hour(begins, ("faq",), hits=0.22), {}, None),
        "no hits for a small feature": ("hit_rate", from_hour(begins, ("search",), hits=0.05), {}, None),
        "a client that fails and retries": (
            "retry_storm", from_hour(begins, ("batch",), fails=0.95, per_hour=300.0), {}, None,
        ),
        "a provider that wants three tries": (
            "retry_storm", from_hour(begins, ("agent", "drafts", "batch", "faq"), attempts=3.0), {}, None,
        ),
        "a client in a loop": ("retry_storm", from_hour(begins, ("batch",), per_hour=2_000.0), {}, None),
        "a user who spends too much": (
            "user_day", from_hour(begins, ("batch",), per_hour=1_500.0), {}, Anomalies(user_day_usd=Decimal(10)),
        ),
        "one request of five dollars": ("dear_request", nothing, {begins: dear_call(at_ms, 5.0)}, None),
    }  # fmt: skip
