"""What keeps usage over restarts and workers: a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from litellm_plugins.insight.routes import RouteSums, RouteWords
from litellm_plugins.insight.usage import Dimension, Example, Row, Sums, Tally, Words

KEEP_BATCHES_MS = 86_400_000  # longer than anybody tries to add one again
KEEP_EXAMPLES_MS = 3 * 86_400_000
MOST_EXAMPLES = 20_000
MOST_ANOMALIES = 1_000


@dataclass(frozen=True, slots=True)
class Batch:
    """What one worker has to add, once: however often it is given, it counts once."""

    id: str
    sums: Mapping[tuple[int, Words], Sums]  # by hour, and the words of all dimensions
    examples: tuple[Example, ...] = ()
    routes: Mapping[tuple[int, RouteWords], RouteSums] = field(default_factory=dict)  # by hour, too


@dataclass(frozen=True, slots=True)
class ToldAnomaly:
    """One that was told, as whoever looks later sees it. `team` is whose calls alone it is about; "": of several."""

    id: str
    kind: str  # of `anomalies.Finding`
    subject: tuple[str, str]  # a dimension and a word of it; two empty ones: everything
    at_ms: int
    team: str
    text: str


class AnomalyLog(Protocol):
    """Keeps what was told for a while, bounded: the newest `MOST_ANOMALIES`. Raises: StoreUnavailable."""

    async def keep(self, told: ToldAnomaly) -> None:
        """Once, however often it is given."""

    async def latest(self, most: int, *, since_ms: int, team: str | None) -> list[ToldAnomaly]:
        """The newest first; of a team alone, or (None) all."""


class UsageStore(Protocol):
    """Every method raises `StoreUnavailable` where the store cannot do it."""

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        """Add all of it, or nothing. False where that was done before. What is too old is forgotten on the way."""

    async def rows(
        self, since: int, until: int, by: Sequence[Dimension], *, of: tuple[Dimension, str] | None = None
    ) -> list[Row]:
        """Of the hours from `since` until before `until`: a row for each hour and its words, by both.

        `of` a dimension and a word of it: of these calls only.
        """

    async def tallied(self, since: int, until: int, groups: Sequence[Sequence[Dimension]]) -> list[dict[Words, Tally]]:
        """Over all these hours together: for each of the groups, by the words of its dimensions."""

    async def routes(self, since: int, until: int) -> dict[RouteWords, RouteSums]:
        """Over all these hours together, of requests that a router has sent somewhere."""

    async def examples(self, since_ms: int) -> list[Example]:
        """Since then, the dearest first."""

    async def take_turn(self, name: str, *, now_ms: int, for_ms: int) -> bool:
        """Whether nobody else has it: true for one of all who ask in that time."""

    async def aclose(self) -> None:
        """Close what it holds open."""
