"""Which neighbour may answer, once people have had their say: what they found wrong for a question is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.cache.deciding import Judged, decide
from litellm_plugins.cache.pairs import PairStore, answer_of, keys_of_hit
from litellm_plugins.model import Reason

if TYPE_CHECKING:
    from litellm_plugins.cache.keys import Keys
    from litellm_plugins.cache.store import Neighbour
    from litellm_plugins.cache.verifier.verifiers import Assessor
    from litellm_plugins.settings import Semantic

_TRIES = 4  # answers that may turn out to be judged wrong before it is a miss


class Chooser:
    """`pairs`: None where nobody judges; then it only decides. Raises: StoreUnavailable."""

    def __init__(self, pairs: PairStore | None) -> None:
        self._pairs = pairs

    async def decide(
        self,
        derived: Keys,
        neighbours: Sequence[Neighbour],
        semantic: Semantic,
        *,
        verifier: Assessor | None,
        asker: str | None,
        check_share: float,
    ) -> Judged:
        """As `deciding.decide`, for the question of `derived`; the store is asked only where there would be a hit."""
        question = derived.question or ""
        barred: Judged | None = None
        for _ in range(_TRIES):
            judged = await decide(
                question, neighbours, semantic, verifier=verifier, asker=asker, check_share=check_share
            )
            if judged.reason is Reason.ONE_SOURCE and await self._is_vouched_for(derived, judged):
                asker = None  # a reviewer is the second source
                continue
            wrong = judged.neighbour
            if wrong is None:
                return barred or judged
            if not await self.is_barred(derived, question, judged):
                return judged
            barred = barred or replace(judged, reason=Reason.JUDGED_WRONG, neighbour=None)
            neighbours = [n for n in neighbours if n.key != wrong.key and not _same_answer(n, wrong)]
        return barred or judged

    async def is_barred(self, derived: Keys, question: str, judged: Judged) -> bool:
        """Whether people have found it wrong. Of the same words there is nothing to tell apart."""
        found = judged.neighbour
        if self._pairs is None or found is None or judged.reason is Reason.SAME_WORDS:
            return False
        named = keys_of_hit(derived.partition, question, found.question, found.answer_id)
        return await self._pairs.is_barred(derived.tenant, named)

    async def _is_vouched_for(self, derived: Keys, judged: Judged) -> bool:
        assessed = judged.assessment
        if self._pairs is None or assessed is None:
            return False
        answer = answer_of(derived.partition, assessed.candidate.answer_id)
        return await self._pairs.vouched(derived.tenant, answer) > 0


def _same_answer(one: Neighbour, other: Neighbour) -> bool:
    return bool(one.answer_id) and one.answer_id == other.answer_id
