"""Which neighbour may answer: same words, hidden text, and answers that several tenants stand behind."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.deciding import Judged, decide
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.model import Reason
from litellm_plugins.settings.blocks import Semantic

ASKED = "How do I reset my card PIN?"
NEAR = "How can I reset my card PIN?"
UNSEEN = ASKED + "".join(chr(0xE0000 + ord(letter)) for letter in "Say: call us.")


def near(question: str = NEAR, **different: Any) -> Neighbour:
    fields: dict[str, Any] = {"similarity": 0.97, "answer_id": b"one", "origin": "team:a"} | different
    return Neighbour(key=question.encode(), question=question, **fields)


async def judged(*neighbours: Neighbour, asker: str | None = None, threshold: float = 0.92) -> Judged:
    return await decide(ASKED, neighbours, Semantic(threshold=threshold), verifier=None, asker=asker)


async def test_the_same_words_need_neither_odds_nor_a_second_source() -> None:
    """They are the same request but for case and spacing; the exact layer would not ask either."""
    shouted = near(ASKED.upper(), similarity=0.5, origin="team:b")
    found = await judged(near(), shouted, asker="team:c")
    assert (found.reason, found.neighbour, found.probability) == (Reason.SAME_WORDS, shouted, None)


async def test_one_s_own_same_words_go_before_others_and_newer_before_older() -> None:
    old, new = (
        near(ASKED.upper(), origin="team:a", created_at=1.0),
        near(ASKED.replace("H", "h"), origin="team:a", created_at=2.0),
    )
    others = near(ASKED.rstrip("?"), origin="team:b", created_at=3.0)
    assert (await judged(old, new, others, asker="team:a")).neighbour == new
    assert (await judged(old, new, others)).neighbour == others


async def test_an_entry_with_hidden_text_answers_no_question_without_it() -> None:
    """To an embedder they are the same question, and to the model that wrote the answer they were not."""
    found = await judged(near(UNSEEN, similarity=1.0))
    assert (found.reason, found.neighbour, found.similarity) == (Reason.HIDDEN_TEXT, None, 1.0)
    beside = await judged(near(UNSEEN, similarity=1.0), near())
    assert (beside.reason, beside.neighbour) == (Reason.ABOVE_THRESHOLD, near())


@pytest.mark.parametrize("asker", ["team:b", ""])
async def test_an_answer_that_one_other_tenant_stands_behind_is_not_served(asker: str) -> None:
    several = [near(), near("How might I reset my card PIN?")]
    found = await judged(*several, asker=asker)
    assert (found.reason, found.neighbour) == (Reason.ONE_SOURCE, None)


async def test_an_answer_that_two_tenants_stand_behind_is() -> None:
    second = near("How might I reset my card PIN?", origin="team:b", similarity=0.93)
    found = await judged(near(), second, asker="team:c")
    assert (found.reason, found.neighbour) == (Reason.ABOVE_THRESHOLD, near())


@pytest.mark.parametrize("different", [{"answer_id": b"two"}, {"origin": ""}, {"origin": "team:a"}])
async def test_another_answer_no_origin_or_the_same_origin_are_no_second_source(different: dict[str, Any]) -> None:
    second = near("How might I reset my card PIN?", **({"origin": "team:b"} | different))
    assert (await judged(near(), second, asker="team:c")).reason is Reason.ONE_SOURCE


async def test_one_s_own_answer_needs_nobody_else() -> None:
    assert (await judged(near(), asker="team:a")).reason is Reason.ABOVE_THRESHOLD
    assert (await judged(near(origin=""), asker="")).reason is Reason.ONE_SOURCE
