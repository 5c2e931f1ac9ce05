"""What is usual: the hours that were, for everything and for each feature, team, model group, key and user."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from operator import add
from typing import NamedTuple

from litellm_plugins.insight.store import UsageStore
from litellm_plugins.insight.usage import FAILED, HITS, LOOKED_UP, OTHER, Dimension, Row, Sums

EVERYTHING: tuple[str, str] = ("", "")
LEVELS: tuple[Dimension, ...] = ("feature", "team", "model_group")
CALLERS: tuple[Dimension, ...] = ("key", "user")
_STILL_COUNTED = 2  # hours: what a worker had in hand when one ended comes a little later

Subject = tuple[str, str]  # a dimension, and a word of it


class Point(NamedTuple):
    """One subject in one hour, or in several."""

    requests: int = 0
    failed: int = 0  # failures, and refusals of the pack
    hits: int = 0
    exact: int = 0  # those of them for the very same request
    looked_up: int = 0
    paid: int = 0  # a model answered, whole
    spent: int = 0  # for these, in nano-dollars
    prompt: int = 0  # the same, tokens
    completion: int = 0
    called: int = 0  # a deployment was called at least once
    attempts: int = 0

    def plus(self, other: Point) -> Point:
        """Both together."""
        return Point(*map(add, self, other))


NOTHING = Point()
Series = dict[int, Point]  # by hour


def point(layer: str, ending: str, sums: Sums) -> Point:
    """What a row of this layer and ending says."""
    hit, paid = layer in HITS, layer not in HITS and ending == "success"
    return Point(
        requests=sums.requests,
        failed=sums.requests if ending in FAILED else 0,
        hits=sums.requests if hit else 0,
        exact=sums.requests if layer == "exact" else 0,
        looked_up=sums.requests if layer in LOOKED_UP and ending != "refused" else 0,
        paid=sums.requests if paid else 0,
        spent=sums.spent_nano_usd if paid else 0,
        prompt=sums.prompt_tokens if paid else 0,
        completion=sums.completion_tokens if paid else 0,
        called=sums.requests if not hit and sums.attempts else 0,
        attempts=sums.attempts if not hit else 0,
    )


class History:
    """What one worker remembers of it. `days` is how far back it goes."""

    def __init__(self, store: UsageStore, days: int) -> None:
        self._store, self._hours = store, 24 * days
        self._until = 0  # the hours before it were read when nothing could be added to them any more
        self.series: dict[Subject, Series] = {}

    async def read(self, hour: int) -> None:
        """Up to this hour, the running one. Raises: StoreUnavailable; then it is as it was."""
        since = max(hour - self._hours, self._until)
        fresh: dict[Subject, Series] = defaultdict(dict)
        for dimension in (*LEVELS, *CALLERS):
            rows = await self._store.rows(since, hour + 1, (dimension, "layer", "ending"))
            await asyncio.to_thread(_add, fresh, dimension, rows)  # weeks of them hold a loop up for seconds
        self._forget(since, hour - self._hours)
        for subject, series in fresh.items():
            self.series.setdefault(subject, {}).update(series)
        self._until = max(self._until, hour + 1 - _STILL_COUNTED)

    def _forget(self, since: int, oldest: int) -> None:
        """What is about to be read again, and what is too old."""
        for subject, series in list(self.series.items()):
            kept = {at: each for at, each in series.items() if oldest <= at < since}
            if kept:
                self.series[subject] = kept
            else:
                del self.series[subject]


def _add(fresh: dict[Subject, Series], dimension: Dimension, rows: Iterable[Row]) -> None:
    for row in rows:
        for subject, at, each in points(dimension, row):
            fresh[subject][at] = fresh[subject].get(at, NOTHING).plus(each)


def points(dimension: Dimension, row: Row) -> Iterable[tuple[Subject, int, Point]]:
    """Of a row by its dimension, layer and ending: who it is of, when, and what."""
    word, layer, ending = row.words
    each = point(layer, ending, row.sums)
    if dimension == "model_group":  # every row has one word of it: so all of them are everything
        yield EVERYTHING, row.hour, each
    if word and word != OTHER:
        yield (dimension, word), row.hour, each
