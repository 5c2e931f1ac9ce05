"""How rare a word is in this deployment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litellm_plugins.cache.verifier.words import BUCKETS, Rarities, WordCounts


def test_a_word_is_the_rarer_the_fewer_questions_hold_it() -> None:
    words = WordCounts()
    for number in range(100):
        words.add({"card", "lost"} if number < 5 else {"card"})
    assert words.rarity("card") == pytest.approx(math.log(110 / 100.5))
    assert words.rarity("lost") == pytest.approx(math.log(110 / 5.5))
    assert words.rarity("never seen") == pytest.approx(math.log(110 / 0.5))
    assert Rarities(words).weight({"card", "lost"}) == pytest.approx(words.rarity("card") + words.rarity("lost"))


def test_every_word_is_equally_rare_before_anything_was_asked() -> None:
    words = WordCounts()
    assert words.rarity("card") == words.rarity("lost") > 0
    assert Rarities(words).weight(()) == 0


def test_counts_handed_over_are_a_copy() -> None:
    """A fit's own counts must stay what they were when it was made."""
    given = np.zeros(BUCKETS, np.uint32)
    words = WordCounts(given, 7)
    words.add({"card"})
    assert (given.sum(), words.counts.sum(), words.questions) == (0, 1, 8)


def test_any_word_can_be_counted() -> None:
    words = WordCounts()
    words.add({"", "\ud800", "ñ", "👍"})
    assert words.counts.sum() == 4
