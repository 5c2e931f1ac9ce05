"""From labels to a fit, and which of two fits is to hold."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litellm_plugins.cache.verifier.features import NAMES
from litellm_plugins.cache.verifier.fitting import WINDOW, Curve, Fit, beats, fit, recalibrated
from litellm_plugins.cache.verifier.labels import SECOND_LOOK, Label, unpacked
from litellm_plugins.cache.verifier.operating_point import NEVER, Caution
from litellm_plugins.cache.verifier.text import read
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.verifier.samples import by_similarity, features, labels

UNREADABLE = (ValueError, KeyError)


def made(of: list[Label], *, version: int | None = None, **different: Any) -> Fit:
    words = WordCounts()
    given: dict[str, Any] = {
        "prior": None,
        "word_counts": words.counts,
        "questions": 0,
        "popularity": {},
    }
    return fit(of, version=len(of) if version is None else version, **(given | different))


def test_a_fit_knows_the_labels_it_was_made_after_and_separates_right_from_wrong() -> None:
    told = made(labels(600))
    assert told.version == 600
    rows = np.array([features(similarity=c, similarity_squared=c * c) for c in (0.6, 0.97)])
    low, high = told.model.probabilities(rows)
    assert low < 0.1
    assert high > 0.9
    assert 0 < told.log_loss < 0.5
    assert 0.8 < told.curve.at(0.01, Caution()).threshold < NEVER


def test_the_curve_is_made_of_labels_that_the_model_had_not_seen() -> None:
    """Of labels by the toss of a coin a model that saw them would claim to know half."""
    rng = np.random.default_rng(0)
    told = [Label(rng.normal(size=len(NAMES)), bool(rng.integers(2)), 1.0, 1, 0.0) for _ in range(120)]
    made_of_them = made(told)
    assert made_of_them.log_loss > 0.69
    claimed = made_of_them.model.probabilities(np.array([label.features for label in told]))
    assert abs(claimed - [label.right for label in told]).mean() < 0.4


def test_a_fit_comes_back_from_its_bytes_as_it_was() -> None:
    words = WordCounts()
    words.add(read("Where is my card?").word_set)
    told = made(labels(300), word_counts=words.counts, questions=1, popularity={b"a" * 16: 3, b"b" * 16: 9})
    back = Fit.from_bytes(told.to_bytes())
    assert (back.version, back.questions, back.log_loss) == (300, 1, told.log_loss)
    assert back.popularity == told.popularity
    assert (back.word_counts == told.word_counts).all()
    row = features(similarity=0.9)[None]
    assert (back.model.probabilities(row) == told.model.probabilities(row)).all()
    assert back.curve.at(0.01, Caution()) == told.curve.at(0.01, Caution())


def test_a_fit_of_nothing_popular_comes_back_too() -> None:
    assert Fit.from_bytes(made(labels(120)).to_bytes()).popularity == {}


def test_only_the_most_popular_answers_are_handed_over() -> None:
    popular = {number.to_bytes(16): number for number in range(5_000)}
    kept = Fit.from_bytes(made(labels(120), popularity=popular).to_bytes()).popularity
    assert len(kept) == 4_096
    assert min(kept.values()) == 5_000 - 4_096


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_bytes_that_are_no_fit_are_refused_with_one_of_the_errors_that_are_named(cut: int) -> None:
    blob = made(labels(120)).to_bytes()
    with pytest.raises(UNREADABLE):
        Fit.from_bytes(blob[:cut])


def test_an_archive_of_something_else_and_garbage_are_refused_likewise() -> None:
    """Code among it, which would run when it is unpickled."""
    other = io.BytesIO()
    np.savez(other, version=1)
    objects = io.BytesIO()
    np.savez(objects, counts=np.array([{"code": "would run"}], object))
    for archive in (other.getvalue(), objects.getvalue(), b"garbage" * 99, b"\x80\x04}."):
        for blob in (archive, hashlib.sha256(archive).digest() + archive):
            with pytest.raises(UNREADABLE):
                Fit.from_bytes(blob)


def test_a_fit_of_which_any_bytes_are_damaged_is_refused() -> None:
    """Wherever they lie: a disk does not choose."""
    blob = made(labels(120)).to_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(blob), 300):
        damaged = bytearray(blob)
        damaged[place] ^= 1 << int(rng.integers(0, 8))
        with pytest.raises(UNREADABLE):
            Fit.from_bytes(bytes(damaged))


def test_a_fit_holds_no_words_in_clear() -> None:
    """Neither in the archive nor in its parts."""
    words = WordCounts()
    secret = "Zanzibarquux owes Wolpertinger 31337"
    words.add(read(secret).word_set)
    blob = made(labels(150), word_counts=words.counts, questions=1, popularity={b"0123456789abcdef": 1}).to_bytes()
    with np.load(io.BytesIO(blob[32:]), allow_pickle=False) as parts:
        held = b"".join(parts[name].tobytes() for name in parts.files).lower()
        assert not any(parts[name].dtype.kind in "USO" for name in parts.files)
    for word in [word for word in read(secret).words if len(word) > 3]:  # two letters turn up by chance
        assert word.encode() not in held
        assert word.encode() not in blob.lower()


def test_a_label_holds_numbers_only_and_comes_back_from_its_bytes() -> None:
    label = Label(features(similarity=0.123456789, margin=-3.5), True, 1.0, 1, 0.0)
    assert unpacked(label.packed()) == pytest.approx(label.features, abs=1e-7)
    assert len(label.packed()) == 4 * len(label.features)


def test_a_new_fit_that_explains_unseen_labels_better_beats_the_old_one() -> None:
    """The traffic has changed: what was right from 0.7 on is right from 0.9 on."""
    before, after = labels(400, even=0.7), labels(400, seed=1, even=0.9)
    old, new = made(before), made([*before, *after])
    assert beats(new, old, [*before, *after])


def test_a_new_fit_that_explains_them_worse_does_not_beat_the_old_one() -> None:
    """It was made of labels that chance had turned; those that came since are as the old one says."""
    before, after = labels(2_000), labels(200, seed=1)
    old = made(before)
    worse = made([*labels(300, seed=2, even=0.6, steepness=-40), *after], version=2_200)
    assert not beats(worse, old, [*before, *after])


def test_without_new_labels_the_new_one_is_as_good() -> None:
    told = made(labels(150))
    assert beats(told, told, labels(150))


def test_labels_count_for_the_old_and_the_new_by_their_weight() -> None:
    """Ten labels on which the old one is better, one that stands for fifty requests on which the new one is."""
    light = [Label(features(similarity=0.9), True, 1.0, 1, 0.0)] * 10
    heavy = [Label(features(similarity=0.6), True, 50.0, 1, 0.0)]
    told = [*light, *heavy]
    old = replace(made(labels(300)), version=0, model=by_similarity(even=0.8))
    new = made(labels(300), version=11)
    curve = replace(new.curve, probability=np.array([*([0.9] * 10), 0.5]))
    new = replace(new, curve=curve)
    assert beats(new, old, told)
    assert not beats(new, old, [replace(label, weight=1.0) for label in light])


def test_an_old_model_gets_an_operating_point_that_has_seen_the_newest_labels() -> None:
    """It stays, but what it promises follows what came since: that more of it is wrong."""
    before = labels(1_000)
    old = made(before)
    after = labels(1_000, seed=1, noise=0.15)
    again = recalibrated(old, [*before, *after], version=2_000)
    assert again.version == 2_000
    assert again.model is old.model
    assert len(again.curve.probability) == 2_000
    assert again.curve.at(0.02, Caution()).threshold > old.curve.at(0.02, Caution()).threshold


def test_a_recalibrated_curve_is_never_longer_than_the_labels_that_are_kept() -> None:
    before, after = labels(300), labels(100, seed=1)
    kept = [*before, *after][-350:]
    again = recalibrated(made(before), kept, version=400)
    assert len(again.curve.probability) == len(again.curve.weight) == 350
    assert (again.curve.wrong[-100:] == [not label.right for label in after]).all()


def test_nothing_new_recalibrates_nothing() -> None:
    told = made(labels(150))
    assert recalibrated(told, labels(150), version=150) is told


def curve(requests: list[float]) -> Curve:
    ones = np.ones(len(requests))
    return Curve(ones * 0.9, ones * 0.9, ones * 0, ones, np.array(requests), ones * 0, ones * 0)


def test_the_recent_labels_are_those_of_the_last_two_thousand_requests() -> None:
    assert WINDOW == 2_000
    assert curve([1.0] * 2_500).recent.sum() == 2_000
    assert curve([1_000.0, 1_000.0, 1_000.0]).recent.tolist() == [False, True, True]
    assert curve([5_000.0]).recent.tolist() == [True]


def test_label_noise_is_read_from_the_labels_themselves() -> None:
    """Of a cosine that tells nearly everything."""
    clean, noisy = (made(labels(1_500, steepness=80, noise=share)).curve.noise for share in (0.0, 0.05))
    assert clean == 0.0
    assert noisy > 0.005


def test_what_a_person_confirmed_is_not_excused_as_noise() -> None:
    """The same labels, but that somebody has looked at those which are wrong though the model is nearly sure."""
    noisy = labels(1_500, steepness=80, noise=0.05)
    unseen = made(noisy)
    doubtful = (unseen.curve.wrong > 0) & (unseen.curve.probability > 0.8)
    looked_at = made(
        [replace(label, by=SECOND_LOOK) if doubt else label for label, doubt in zip(noisy, doubtful, strict=True)]
    )
    assert doubtful.sum() > 10
    assert (looked_at.curve.wrong == unseen.curve.wrong).all()
    assert looked_at.curve.noise == 0.0
    few, more = (told.curve.at(0.02, Caution()).hits for told in (looked_at, unseen))
    assert few < more
    assert Fit.from_bytes(looked_at.to_bytes()).curve.looked_at.sum() == doubtful.sum()
