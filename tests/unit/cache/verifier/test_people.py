"""What the verifier makes of what people say of its hits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from litellm_plugins.cache.verifier.fitting import Fit, beats, fit
from litellm_plugins.cache.verifier.labels import REVIEWER, USER, Label
from litellm_plugins.cache.verifier.operating_point import Caution
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.verifier.samples import features, labels

NEAR = features(similarity=0.93, similarity_squared=0.93**2)


def made(of: list[Label]) -> Fit:
    return fit(of, version=len(of), prior=None, word_counts=WordCounts().counts, questions=0, popularity={})


def said(right: bool, by: str, *, times: int = 1) -> list[Label]:
    """Of as many different hits, all but alike."""
    return [Label(NEAR + 1e-4 * number, right, 0.0 if by else 1.0, 0 if by else 1, 0.0, by) for number in range(times)]


def probability(of: list[Label]) -> float:
    return float(made(of).model.probabilities(NEAR[None])[0])


def test_a_reviewer_s_word_weighs_more_than_a_fresh_answer_s() -> None:
    before = labels(400)
    by_reviewer, by_user = (probability([*before, *said(False, by, times=10)]) for by in (REVIEWER, USER))

    assert by_reviewer < by_user < probability(before)


def test_what_is_said_last_of_a_hit_holds_for_it() -> None:
    before = labels(400)
    changed = [*before, *said(False, REVIEWER), *said(True, REVIEWER)]
    overruled = [*before, *said(False, USER), *said(True, REVIEWER)]

    assert made(changed).curve.wrong[-2:].tolist() == [0.0, 0.0]
    assert made(overruled).curve.wrong[-2:].tolist() == [0.0, 0.0]
    assert probability(changed) == pytest.approx(probability([*before, *said(True, REVIEWER) * 2]))


def test_two_fresh_answers_may_disagree_about_the_same_features() -> None:
    both = [replace(each, by="") for each in (*said(False, ""), *said(True, ""))]

    assert made([*labels(200), *both]).curve.wrong[-2:].tolist() == [1.0, 0.0]


def test_people_s_labels_stand_for_no_requests() -> None:
    before = labels(400)
    point = made(before).curve.at(0.01, Caution())
    praised = made([*before, *said(True, REVIEWER, times=40)]).curve.at(0.01, Caution())

    assert praised.hits == pytest.approx(point.hits, abs=0.1)
    assert made([*before, *said(True, REVIEWER)]).curve.requests.sum() == sum(each.requests for each in before)


def judged(mistaken: float, *, count: int = 300, seed: int = 3) -> list[Label]:
    """What a reviewer says of as many hits, that share of it by mistake."""
    rng, flipped = np.random.default_rng(seed), []
    for label in labels(count, seed=seed, low=0.9, steepness=60):
        right = label.right != (rng.random() < mistaken)
        flipped.append(replace(label, right=bool(right), weight=0.0, requests=0, by=REVIEWER))
    return flipped


def test_a_reviewer_s_few_mistakes_do_not_pass_for_errors_of_the_cache() -> None:
    """Three in a hundred: of hits that are nearly all right, most verdicts that say "wrong" are such."""
    before = labels(1_500, steepness=60)
    point = made(before).curve.at(0.01, Caution())
    taught = made([*before, *judged(0.03)]).curve
    to_the_letter = replace(taught, reviewed=np.zeros(len(taught.reviewed)))  # and so no more mistaken than the others

    assert taught.at(0.01, Caution()).hits > to_the_letter.at(0.01, Caution()).hits
    assert taught.at(0.01, Caution()).hits >= point.hits * 0.92


def test_errors_that_reviewers_find_do_count() -> None:
    """A tenth of what looks sure is wrong, as only people can tell: less is served."""
    before = labels(400, steepness=60)
    point = made(before).curve.at(0.01, Caution())
    warned = made([*before, *judged(0.1, count=600)]).curve.at(0.01, Caution())

    assert warned.hits < point.hits * 0.8


def bolder(caution: Caution) -> Caution:
    """With all that people teach spent on hits."""
    return replace(caution, taught=0.0)


def about(threshold: float, count: int, *, seed: int = 5) -> list[Label]:
    """What a reviewer says, rightly, of as many hits that are about as doubtful as those on the threshold."""
    rng, odds = np.random.default_rng(seed), np.log(threshold / (1 - threshold))
    cosines = 0.8 + (odds + rng.uniform(-0.4, 0.4, count)) / 60
    rights = rng.random(count) < 1 / (1 + np.exp(-60 * (cosines - 0.8)))
    alike = [features(similarity=c, similarity_squared=c * c) for c in cosines]
    return [Label(each, bool(right), 0.0, 0, 0.0, REVIEWER) for each, right in zip(alike, rights, strict=True)]


def test_part_of_what_reviewers_teach_is_room_below_the_promise() -> None:
    before = labels(1_500, steepness=60)
    point = made(before).curve.at(0.01, Caution())
    some, many = (made([*before, *about(point.threshold, count)]).curve for count in (40, 400))

    assert some.at(0.01, bolder(Caution())).threshold < some.at(0.01, Caution()).threshold
    assert many.at(0.01, Caution()).errors < some.at(0.01, Caution()).errors < 0.0093
    assert many.at(0.01, Caution()).errors > 0.01 * 0.93 * (1 - Caution().taught) * 0.9, "at most half of it"


def test_where_few_of_the_labels_are_people_s_next_to_nothing_is() -> None:
    """Thirty verdicts a day are not to halve the hits of a company's."""
    before = labels(12_000, steepness=60)
    point = made(before).curve.at(0.01, Caution())
    taught = made([*before, *about(point.threshold, 30)]).curve

    assert taught.at(0.01, Caution()).hits >= taught.at(0.01, bolder(Caution())).hits - 0.003


