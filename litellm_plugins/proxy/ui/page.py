"""The page in the running proxy: its sources, and its door."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.cache.verifier.standing import Promise, Standing, standing
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import Identity
from litellm_plugins.proxy.budgets.stage import now_ms
from litellm_plugins.proxy.ui.entry import Entry, said
from litellm_plugins.settings import Policies, promised_rates
from litellm_plugins.ui.door import Door
from litellm_plugins.ui.reading import Reader, Scope, Sources

if TYPE_CHECKING:
    from litellm_plugins.cache.admin.audit import Journal
    from litellm_plugins.cache.verifier.labels import LabelStore
    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.proxy.budgets.admin import BudgetAdmin
    from litellm_plugins.proxy.insight.stores import InsightStores
    from litellm_plugins.settings import Settings
    from litellm_plugins.ui.reviewing import ReviewDesk
    from litellm_plugins.virtual_keys.live_keys import LiveKeys

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HostUi:
    """One per worker."""

    settings: Settings
    door: Door
    entry: Entry
    reader: Reader
    desk: ReviewDesk | None
    keys: LiveKeys
    journal: Journal

    async def note(self, action: str, actor: str, what: Mapping[str, Any]) -> None:
        """Into the log first: it was done, whether or not the journal can say so."""
        said(action, actor=actor, **what)
        try:
            await self.journal.append(Record(now_ms() / 1_000, actor, action, 1, what))
        except StoreUnavailable as exc:
            _LOG.warning("%s by %s could not be written into the journal: %s", action, actor, exc)


def host_ui(
    settings: Settings,
    stores: InsightStores,
    *,
    keys: LiveKeys,
    journal: Journal,
    budgets: BudgetAdmin | None,
    known: Callable[[Scope | None], Awaitable[Standing]] | None,
    desk: ReviewDesk | None,
) -> HostUi:
    """Opens nothing yet. `desk` is where the review's is put in: without one there is no such section."""
    door = Door(stores.passes, master_key=_master_key, clock_ms=now_ms, session_ms=settings.ui.session_minutes * 60_000)
    sources = Sources(
        usage=stores.usage,
        anomalies=stores.anomalies,
        budgets=None if budgets is None or not settings.budgets else _accounts(budgets),
        standing=known,
        desk=desk,
        routers=settings.routing.routers,
        keys_of=partial(_keys_of, keys),
    )
    return HostUi(settings, door, Entry(door), Reader(sources), desk, keys, journal)


def standing_of(
    settings: Settings, labels: LabelStore, embedder: Embedder | None
) -> Callable[[Scope | None], Awaitable[Standing]] | None:
    """What the verifier expects: by everybody's labels of every rate that is promised, by a team's own of its own."""
    everybodys = promised_rates(settings)
    if embedder is None or not everybodys:
        return None
    space, policies = embedder.model_id, Policies(settings)

    async def known(scope: Scope | None) -> Standing:
        if scope is None:
            return _with_rates(await standing(labels, space=space, rates=everybodys), everybodys)
        who = Identity(team_id=scope.team_id, team_alias=scope.team)
        semantic = policies.cache_for(who, "").semantic
        rates = [semantic.max_error_rate] if semantic.enabled and semantic.threshold is None else []
        return _with_rates(await standing(labels, space=space, rates=rates, tenant=f"team:{scope.team_id}"), rates)

    return known


def _keys_of(keys: LiveKeys, team_id: str) -> frozenset[str]:
    """As accounts name them. Keys in the host's database are not asked for: their accounts are admins' to see."""
    return frozenset(each.hash.removeprefix("sha256:") for each in keys.listed().keys if each.team == team_id)


def _with_rates(known: Standing, rates: Sequence[float]) -> Standing:
    """What is promised stands before the first fit, too: it is only that nothing is sure enough for it yet."""
    return known if known.promises else replace(known, promises={f"{rate:g}": Promise(None) for rate in rates})


def _accounts(admin: BudgetAdmin) -> Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]:
    async def listed() -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = (await admin.list({}))["budgets"]
        return found

    return listed


def _master_key() -> str | None:
    from litellm.proxy import proxy_server

    return proxy_server.master_key
