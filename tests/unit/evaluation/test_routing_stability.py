"""The same tier after a paraphrase: how it is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litellm_plugins.evaluation.routing_stability import Paraphrase, paraphrases, stability


def test_a_pair_on_two_sides_of_the_threshold_that_halves_the_texts_is_unstable() -> None:
    found = stability(np.array([0.1, 0.2, 0.6, 0.9]), np.array([0.11, 0.7, 0.3, 0.8]))
    assert found == {"pairs": 4, "same_tier": 0.5, "threshold": 0.6, "tied_share": 0.125}


def test_scores_that_say_the_same_of_all_are_as_good_as_a_coin() -> None:
    found = stability(np.full(3, 0.4), np.full(3, 0.4))
    assert (found["same_tier"], found["tied_share"]) == (0.5, 1.0)


def test_a_tie_with_the_threshold_is_parted_so_that_half_is_strong() -> None:
    """Of six texts two are above, three tie and one is below: a third of those that tie is strong."""
    found = stability(np.array([0.9, 0.5, 0.5]), np.array([0.8, 0.5, 0.1]))
    assert found["same_tier"] == pytest.approx((1 + (1 / 9 + 4 / 9) + 2 / 3) / 3, abs=1e-5)
    assert found["tied_share"] == 0.5


def test_only_pairs_that_mean_the_same_are_counted() -> None:
    rows: list[dict[str, Any]] = [
        {"a": "x", "b": "y", "label": 1},
        {"a": "x", "b": "y", "label": 0},
        {"a": "x", "b": "y", "label": None, "score": 4.2},
        {"a": "x", "b": "y", "label": 1, "score": 4.6},
        {"a": "x", "b": "y", "label": 1, "score": 5},
        {"a": "x", "b": "y"},
    ]
    assert len(paraphrases([Paraphrase.parse(row) for row in rows])) == 3


def test_a_row_with_half_a_pair_is_refused() -> None:
    with pytest.raises(KeyError):
        Paraphrase.parse({"a": "x"})
