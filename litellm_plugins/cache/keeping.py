"""Keeping a fresh answer, and learning what it says of the one that was cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache import keys, window
from litellm_plugins.cache.answers import answer_id_of, vouches
from litellm_plugins.cache.storable import has_tool_calls, why_not_storable
from litellm_plugins.cache.store import CacheStore, Entry
from litellm_plugins.cache.tags import entry_tags
from litellm_plugins.cache.volatility import lifetime_s, treat
from litellm_plugins.model import Reason, Reply, Request

if TYPE_CHECKING:
    from litellm_plugins.cache.checking import Checker
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.cache.verifier.verifiers import Verifiers
    from litellm_plugins.settings import Cache


class Keeper:
    """The second half of `CacheLayers`."""

    def __init__(
        self,
        *,
        store: CacheStore,
        space: Callable[[], str],
        checker: Checker,
        verifiers: Verifiers | None,
        clock: Callable[[], float],
        window_s: float,
    ) -> None:
        self._store, self._space, self._checker, self._verifiers = store, space, checker, verifiers
        self._clock, self._window_s = clock, window_s
        self.differed: Callable[[Verdict, Request, Entry], None] = lambda *_: None

    async def remember(
        self,
        verdict: Verdict,
        request: Request,
        reply: Reply,
        policy: Cache,
        *,
        again: bool,
        kept: Callable[[], None],
    ) -> Reason | None:
        """As `CacheLayers.remember`."""
        if not verdict.is_shared:
            return verdict.reason
        body = orjson.dumps(reply.body)
        too_large = Reason.ANSWER_TOO_LARGE if len(body) > policy.max_answer_kb * 1024 else None
        refusal = why_not_storable(request, reply) or too_large
        if refusal:
            if not again:
                await self._checker.settle(verdict, request, policy)
            return refusal
        if verdict.keys is None:
            await self._put_aside(verdict, self._entry(verdict, request, reply, body, policy, matchable=False), request)
            kept()
            return verdict.reason
        return await self._remember(verdict, request, reply, body, policy, again=again, kept=kept)

    async def _remember(
        self,
        verdict: Verdict,
        request: Request,
        reply: Reply,
        body: bytes,
        policy: Cache,
        *,
        again: bool,
        kept: Callable[[], None],
    ) -> Reason | None:
        derived, embedding = verdict.keys, verdict.embedding
        if embedding is not None and (embedding.partial or has_tool_calls(reply.body)):
            embedding = None
        entry = self._entry(verdict, request, reply, body, policy, matchable=embedding is not None)
        await self._put_aside(verdict, entry, request)
        compared = not again and (embedding is not None or verdict.withheld is not None)
        rival = await self._checker.rival(verdict) if compared else None
        to_judge = self._checker.to_judge(verdict, request, rival, policy)
        if to_judge is not None:
            await self._put(verdict, entry, kept)  # a judge takes seconds: meanwhile the answer can be served
        right = await self._checker.same(reply, rival, to_judge)
        known_as = entry
        if rival and right and (rival.origin == entry.origin or vouches(reply.body, rival.body)):
            known_as = replace(entry, answer_id=rival.answer_id or entry.answer_id)
        if embedding is not None and not again:
            await self._learn(verdict, request, known_as.answer_id, right)
            if rival is not None and right is False:
                self.differed(verdict, request, rival)
        if to_judge is None or (known_as != entry and derived and await self._holds(derived, entry)):
            await self._put(verdict, known_as, kept)
        if not again:
            await self._checker.settle(verdict, request, policy, rival=rival, right=right)
        return Reason.SHADOW if verdict.is_in_shadow else None

    async def _put_aside(self, verdict: Verdict, entry: Entry, request: Request) -> None:
        """For `coalesce.window_s`, where it is not kept there anyway."""
        if verdict.brief is not None and verdict.brief != verdict.keys and verdict.withheld is None:
            there = replace(window.brief(entry, request, self._window_s), key=verdict.brief.exact)
            await self._store.put(verdict.brief.tenant, there, vector=None, space=self._space())

    async def _put(self, verdict: Verdict, entry: Entry, kept: Callable[[], None]) -> None:
        if verdict.keys is not None and not verdict.is_in_shadow:
            vector = verdict.embedding.vector if verdict.embedding and entry.question is not None else None
            await self._store.put(verdict.keys.tenant, entry, vector=vector, space=self._space())
            kept()

    async def _holds(self, derived: keys.Keys, entry: Entry) -> bool:
        """Whether it is there still: what was removed meanwhile is not to come back."""
        kept = await self._store.get(derived.tenant, derived.exact)
        return kept is not None and kept.answer_id == entry.answer_id

    async def _learn(self, verdict: Verdict, request: Request, answer_id: bytes, right: bool | None) -> None:
        """Teach the verifier what a fresh answer says of the candidate, and that it was given."""
        assessed, derived = verdict.assessment, verdict.keys
        if self._verifiers is None or derived is None or derived.question is None:
            return
        verifier = self._verifiers.of(keys.owner_of(request.identity))
        if assessed is not None and right is not None:
            await verifier.learn(assessed, right=right)
        if verdict.is_in_shadow:
            return
        verifier.saw_question(derived.question)
        verifier.saw_answer(answer_id)

    def _entry(
        self,
        verdict: Verdict,
        request: Request,
        reply: Reply,
        body: bytes,
        policy: Cache,
        *,
        matchable: bool,
    ) -> Entry:
        derived = verdict.keys or verdict.brief
        assert derived is not None  # noqa: S101 - `remember` has looked
        treatment = verdict.treatment or treat(request, policy)
        now = self._clock()
        wanted = request.controls.ttl_s
        return Entry(
            key=derived.exact,
            partition=derived.partition,
            question=derived.question if matchable else None,
            body=body,
            model=reply.model,
            provider=reply.provider,
            cost_nano_usd=reply.cost_nano_usd,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            created_at=now,
            expires_at=now + lifetime_s(treatment, wanted, derived.exact),
            answer_id=answer_id_of(reply.body),
            origin=keys.owner_of(request.identity),
            model_group=request.model_group,
            namespace=request.controls.namespace,
            tags=entry_tags(request.controls.tags, policy.tags, policy.version),
            volatility=treatment.volatility if wanted is None else "",
        )
