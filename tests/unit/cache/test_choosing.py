"""Which neighbour may answer, once people have had their say."""

from __future__ import annotations

from collections.abc import Sequence

from litellm_plugins.cache.choosing import Chooser
from litellm_plugins.cache.keys import Keys
from litellm_plugins.cache.pairs import keys_of_hit, pairs_of
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.model import Reason
from litellm_plugins.settings import Semantic

PLACE = b"p" * 32
ASKED = "How can I block a lost card?"
KEYS = Keys("team:support", PLACE, b"e" * 32, ASKED)
FIXED = Semantic(threshold=0.8)


class Barred:
    """Pairs of one worker."""

    def __init__(self, *pairs: bytes) -> None:
        self.pairs = set(pairs)
        self.asked = 0

    async def bar(self, tenant: str, pairs: Sequence[bytes], *, until_s: float) -> None:
        self.pairs |= set(pairs)

    async def unbar(self, tenant: str, pairs: Sequence[bytes], *, ending_by_s: float) -> None:
        self.pairs -= set(pairs)

    async def is_barred(self, tenant: str, pairs: Sequence[bytes]) -> bool:
        self.asked += 1
        return bool(self.pairs & set(pairs))

    async def vouch(self, tenant: str, answer: bytes, by: int) -> int:
        return 0

    async def vouched(self, tenant: str, answer: bytes) -> int:
        return 0


def near(question: str, similarity: float, answer: bytes) -> Neighbour:
    return Neighbour(question.encode().ljust(32, b".")[:32], question, similarity, answer * 16)


BLOCK, FREEZE = near("How do I block a lost card?", 0.96, b"a"), near("How do I freeze my lost card?", 0.9, b"b")


async def decided(store: Barred | None, *neighbours: Neighbour) -> tuple[Reason, str | None]:
    judged = await Chooser(store).decide(KEYS, neighbours, FIXED, verifier=None, asker=None, check_share=0.0)
    return judged.reason, judged.neighbour.question if judged.neighbour else None


async def test_without_verdicts_it_is_as_ever_and_a_miss_asks_nobody() -> None:
    store = Barred()
    assert await decided(store, BLOCK, FREEZE) == (Reason.ABOVE_THRESHOLD, BLOCK.question)
    assert await decided(None, BLOCK) == (Reason.ABOVE_THRESHOLD, BLOCK.question)
    assert store.asked == 1
    assert (await decided(store, near("What is a card?", 0.5, b"c")))[0] is Reason.BELOW_THRESHOLD
    assert store.asked == 1


async def test_what_was_found_wrong_is_passed_over_for_the_next_or_is_a_miss_that_says_so() -> None:
    store = Barred(*pairs_of(PLACE, ASKED, BLOCK.question, BLOCK.answer_id))

    assert await decided(store, BLOCK, FREEZE) == (Reason.ABOVE_THRESHOLD, FREEZE.question)
    assert await decided(store, BLOCK) == (Reason.JUDGED_WRONG, None)


async def test_neither_does_the_same_answer_hit_under_another_question_nor_the_pair_the_other_way_round() -> None:
    store = Barred(*pairs_of(PLACE, ASKED, BLOCK.question, BLOCK.answer_id))
    sibling = near("Where can I block a lost card?", 0.95, b"a")

    assert await decided(store, sibling) == (Reason.JUDGED_WRONG, None)
    assert await store.is_barred("team:support", keys_of_hit(PLACE, BLOCK.question, ASKED, b"z" * 16))
    assert not await store.is_barred("team:support", keys_of_hit(b"q" * 32, ASKED, BLOCK.question, b"z" * 16))


async def test_the_same_words_are_nobody_s_mistake() -> None:
    store = Barred(*pairs_of(PLACE, ASKED, BLOCK.question, BLOCK.answer_id))
    same = near(ASKED.lower(), 0.999, b"a")

    assert await decided(store, same) == (Reason.SAME_WORDS, same.question)
