"""How sure the verifier has to be for the promised rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litellm_plugins.cache.verifier.operating_point import (
    NEVER,
    Caution,
    Column,
    OperatingPoint,
    choose,
    eased,
    label_noise,
    reviewer_noise,
)

BARE = Caution(margin=1.0, deviations=0.0, least=0.0)


def candidates(count: int = 4_000, seed: int = 0) -> tuple[Column, Column]:
    """Probabilities that hold what they say, and what was wrong. Most candidates are clearly right or clearly not."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.5, 0.5, count)
    return probability, (rng.random(count) >= probability).astype(np.float64)


def point(probability: Column, wrong: Column, rate: float = 0.01, **different: Any) -> OperatingPoint:
    given: dict[str, Any] = {
        "weight": np.ones(len(probability)),
        "recent": np.ones(len(probability), np.bool_),
        "recent_requests": float(len(probability)),
        "caution": Caution(),
    }
    return choose(probability, wrong, rate=rate, **(given | different))


def served(at: OperatingPoint, probability: Column, wrong: Column) -> tuple[float, float]:
    """Hits and errors per request of serving there."""
    hit = probability >= at.threshold
    return float(hit.mean()), float((hit * wrong).mean())


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.02, 0.05])
def test_the_promise_holds_on_requests_that_nobody_has_seen(rate: float) -> None:
    at = point(*candidates(), rate)
    hits, errors = served(at, *candidates(200_000, seed=1))
    assert errors <= rate
    assert hits > 0.1
    assert at.hits == pytest.approx(hits, abs=0.05)
    assert at.errors >= errors * 0.8


def test_a_lower_rate_asks_for_more_certainty() -> None:
    thresholds = [point(*candidates(), rate).threshold for rate in (0.05, 0.02, 0.01, 0.005)]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 4


def test_more_wrong_labels_ask_for_more_certainty() -> None:
    """The same probabilities, of which fewer hold."""
    probability, wrong = candidates()
    rng = np.random.default_rng(3)
    thresholds = [
        point(probability, np.maximum(wrong, rng.random(len(wrong)) < share), 0.05).threshold
        for share in (0.0, 0.05, 0.1, 0.2)
    ]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 4


def test_overconfident_probabilities_are_put_right_by_the_labels() -> None:
    """Twice the log odds that are true of them: taken at their word, they would break the promise."""
    probability, wrong = candidates(100_000)
    odds = np.log(probability / (1 - probability)) * 2
    boastful = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    at = point(boastful[:4_000], wrong[:4_000], 0.01)
    assert served(at, boastful, wrong)[1] <= 0.01
    assert at.threshold > point(probability[:4_000], wrong[:4_000], 0.01).threshold


@pytest.mark.parametrize("what", ["margin", "deviations", "least"])
def test_each_part_of_the_caution_asks_for_more_certainty(what: str) -> None:
    cautious: dict[str, Caution] = {
        "margin": Caution(margin=0.5, deviations=0, least=0),
        "deviations": Caution(margin=1, deviations=3, least=0),
        "least": Caution(margin=1, deviations=0, least=0.97),
    }
    few = candidates(400)
    assert point(*few, 0.05, caution=cautious[what]).threshold > point(*few, 0.05, caution=BARE).threshold


def test_few_labels_are_trusted_less_than_many_that_say_the_same() -> None:
    """A confidence margin: it goes as there is more to know."""
    probability, wrong = candidates(100)
    many = point(np.tile(probability, 40), np.tile(wrong, 40), 0.02)
    assert point(probability, wrong, 0.02).threshold > many.threshold


def test_nothing_is_served_that_is_not_likely_right_however_much_the_rate_would_allow() -> None:
    at = point(*candidates(), 0.2, caution=Caution(least=0.75))
    probability, wrong = candidates(200_000, seed=1)
    lowest = (probability >= at.threshold) & (probability < at.threshold + 0.02)
    assert wrong[lowest].mean() < 0.35
    assert point(*candidates(), 0.2, caution=BARE).threshold < at.threshold


def test_never_where_nothing_is_known_or_nothing_is_right() -> None:
    nothing = np.zeros(0)
    assert point(nothing, nothing) == OperatingPoint(NEVER)
    probability, wrong = candidates(300)
    assert point(probability, wrong, recent=np.zeros(300, np.bool_)).threshold == NEVER
    assert point(probability, wrong, recent_requests=0.0).threshold == NEVER
    assert point(np.full(300, 0.99), np.ones(300)).threshold == NEVER


def test_never_is_above_every_probability() -> None:
    assert NEVER > 1.0


def test_a_label_of_a_checked_hit_stands_for_all_that_were_not_checked() -> None:
    """The same requests, of which every tenth hit was checked: Horvitz and Thompson give the same threshold."""
    rng = np.random.default_rng(5)
    probability, wrong = candidates(40_000)
    hit = probability > 0.9
    kept = ~hit | (rng.random(len(hit)) < 0.1)
    weight = np.where(hit, 10.0, 1.0)[kept]
    whole = point(probability, wrong, caution=BARE)
    sampled = point(
        probability[kept],
        wrong[kept],
        weight=weight,
        recent=np.ones(kept.sum(), np.bool_),
        recent_requests=float(len(hit)),
        caution=BARE,
    )
    assert sampled.threshold == pytest.approx(whole.threshold, abs=0.02)
    assert sampled.hits == pytest.approx(whole.hits, abs=0.02)
    unweighted = point(probability[kept], wrong[kept], recent_requests=float(len(hit)), caution=BARE)
    assert served(whole, probability, wrong)[1] <= 0.0105
    assert served(unweighted, probability, wrong)[1] > 0.013