def test_where_nobody_reviews_nothing_is_left() -> None:
    alone = made([*labels(1_500, steepness=60), *said(False, USER, times=5)]).curve

    assert alone.at(0.01, Caution()) == alone.at(0.01, bolder(Caution()))


def test_a_fit_keeps_who_said_what_and_one_of_before_has_nobody() -> None:
    told = made([*labels(200), *said(False, REVIEWER)])
    back = Fit.from_bytes(told.to_bytes())

    assert np.array_equal(back.curve.reviewed, told.curve.reviewed)
    assert beats(made([*labels(200), *said(False, REVIEWER, times=2)]), told, [*labels(200), *said(False, REVIEWER)])


def test_labels_that_people_overruled_do_not_lower_the_threshold_below_what_fresh_answers_bear_out() -> None:
    """They were looked at because they said wrong: nobody looked for those that said right by mistake."""
    fresh = made(labels(2_000, steepness=60, noise=0.06)).curve
    sure = (fresh.probability > 0.9) & (fresh.wrong > 0)
    looked = replace(fresh, wrong=np.where(sure, 0.0, fresh.wrong), looked_at=np.where(sure, 1.0, fresh.looked_at))
    at_their_word = replace(looked, looked_at=np.zeros(len(sure)))

    assert sure.sum() > 5
    assert at_their_word.at(0.01, Caution()).threshold < fresh.at(0.01, Caution()).threshold
    assert looked.at(0.01, Caution()).threshold == fresh.at(0.01, Caution()).threshold


def test_what_a_look_confirms_may_raise_it() -> None:
    fresh = made(labels(2_000, steepness=60, noise=0.06)).curve
    confirmed = replace(fresh, looked_at=np.where((fresh.probability > 0.9) & (fresh.wrong > 0), 1.0, 0.0))

    assert fresh.noise > 0
    assert confirmed.at(0.01, Caution()).threshold > fresh.at(0.01, Caution()).threshold
