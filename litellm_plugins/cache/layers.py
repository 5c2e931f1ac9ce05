"""Looking a request up, layer by layer, and keeping its answer afterwards."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.cache import curated, keys, window
from litellm_plugins.cache.checking import Checker
from litellm_plugins.cache.choosing import Chooser
from litellm_plugins.cache.deciding import Judged, decide
from litellm_plugins.cache.dialects import DIALECTS
from litellm_plugins.cache.keeping import Keeper
from litellm_plugins.cache.patience import patience
from litellm_plugins.cache.rollout import is_rolled_out
from litellm_plugins.cache.steps import step
from litellm_plugins.cache.store import CacheStore, Entry
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.cache.verifier.features import NEIGHBOURS
from litellm_plugins.cache.verifier.verifiers import TenantVerifier, Verifiers
from litellm_plugins.cache.volatility import Treatment, slid_until, treat
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import Layer, Reason, Reply, Request

if TYPE_CHECKING:
    from litellm_plugins.cache.answers import AnswerComparer
    from litellm_plugins.cache.checks import Check, CheckStore
    from litellm_plugins.cache.pairs import PairStore
    from litellm_plugins.cache.verifier.verifier import Verifier
    from litellm_plugins.embedding.embedder import Embedder, Embedding
    from litellm_plugins.settings import Cache


class CacheLayers:
    """The exact layer, then the semantic one, over one store. A part that fails makes a miss, never an error."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        store: CacheStore,
        embedder: Embedder | None,
        verifier: Verifier | None = None,
        comparer: AnswerComparer | None = None,
        checks: CheckStore | None = None,
        told: Callable[[Check], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
        window_s: float = 0.0,
        pairs: PairStore | None = None,
    ) -> None:
        self._store, self._embedder, self._clock = store, embedder, clock
        self._verifiers = None if verifier is None else Verifiers(verifier)
        self.window_s = window_s
        self._chooser = Chooser(pairs)
        self._checker = Checker(store=store, comparer=comparer, records=checks, told=told, clock=clock, draw=draw)
        self._shelf = curated.Shelf(store)
        self._keeper = Keeper(
            store=store,
            space=lambda: self._space,
            checker=self._checker,
            verifiers=self._verifiers,
            clock=clock,
            window_s=window_s,
        )

    async def look_up(self, request: Request, policy: Cache) -> Verdict:
        """The verdict for `request` under `policy`."""
        aside = _aside(request, policy)
        if aside is not None:
            return aside
        treatment = treat(request, policy)
        derived = treatment.refusal or _keys_of(request, policy, treatment)
        whatever_its_class = derived
        if treatment.refusal and self.window_s:
            whatever_its_class = _keys_of(request, policy, treatment)
        brief = window.place_of(request, policy, treatment, whatever_its_class, self.window_s)
        verdict = Verdict(Layer.MISS, Reason.EMPTY, treatment=treatment, brief=brief)
        if isinstance(derived, Reason):
            verdict = replace(verdict, layer=Layer.BYPASS, reason=derived)
        else:
            verdict = replace(verdict, keys=derived)
        try:
            async with patience(policy.lookup_timeout_ms / 1_000):
                if isinstance(derived, Reason):
                    found = await self._shelf_alone(request, policy, verdict)
                    return self._checker.served(found, policy) if found.is_hit else found
                verdict = await self._layers(request, policy, verdict, derived)
                if verdict.layer is Layer.MISS and verdict.withheld is None:
                    verdict = await self._of_other_models(request, policy, verdict) or verdict
        except TimeoutError:
            return replace(verdict, reason=Reason.DEADLINE, failure="lookup_timeout_ms passed")
        except StoreUnavailable as exc:
            return replace(verdict, reason=Reason.STORE_UNAVAILABLE, failure=exc.reason)
        await self._slide(verdict, policy)
        verifier = self._verifier_of(request)
        if verifier is not None and derived.question is not None:
            verifier.saw_request()
            if verdict.given is not None:
                verifier.saw_answer(verdict.given)
        return verdict

    async def merged(
        self, verdict: Verdict, request: Request, policy: Cache, *, was_over: bool = False
    ) -> Verdict | None:
        """The hit that somebody else's answer to the very same request has made of this miss; None: there is none.

        `was_over`: that answer stood there before this one was asked, and so it must not be older than the window.
        """
        derived = verdict.brief or verdict.keys
        if derived is None:
            return None
        try:
            async with patience(policy.lookup_timeout_ms / 1_000):
                entry = await self._store.get(derived.tenant, derived.exact)
        except (StoreUnavailable, TimeoutError):
            return None
        if entry is None or not self._young_enough(entry, request):
            return None
        just_asked = was_over and verdict.brief is not None
        if just_asked and self._clock() - entry.created_at >= self.window_s:
            return None
        verifier = self._verifier_of(request)
        if verifier is not None and derived.question is not None:
            verifier.saw_answer(entry.answer_id)
        reason = Reason.JUST_ASKED if just_asked else Reason.IN_FLIGHT
        hit = Verdict(Layer.COALESCED, reason, entry=entry, similarity=1.0)
        return replace(hit, keys=verdict.keys, treatment=verdict.treatment)

    async def remember(
        self,
        verdict: Verdict,
        request: Request,
        reply: Reply,
        policy: Cache,
        *,
        again: bool = False,
        kept: Callable[[], None] = lambda: None,
    ) -> Reason | None:
        """Keep the answer to a request that missed. None: stored; else why not. Raises: StoreUnavailable.

        `again`: an earlier state of the same answer was given before; it is replaced, and teaches nothing twice.
        `kept` is called once it can be served, before what is learnt from it.
        """
        return await self._keeper.remember(verdict, request, reply, policy, again=again, kept=kept)

    def tell_differences(self, heard: Callable[[Verdict, Request, Entry], None]) -> None:
        """Call `heard` with each cached answer that a fresh one seemed to differ from. It must not wait, nor raise."""
        self._keeper.differed = heard

    @property
    def verifiers(self) -> Verifiers | None:
        """Those that decide, where any does."""
        return self._verifiers

    async def aclose(self) -> None:
        """Close the store and the embedder."""
        if self._verifiers is not None:
            await self._verifiers.aclose()
        await self._store.aclose()
        if self._embedder is not None:
            await self._embedder.aclose()

    def _verifier_of(self, request: Request) -> TenantVerifier | None:
        return None if self._verifiers is None else self._verifiers.of(keys.owner_of(request.identity))

    @property
    def space(self) -> str:
        """The embedder's id; empty where there is none."""
        return self._space

    @property
    def _space(self) -> str:
        return self._embedder.model_id if self._embedder else ""

    async def _layers(self, request: Request, policy: Cache, verdict: Verdict, derived: keys.Keys) -> Verdict:
        refresh = request.controls.no_cache
        wanted = None if refresh else curated.asked(request, derived)
        if policy.exact.enabled and not refresh:
            with step("exact"):
                entry, reason = await self._same(request, derived, wanted)
            if entry is not None:
                hit = replace(verdict, layer=Layer.EXACT, reason=reason, entry=entry, similarity=1.0)
                served = self._checker.served(hit, policy)
                rechecked = not served.is_hit and not served.is_in_shadow
                return await self._embedded(served, hit, policy, derived) if rechecked else served
        if not policy.semantic.enabled or self._embedder is None:
            return replace(verdict, reason=Reason.REFRESH if refresh else Reason.EXACT_ONLY)
        if derived.question is None:
            return replace(verdict, reason=Reason.REFRESH if refresh else derived.why_exact_only or Reason.EXACT_ONLY)
        try:
            with step("embed"):
                embedding = await self._embedder.embed(derived.question)
        except EmbedderUnavailable as exc:
            return replace(verdict, reason=Reason.EMBEDDER_UNAVAILABLE, failure=str(exc))
        verdict = replace(verdict, embedding=embedding)
        if refresh or embedding.partial:
            return replace(verdict, reason=Reason.REFRESH if refresh else Reason.QUESTION_NOT_READ)
        if wanted:
            on_shelf = await self._near_on_shelf(request, policy, verdict, wanted, embedding)
            if on_shelf is not None:
                return self._checker.served(on_shelf, policy)
        return await self._semantic(request, policy, verdict, derived, embedding)

    async def _of_other_models(self, request: Request, policy: Cache, missed: Verdict) -> Verdict | None:
        """A hit among the answers of models that are as good, by `model_tiers`; None: no such.

        It claims no saving: what the asked model would have cost is not known here. What could be served but is to be
        checked is left alone, since the fresh answer is another model's.
        """
        treatment = missed.treatment
        if request.controls.no_cache or not DIALECTS[request.endpoint].compares or treatment is None:
            return None
        for model in policy.also_answered_by(request.model_group):
            as_asked = replace(request, model_group=model)
            derived = _keys_of(as_asked, policy, treatment)
            if isinstance(derived, Reason):
                continue
            blank = Verdict(Layer.MISS, Reason.EMPTY, keys=derived, treatment=treatment)
            found = await self._layers(as_asked, policy, blank, derived)
            if found.is_hit and found.entry is not None:
                return replace(found, entry=replace(found.entry, cost_nano_usd=0))
        return None

    async def _shelf_alone(self, request: Request, policy: Cache, refused: Verdict) -> Verdict:
        """What a person wrote down is served, too, where the answers of models are not cached: it is meant for all."""
        plain = keys.derive(request, policy.scope, policy.version)
        if isinstance(plain, Reason) or request.controls.no_cache:
            return refused
        wanted = curated.asked(request, plain)
        if wanted is None or not await self._shelf.has_any(wanted):
            return refused
        entry = await self._shelf.same(wanted) if policy.exact.enabled else None
        if entry is not None and self._young_enough(entry, request):
            return replace(refused, layer=Layer.EXACT, reason=Reason.CURATED, entry=entry, similarity=1.0)
        if not policy.semantic.enabled or self._embedder is None:
            return refused
        try:
            embedding = await self._embedder.embed(wanted.question)
        except EmbedderUnavailable as exc:
            return replace(refused, failure=str(exc))
        near = None if embedding.partial else await self._near_on_shelf(request, policy, refused, wanted, embedding)
        return near or refused

    async def _same(
        self, request: Request, derived: keys.Keys, wanted: curated.Asked | None
    ) -> tuple[Entry | None, Reason]:
        """The answer to this very request, or question: a person's goes before a model's."""
        if wanted is not None:
            entry = await self._shelf.same(wanted)
            if entry is not None and self._young_enough(entry, request):
                return entry, Reason.CURATED
        entry = await self._store.get(derived.tenant, derived.exact)
        return (entry if entry is not None and self._young_enough(entry, request) else None), Reason.SAME_REQUEST

    async def _near_on_shelf(
        self, request: Request, policy: Cache, verdict: Verdict, wanted: curated.Asked, embedding: Embedding
    ) -> Verdict | None:
        """The verdict on a curated answer to a question that means the same, judged as any other; None: no such."""
        candidates = await self._shelf.near(wanted, embedding.vector, space=self._space, k=NEIGHBOURS)
        neighbours = [each.neighbour for each in candidates]
        verifier = self._verifier_of(request)
        judged = await decide(wanted.question, neighbours, policy.semantic, verifier=verifier, checks=False)
        if judged.neighbour is None or (
            verdict.keys is not None and await self._chooser.is_barred(verdict.keys, wanted.question, judged)
        ):
            return None
        entry = await self._shelf.fetch(wanted, candidates, judged.neighbour)
        if entry is None or not self._young_enough(entry, request):
            return None
        return replace(
            verdict,
            layer=Layer.SEMANTIC,
            reason=Reason.CURATED,
            entry=entry,
            similarity=judged.similarity,
            probability=judged.probability,
            matched_question=judged.neighbour.question,
        )

    async def _semantic(
        self, request: Request, policy: Cache, verdict: Verdict, derived: keys.Keys, embedding: Embedding
    ) -> Verdict:
        with step("search"):
            neighbours = await self._store.nearest(
                derived.tenant, derived.partition, embedding.vector, space=self._space, k=NEIGHBOURS
            )
        with step("verify"):
            judged = await self._chooser.decide(
                derived,
                neighbours,
                policy.semantic,
                verifier=self._verifier_of(request),
                asker=keys.owner_of(request.identity) if policy.scope == "global" else None,
                check_share=1.0 if policy.shadow else policy.recheck_share,
            )
        verdict = _judged(verdict, judged)
        if judged.reason is Reason.SHADOW_CHECK:
            return self._checker.checked(verdict, policy)
        if judged.neighbour is None:
            return verdict
        entry = await self._store.get(derived.tenant, judged.neighbour.key)
        if entry is None or not self._young_enough(entry, request):
            return replace(verdict, reason=Reason.TOO_OLD)
        hit = replace(verdict, layer=Layer.SEMANTIC, entry=entry, matched_question=judged.neighbour.question)
        return self._checker.served(hit, policy)

    async def _embedded(self, withheld: Verdict, hit: Verdict, policy: Cache, derived: keys.Keys) -> Verdict:
        """With its question's vector: the fresh answer takes the place of one that the semantic layer could find."""
        if not policy.semantic.enabled or self._embedder is None or derived.question is None:
            return withheld
        try:
            return replace(withheld, embedding=await self._embedder.embed(derived.question))
        except EmbedderUnavailable:
            return hit

    async def _slide(self, verdict: Verdict, policy: Cache) -> None:
        """Let the entry of a hit live longer, where its class says so. What fails here costs that only, not the hit."""
        if verdict.entry is None or verdict.keys is None or verdict.treatment is None:
            return
        until = slid_until(verdict.entry, verdict.treatment, self._clock())
        if until is not None:
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                async with patience(policy.lookup_timeout_ms / 1_000):
                    await self._store.extend(verdict.keys.tenant, verdict.entry.key, until)

    def _young_enough(self, entry: Entry, request: Request) -> bool:
        limit = request.controls.max_age_s
        return limit is None or self._clock() - entry.created_at <= limit


def _keys_of(request: Request, policy: Cache, treatment: Treatment) -> keys.Keys | Reason:
    return keys.derive(
        request,
        policy.scope,
        policy.version,
        personal=treatment.personal,
        without_end_user=policy.volatility.user_specific.without_end_user,
    )


def _aside(request: Request, policy: Cache) -> Verdict | None:
    """The verdict on a request that the cache has no part in, whatever it asks."""
    if not policy.enabled:
        return Verdict(Layer.OFF, Reason.DISABLED)
    if request.controls.bypass:
        return Verdict(Layer.BYPASS, Reason.REQUESTED)
    if not is_rolled_out(request.identity.key_id, policy.rollout):
        return Verdict(Layer.BYPASS, Reason.NOT_ROLLED_OUT)
    return None


def _judged(verdict: Verdict, judged: Judged) -> Verdict:
    return replace(
        verdict,
        reason=judged.reason,
        similarity=judged.similarity,
        probability=judged.probability,
        assessment=judged.assessment,
    )
