"""Everything a page shows, out of the stores: for an admin all of it, for a team's owner their own alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from litellm_plugins.cache.verifier.standing import Standing
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.insight.store import AnomalyLog, ToldAnomaly, UsageStore
from litellm_plugins.insight.usage import HOUR_S, OTHER, Dimension, Row, grouped
from litellm_plugins.ui import budgets as of_budgets
from litellm_plugins.ui.budgets import Budgets
from litellm_plugins.ui.changes import ChangeLine, changes
from litellm_plugins.ui.overview import Counted, Overview, overview
from litellm_plugins.ui.promises import Precision, Promises, precision, promises
from litellm_plugins.ui.remembering import Remembered
from litellm_plugins.ui.reviewing import ItemView, ReviewDesk, items
from litellm_plugins.ui.spans import Span

QUEUE = 30  # items on a page
_ANOMALIES, _TEAMS = 20, 200
T = TypeVar("T")
_PARTS: tuple[Dimension, ...] = ("layer", "ending", "model")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose numbers. `team` is the word that they are counted under; `names` all that this team goes by."""

    team: str
    names: frozenset[str]
    team_id: str
    tenant: str | None = None  # whose traffic alone, of who may see no other's; None: whatever goes by the name


def scope_of(team: str, known: Mapping[str, str | None]) -> Scope:
    """`known`: the aliases of teams by their ids. Calls are counted under the alias, where there is one."""
    aliased = next((each for each, alias in known.items() if alias == team), team)
    team_id = team if team in known else aliased
    word = known.get(team_id) or team_id
    return Scope(word, frozenset({word, team_id}), team_id)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it all lies. What is None is not there."""

    usage: UsageStore
    anomalies: AnomalyLog
    budgets: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]] | None = None
    standing: Callable[[Scope | None], Awaitable[Standing]] | None = None
    desk: ReviewDesk | None = None
    routers: Collection[str] = ()  # the model names that stand for several
    keys_of: Callable[[str], Collection[str]] = lambda _: ()  # the hashes of a team's keys, by its id


@dataclass(frozen=True, slots=True)
class Read:
    """All of the first page."""

    seen: Overview
    promises: Promises | None
    budgets: Budgets | None
    anomalies: Sequence[ToldAnomaly]
    precision: Precision | None
    changes: Sequence[ChangeLine]  # verifiers and routers that took over; none for a team's owner, whose they are not
    teams: Sequence[str]  # to choose from; none for a team's owner
    away: Mapping[str, str]  # `promises`, `budgets` or `review`, where its store is away, and the reason


class Reader:
    """Every method takes whose numbers are asked for (None: everybody's), and raises StoreUnavailable.

    A store that only one section needs takes only that section with it. What reads a whole store (accounts
    and judged items by the thousand) is remembered while that is dear.
    """

    def __init__(self, sources: Sources) -> None:
        self._from, self._routers = sources, frozenset(sources.routers)
        self._reports: Remembered[Mapping[str, Any]] = Remembered()
        self._accounts: Remembered[Sequence[Mapping[str, Any]]] = Remembered()

    async def overview(self, span: Span, scope: Scope | None, *, choose: bool) -> Read:
        """Of one span of time. With `choose` the teams that were seen in it as well."""
        team = None if scope is None else scope.team
        away: dict[str, str] = {}
        report = await _if_there("review", self._report(scope), {}, away)
        told = await self._from.anomalies.latest(_ANOMALIES, since_ms=span.since * HOUR_S * 1_000, team=team)
        return Read(
            seen=overview(await self._counted(span, team), span),
            promises=await _if_there("promises", self._promises(scope), None, away),
            budgets=await _if_there("budgets", self._budgets(scope), None, away),
            anomalies=told,
            precision=precision(report),
            changes=changes(report) if scope is None else (),
            teams=await self.teams(span) if choose else (),
            away=away,
        )

    async def queue(self, scope: Scope | None) -> list[ItemView]:
        """What waits to be judged."""
        if self._from.desk is None:
            return []
        team, tenant, names = (None, None, None) if scope is None else (scope.team, scope.tenant, scope.names)
        given = await self._from.desk.queue(QUEUE, team, tenant)
        return await asyncio.to_thread(items, given, team_names=names, tenant=tenant)  # long texts take milliseconds

    async def precision(self, scope: Scope | None) -> Precision | None:
        """What people said of what was drawn by chance."""
        return precision(await self._report(scope))

    async def _report(self, scope: Scope | None) -> Mapping[str, Any]:
        if self._from.desk is None:
            return {}
        team, tenant = (None, None) if scope is None else (scope.team, scope.tenant)
        return await self._reports.get((team, tenant), partial(self._from.desk.report, team, tenant))

    async def _counted(self, span: Span, team: str | None) -> Counted:
        usage = self._from.usage
        if team is None:
            layers, endings, models = [await usage.rows(span.since, span.until, (each,)) for each in _PARTS]
            return Counted(layers, endings, models, await usage.routes(span.since, span.until))
        # In one go: a team's rows are not kept apart by one word each.
        rows = await usage.rows(span.since, span.until, (*_PARTS, "model_group"), of=("team", team))
        routed = [
            Row(row.hour, (row.words[3], row.words[2]), row.sums) for row in rows if row.words[3] in self._routers
        ]
        return Counted(layers=_alone(rows, 0), endings=_alone(rows, 1), models=_alone(rows, 2), routed=routed)

    async def _promises(self, scope: Scope | None) -> Promises | None:
        return None if self._from.standing is None else promises(await self._from.standing(scope))

    async def _budgets(self, scope: Scope | None) -> Budgets | None:
        if self._from.budgets is None:
            return None
        accounts = await self._accounts.get("all", self._from.budgets)
        if scope is None:
            return of_budgets.budgets(accounts, team_names=None)
        keys = frozenset(self._from.keys_of(scope.team_id))
        return of_budgets.budgets(accounts, team_names=scope.names, team_keys=keys)

    async def teams(self, span: Span) -> list[str]:
        """Those that were seen in it."""
        rows = await self._from.usage.rows(span.since, span.until, ("team",))
        return sorted(team for (team,) in grouped(rows, (0,)) if team and team != OTHER)[:_TEAMS]


async def _if_there(section: str, asked: Awaitable[T], instead: T, away: dict[str, str]) -> T:
    try:
        return await asked
    except StoreUnavailable as exc:
        away[section] = exc.reason
        return instead


def _alone(rows: Sequence[Row], place: int) -> list[Row]:
    """By the word at this place only."""
    return [Row(row.hour, (row.words[place],), row.sums) for row in rows]