def test_requests_that_brought_no_label_are_counted_as_requests() -> None:
    """Exact hits and requests with nothing near them: the promise is per request, and they make no errors."""
    probability, wrong = candidates()
    alone, among = (point(probability, wrong, recent_requests=n * 4_000.0).threshold for n in (1, 5))
    assert among < alone


def test_only_the_recent_labels_say_how_requests_are_spread() -> None:
    """Where lately fewer requests had anything near them, each may be served with less certainty: errors count per
    request, whatever the calibration has seen before."""
    probability, wrong = candidates(4_000)
    lately = (probability < 0.1) | (np.random.default_rng(6).random(4_000) < 0.3)
    both = point(probability, wrong)
    later = point(probability, wrong, recent=lately, recent_requests=float(lately.sum()))
    assert later.threshold < both.threshold


def noisy(share: float, count: int = 3_000) -> tuple[Column, Column, Column]:
    """Probability, similarity and labels of which `share` says the opposite."""
    rng = np.random.default_rng(7)
    probability = rng.beta(0.2, 0.2, count)
    wrong = rng.random(count) >= probability
    similarity = probability * 0.5 + 0.5
    return probability, similarity, (wrong ^ (rng.random(count) < share)).astype(np.float64)


def test_noise_is_seen_where_both_ends_of_the_scale_agree_on_it() -> None:
    assert label_noise(*noisy(0.0)) == 0.0
    assert 0.003 < label_noise(*noisy(0.02, count=30_000)) < 0.02
    assert label_noise(*noisy(0.06)) > label_noise(*noisy(0.02))


def test_noise_is_never_taken_to_be_more_than_a_twentieth_nor_estimated_from_few_labels() -> None:
    assert label_noise(*noisy(0.3)) == 0.05
    assert label_noise(*noisy(0.1, count=299)) == 0.0


def test_the_fewer_labels_show_noise_the_less_of_it_is_believed() -> None:
    few, many = label_noise(*noisy(0.05, count=700)), label_noise(*noisy(0.05, count=30_000))
    assert few < 0.8 * many


def test_errors_at_the_sure_end_alone_are_errors_and_no_noise() -> None:
    """A model that is wrong about what it is sure of must not explain it away."""
    probability, similarity, wrong = noisy(0.0)
    rng = np.random.default_rng(8)
    sure = probability > 0.5
    wrong = np.where(sure & (rng.random(len(wrong)) < 0.1), 1.0, wrong)
    assert label_noise(probability, similarity, wrong) == 0.0


def test_labels_known_to_be_noisy_cost_less_certainty() -> None:
    """Two of a hundred labels are mistaken: counted as errors, they would leave next to nothing to serve."""
    rng = np.random.default_rng(9)
    probability, wrong = candidates(8_000)
    told = (wrong.astype(bool) ^ (rng.random(len(wrong)) < 0.02)).astype(np.float64)
    knowing, unaware = (point(probability, told, noise=noise) for noise in (0.02, 0.0))
    assert knowing.threshold < unaware.threshold
    assert served(knowing, *candidates(200_000, seed=1))[1] <= 0.01


def test_a_lower_threshold_is_approached_by_half_and_a_higher_one_holds_at_once() -> None:
    lower, higher = OperatingPoint(0.9), OperatingPoint(0.99)
    halfway = eased(lower, higher).threshold
    assert np.log(halfway / (1 - halfway)) == pytest.approx((np.log(9) + np.log(99)) / 2)
    assert eased(higher, lower) == higher
    assert eased(lower, None) == lower
    assert eased(lower, OperatingPoint(NEVER)) == lower, "nothing was served before: there is no way to go"
    assert eased(OperatingPoint(NEVER), lower).threshold == NEVER


def test_labels_of_one_probability_are_let_in_together_or_not_at_all() -> None:
    """A threshold cannot tell them apart, whatever room there is for some of them."""
    probability, wrong = np.full(1_000, 0.9), np.array([1.0, *[0.0] * 9] * 100)
    known = {"weight": np.ones(1_000), "recent": np.ones(1_000, bool), "recent_requests": 1_000.0, "caution": BARE}
    assert choose(probability, wrong, rate=0.05, **known).threshold == NEVER  # type: ignore[arg-type]
    assert choose(probability, wrong, rate=0.2, **known).hits == pytest.approx(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mistaken", "low", "high"), [(0.0, 0.0, 0.02), (0.03, 0.02, 0.04), (0.2, 0.05, 0.05)])
def test_reviewers_are_taken_to_be_as_mistaken_as_they_seem_beside_the_others(
    mistaken: float, low: float, high: float
) -> None:
    rng = np.random.default_rng(5)
    probability, wrong = candidates(3_000)
    of_people = 1 - 0.1 * rng.random(600) ** 2
    verdicts = (rng.random(600) >= of_people) != (rng.random(600) < mistaken)
    both, told = np.append(probability, of_people), np.append(wrong, verdicts.astype(np.float64))
    reviewed = np.append(np.zeros(3_000), np.ones(600))

    assert low <= reviewer_noise(both, told, reviewed, 0.0, Caution()) <= high
    assert reviewer_noise(probability, wrong, np.zeros(3_000), 0.0, Caution()) == 0.0
