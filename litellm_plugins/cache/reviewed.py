"""What a person's verdict on a hit does to the cache, and how that is undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from litellm_plugins.cache.pairs import FOR_GOOD_S, PairStore, answer_of
from litellm_plugins.cache.store import CacheStore, Selector, cache_id_of
from litellm_plugins.cache.verifier.features import FEATURE_VERSION
from litellm_plugins.cache.verifier.labels import REVIEWER, SECOND_LOOK, USER, unpacked
from litellm_plugins.embedding.embedder import EmbedderUnavailable

if TYPE_CHECKING:
    from litellm_plugins.cache.verifier.verifiers import Verifiers
    from litellm_plugins.embedding.embedder import Embedder

EVICTED, LABELLED, REMEMBERED, SUPPORT_RAISED = "evicted", "labelled", "remembered", "support_raised"
QUESTION_KEPT, QUESTION_FORGOTTEN = "question_kept", "question_forgotten"
FORGOTTEN, SUPPORT_LOWERED = "forgotten", "support_lowered"
LABEL_OVERRULED, LABEL_CONFIRMED = "label_overruled", "label_confirmed"
SHARED = frozenset({"global", "everyone"})  # tenants that are nobody's own: an end user's word does not empty them


@dataclass(frozen=True, slots=True)
class ServedHit:
    """A hit as it was served: what there is to undo, and to learn from."""

    tenant: str  # of the entry
    owner: str  # the team or key that asked
    cache_id: str
    answer_id: bytes
    partition: bytes = b""
    pairs: tuple[bytes, ...] = ()  # what must not hit again; none by the exact layer, or in the same words
    is_curated: bool = False
    features: bytes = b""  # as `Label.packed` gave them; where the verifier decided
    key: bytes = b""  # of the request itself, where its question may be kept as one more for the same answer
    space: str = ""  # and in which embedding space, by which version of the features


class Reviewed:
    """One per worker; what is done holds for all of them at once. Raises: StoreUnavailable, from each method."""

    def __init__(
        self,
        store: CacheStore,
        pairs: PairStore,
        verifiers: Callable[[], Verifiers | None],
        *,
        space: Callable[[], str],
        doubt_s: float,
        embedder: Embedder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._embedder = embedder
        self._store, self._pairs, self._verifiers, self._space = store, pairs, verifiers, space
        self._doubt_s, self._clock = doubt_s, clock

    async def wrong(self, hit: ServedHit, *, by_reviewer: bool) -> tuple[str, ...]:
        """Evict its entry, keep the pair apart, and teach. An end user's word holds for a while, and for its tenant."""
        if hit.tenant in SHARED and not by_reviewer:
            return ()
        done: list[str] = []
        if hit.pairs:  # first: nothing may come in between that stores and hits it again
            until_s = self._longest_s(by_reviewer=by_reviewer)
            await self._pairs.bar(hit.tenant, hit.pairs, until_s=until_s)
            done.append(REMEMBERED)
        # What a person wrote down is not taken away for having met the wrong question.
        if not hit.is_curated and await self._evicted(hit):
            done.append(EVICTED)
        if await self._taught(hit, right=False, by=REVIEWER if by_reviewer else USER):
            done.append(LABELLED)
        return tuple(done)

    async def right(self, hit: ServedHit, *, question: str = "") -> tuple[str, ...]:
        """A reviewer stands behind its answer: to this question (none where its text is not kept) as to the first."""
        done: list[str] = []
        if hit.pairs:
            await self._pairs.unbar(hit.tenant, hit.pairs, ending_by_s=self._longest_s(by_reviewer=True))
        if hit.answer_id and hit.partition:
            await self._pairs.vouch(hit.tenant, answer_of(hit.partition, hit.answer_id), 1)
            done.append(SUPPORT_RAISED)
        if question and await self._kept(hit, question):
            done.append(QUESTION_KEPT)
        if await self._taught(hit, right=True, by=REVIEWER):
            done.append(LABELLED)
        return tuple(done)

    async def compared(self, match: ServedHit, *, right: bool) -> tuple[str, ...]:
        """A reviewer says whether an answer would have served, where a fresh one seemed to differ.

        Nothing was served, and the question has an answer of its own by now: so nothing is evicted or kept apart.
        """
        if not await self._taught(match, right=right, by=SECOND_LOOK):
            return ()
        return (LABEL_OVERRULED if right else LABEL_CONFIRMED,)

    async def undone(self, hit: ServedHit, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        """Take back what an earlier verdict did, as far as that can be: the entry stays gone, a label is overruled.

        What a reviewer has said of the same pair, on another item, no end user takes back. An end user's own label says
        the opposite from then on: a reviewer gives one in its place.
        """
        done: list[str] = []
        if REMEMBERED in effects:
            await self._pairs.unbar(hit.tenant, hit.pairs, ending_by_s=self._longest_s(by_reviewer=by_reviewer))
            done.append(FORGOTTEN)
        if SUPPORT_RAISED in effects:
            await self._pairs.vouch(hit.tenant, answer_of(hit.partition, hit.answer_id), -1)
            done.append(SUPPORT_LOWERED)
        if QUESTION_KEPT in effects and await self._evicted(replace(hit, cache_id=cache_id_of(hit.key))):
            done.append(QUESTION_FORGOTTEN)
        if LABELLED in effects and not by_reviewer and await self._taught(hit, right=True, by=USER):
            done.append(LABELLED)
        return tuple(done)

    def _longest_s(self, *, by_reviewer: bool) -> float:
        """Until when such a word, said now, holds; UNIX seconds."""
        return self._clock() + (FOR_GOOD_S if by_reviewer else self._doubt_s)

    async def _evicted(self, hit: ServedHit) -> bool:
        """Unless another answer has come in its place since."""
        entry = Selector(tenant=hit.tenant, cache_id=hit.cache_id, pinned=False)
        if not all(found.answer_id == hit.answer_id for _, found in await self._store.find(entry, limit=1)):
            return False
        return await self._store.remove(entry) > 0

    async def _kept(self, hit: ServedHit, question: str) -> bool:
        """Store the answer under this question as well: who asks nearly the same next is nearer to it.

        It lives as long as the entry that gave the answer, bears its tags and origin, and takes nobody's place.
        """
        if self._embedder is None or not hit.key or hit.is_curated or not hit.pairs:
            return False
        found = await self._store.find(Selector(tenant=hit.tenant, cache_id=hit.cache_id, pinned=False), limit=1)
        entry = next((entry for _, entry in found if entry.answer_id == hit.answer_id), None)
        if entry is None or entry.partition != hit.partition or await self._store.get(hit.tenant, hit.key) is not None:
            return False
        try:
            embedding = await self._embedder.embed(question)
        except EmbedderUnavailable:
            return False
        if embedding.partial:
            return False
        more = replace(entry, key=hit.key, question=question)
        await self._store.put(hit.tenant, more, vector=embedding.vector, space=self._space())
        return True

    async def _taught(self, hit: ServedHit, *, right: bool, by: str) -> bool:
        verifiers = self._verifiers()
        if verifiers is None or not hit.features or hit.space != space_of(self._space()):
            return False
        await verifiers.of(hit.owner).told(unpacked(hit.features), right=right, by=by)
        return True


def space_of(embedder: str) -> str:
    """What features must share to be learnt from together."""
    return f"{embedder}/{FEATURE_VERSION}"
