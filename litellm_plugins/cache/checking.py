"""Withholding some hits, or all of them, and comparing them with the fresh answers that came instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.answers import text_of
from litellm_plugins.cache.checks import Check, CheckStore, Withheld
from litellm_plugins.cache.keys import owner_of
from litellm_plugins.cache.store import CacheStore, Entry, Selector
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.model import Layer, Outcome, Reason, Reply, Request

if TYPE_CHECKING:
    from litellm_plugins.cache.answers import AnswerComparer
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.settings import Cache

_EVICTS = frozenset({Reason.RECHECK, Reason.SHADOW_CHECK})


class Checker:
    """Belongs to `CacheLayers`, which asks it at a hit and again when the fresh answer is there.

    Args:
        store: of the entries.
        comparer: None: nothing can be compared, and every outcome is unknown.
        records: where checks are kept; None: nowhere.
        told: is told of each check.
        clock: UNIX seconds.
        draw: uniform in [0, 1), for choosing what is rechecked.
    """

    def __init__(
        self,
        *,
        store: CacheStore,
        comparer: AnswerComparer | None,
        records: CheckStore | None,
        told: Callable[[Check], None],
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._store, self._comparer, self._records = store, comparer, records
        self._told, self._clock, self._draw = told, clock, draw

    def served(self, hit: Verdict, policy: Cache) -> Verdict:
        """`hit` itself, or the miss that is made of it."""
        curated = hit.reason is Reason.CURATED
        if policy.shadow:
            return _withheld(hit, Reason.SHADOW, 1.0, compared=not curated)
        # The verifier has chosen already among the hits that it assessed: twice would spoil its weights.
        share = 0.0 if curated or hit.assessment is not None else policy.recheck_share
        if hit.entry is not None and 0 < share > self._draw() and text_of(orjson.loads(hit.entry.body)):
            return _withheld(hit, Reason.RECHECK, 1 / share)
        return hit

    def checked(self, verdict: Verdict, policy: Cache) -> Verdict:
        """The miss of a candidate that the verifier chose to check."""
        assessed = verdict.assessment
        if assessed is None:
            return verdict
        withheld = Withheld(Layer.SEMANTIC, assessed.weight, assessed.candidate.answer_id)
        return replace(verdict, reason=Reason.SHADOW if policy.shadow else Reason.SHADOW_CHECK, withheld=withheld)

    async def rival(self, verdict: Verdict) -> Entry | None:
        """The cached answer that the fresh one is held against: what was withheld, or else what came nearest."""
        withheld, derived = verdict.withheld, verdict.keys
        if derived is None or self._comparer is None or (withheld is not None and not withheld.compared):
            return None
        if withheld is not None and withheld.entry is not None:
            return withheld.entry
        assessed = verdict.assessment
        return None if assessed is None else await self._store.get(derived.tenant, assessed.candidate.key)

    def to_judge(self, verdict: Verdict, request: Request, rival: Entry | None, policy: Cache) -> str | None:
        """The question that a judge may be asked about; None: it may not.

        Never about an answer that another team or key had given: whoever planted it could talk the judge into
        vouching for it, and who owns it need not have agreed to the judge.
        """
        derived = verdict.keys
        if derived is None or rival is None or policy.semantic.judge is None:
            return None
        return derived.question if rival.origin == owner_of(request.identity) else None

    async def same(self, reply: Reply, rival: Entry | None, question: str | None = None) -> bool | None:
        """Whether both would serve the asker; None where it cannot be said. With a question a judge may be asked."""
        if rival is None or self._comparer is None:
            return None
        try:
            return await self._comparer.same(reply.body, rival.body, question)
        except EmbedderUnavailable:
            return None

    async def settle(
        self,
        verdict: Verdict,
        request: Request,
        policy: Cache,
        *,
        rival: Entry | None = None,
        right: bool | None = None,
    ) -> None:
        """Tell and keep what became of a withheld hit, and remove what turned out stale. Raises: StoreUnavailable."""
        withheld, derived = verdict.withheld, verdict.keys
        if withheld is None or derived is None or not withheld.compared:
            return
        check = Check(
            at=self._clock(),
            layer=withheld.layer,
            reason=verdict.reason,
            outcome=Outcome.UNKNOWN if right is None else Outcome.RIGHT if right else Outcome.WRONG,
            weight=withheld.weight,
            model_group=request.model_group,
            team=request.identity.team_id or "",
            similarity=verdict.similarity,
            probability=verdict.probability,
        )
        self._told(check)
        # An exact one was replaced by the fresh answer, under the same key.
        monitored = policy.recheck_share > 0 and check.reason in _EVICTS and check.layer is Layer.SEMANTIC
        if right is False and monitored and rival is not None and rival.key != derived.exact:
            await self._store.remove(Selector(tenant=derived.tenant, cache_id=rival.cache_id, pinned=False))
        if self._records is not None:
            await self._records.add(check)


def _withheld(hit: Verdict, reason: Reason, weight: float, *, compared: bool = True) -> Verdict:
    withheld = Withheld(hit.layer, weight, hit.entry.answer_id if hit.entry else b"", hit.entry, compared)
    return replace(hit, layer=Layer.MISS if hit.keys else Layer.BYPASS, reason=reason, entry=None, withheld=withheld)
