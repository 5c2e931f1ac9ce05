"""What a person's verdict on a hit does to the cache, and how that is undone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.cache.pairs import FOR_GOOD_S, PairStore, answer_of
from litellm_plugins.cache.store import CacheStore, Entry, Selector
from litellm_plugins.cache.verifier.features import FEATURE_VERSION
from litellm_plugins.cache.verifier.labels import REVIEWER, SECOND_LOOK, USER, unpacked

if TYPE_CHECKING:
    from litellm_plugins.cache.verifier.verifiers import Verifiers

EVICTED, LABELLED, REMEMBERED, SUPPORT_RAISED = "evicted", "labelled", "remembered", "support_raised"
FORGOTTEN, SUPPORT_LOWERED = "forgotten", "support_lowered"
LABEL_OVERRULED, LABEL_CONFIRMED = "label_overruled", "label_confirmed"
_STORED_WITHIN_S = 10.0  # of when its answer was given; clocks of several machines differ
_LOOKS, _BETWEEN_S = 4, 0.25  # that soon after it was given
SHARED = frozenset({"global", "everyone"})  # tenants that are nobody's own: an end user's word does not empty them


@dataclass(frozen=True, slots=True)
class ServedHit:
    """An answer as it was served: what there is to undo, and to learn from. It was a hit, or made one for others."""

    tenant: str  # of the entry
    owner: str  # the team or key that asked
    cache_id: str
    answer_id: bytes
    partition: bytes = b""
    pairs: tuple[bytes, ...] = ()  # what must not hit again; none by the exact layer, or in the same words
    is_curated: bool = False
    features: bytes = b""  # as `Label.packed` gave them; where the verifier decided
    space: str = ""  # and in which embedding space, by which version of the features
    stored_at_s: float | None = None  # about when a fresh answer was stored, UNIX seconds; None: it was a hit


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
        clock: Callable[[], float] = time.time,
    ) -> None:
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

    async def right(self, hit: ServedHit) -> tuple[str, ...]:
        """A reviewer stands behind its answer."""
        done: list[str] = []
        if hit.pairs:
            await self._pairs.unbar(hit.tenant, hit.pairs, ending_by_s=self._longest_s(by_reviewer=True))
        if hit.answer_id and hit.partition:
            await self._pairs.vouch(hit.tenant, answer_of(hit.partition, hit.answer_id), 1)
            done.append(SUPPORT_RAISED)
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
        if LABELLED in effects and not by_reviewer and await self._taught(hit, right=True, by=USER):
            done.append(LABELLED)
        return tuple(done)

    def _longest_s(self, *, by_reviewer: bool) -> float:
        """Until when such a word, said now, holds; UNIX seconds."""
        return self._clock() + (FOR_GOOD_S if by_reviewer else self._doubt_s)

    async def _evicted(self, hit: ServedHit) -> bool:
        """Unless another answer has come in its place since."""
        entry = Selector(tenant=hit.tenant, cache_id=hit.cache_id, pinned=False)
        for look in range(_LOOKS):
            found = await self._store.find(entry, limit=1)
            if found:
                return _is_of(hit, found[0][1]) and await self._store.remove(entry) > 0
            if hit.stored_at_s is None or self._clock() > hit.stored_at_s + _STORED_WITHIN_S or look + 1 == _LOOKS:
                break
            await asyncio.sleep(_BETWEEN_S)  # it was given a moment ago, and may be about to be stored
        return False

    async def _taught(self, hit: ServedHit, *, right: bool, by: str) -> bool:
        verifiers = self._verifiers()
        if verifiers is None or not hit.features or hit.space != space_of(self._space()):
            return False
        await verifiers.of(hit.owner).told(unpacked(hit.features), right=right, by=by)
        return True


def _is_of(hit: ServedHit, found: Entry) -> bool:
    """Whether what is stored was served. A fresh answer may be stored under the id of one that says the same."""
    if found.answer_id == hit.answer_id:
        return True
    return hit.stored_at_s is not None and abs(found.created_at - hit.stored_at_s) <= _STORED_WITHIN_S


def space_of(embedder: str) -> str:
    """What features must share to be learnt from together."""
    return f"{embedder}/{FEATURE_VERSION}"
