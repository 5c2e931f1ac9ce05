"""The shipped scorer, and scorers fitted to planted signals."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from litellm_plugins.routing.conversation import Conversation, Turn, of_text
from litellm_plugins.routing.outcomes import Labelled
from litellm_plugins.routing.scorers import build
from litellm_plugins.routing.scorers.heuristic import Heuristic
from litellm_plugins.routing.scorers.load import weigh
from litellm_plugins.routing.scorers.trained import (
    ARTEFACT,
    ArtefactUnusable,
    TrainedScorer,
    dumps,
    loads,
    shipped,
    write,
)
from litellm_plugins.routing.scoring import thresholds_of
from litellm_plugins.routing.training import fit

DIMENSIONS = 16


def planted(seed: int, n: int, *, signal: bool) -> tuple[list[Labelled], list[np.ndarray]]:
    """Prompts of equal length; where there is a signal, the first coordinate says whether the strong one gains."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, DIMENSIONS))
    vectors[:, 0] *= 3
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hard = vectors[:, 0] > 0 if signal else rng.random(n) < 0.5
    rows = [Labelled(f"question number {seed}-{i:05d}", 0.0 if hard[i] else 1.0, 1.0, "") for i in range(n)]
    return rows, [vector.astype(np.float32) for vector in vectors]


def accuracy(scorer: TrainedScorer, rows: list[Labelled], vectors: list[np.ndarray]) -> float:
    scores = np.array([scorer.score(of_text(r.prompt), v).value for r, v in zip(rows, vectors, strict=True)])
    hard = np.array([row.weak == 0 for row in rows])
    return float(((scores > np.median(scores)) == hard).mean())


def test_a_fit_finds_a_signal_that_only_the_embedding_holds() -> None:
    scorer = fit(*planted(0, 300, signal=True))
    assert accuracy(scorer, *planted(1, 300, signal=True)) > 0.85


def test_a_fit_finds_nothing_where_there_is_nothing() -> None:
    scorer = fit(*planted(0, 300, signal=False))
    assert 0.4 < accuracy(scorer, *planted(1, 300, signal=False)) < 0.6


def test_a_told_probability_comes_true_about_as_often() -> None:
    rows, vectors = planted(0, 400, signal=True)
    scorer = fit(rows, vectors)
    others, places = planted(1, 400, signal=True)
    told = [scorer.score(of_text(r.prompt), v).value for r, v in zip(others, places, strict=True)]
    assert np.mean(told) == pytest.approx(np.mean([row.weak == 0 for row in others]), abs=0.08)


def test_a_fit_over_a_prior_keeps_what_the_prior_knows() -> None:
    prior = fit(*planted(0, 300, signal=True))
    scorer = fit(*planted(2, 40, signal=True), prior=prior)
    assert accuracy(scorer, *planted(1, 300, signal=True)) > 0.85
    assert scorer.has_seen("question number 0-00007")
    assert scorer.has_seen("Question number 2-00007!")
    assert not scorer.has_seen("question number 1-00007")


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        fit(*planted(0, 19, signal=True))


def test_the_same_rows_give_the_same_bytes_and_the_bytes_the_same_scorer() -> None:
    one = dumps(fit(*planted(0, 60, signal=True)))
    assert one == dumps(fit(*planted(0, 60, signal=True)))
    rows, vectors = planted(1, 5, signal=True)
    again = loads(one)
    first = fit(*planted(0, 60, signal=True))
    for row, vector in zip(rows, vectors, strict=True):
        assert again.score(of_text(row.prompt), vector) == first.score(of_text(row.prompt), vector)


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    write(fit(*planted(0, 60, signal=True)), tmp_path)
    shipped(tmp_path)
    with (tmp_path / "trained.npz").open("ab") as file:
        file.write(b"0")
    with pytest.raises(ArtefactUnusable, match="SHA256SUMS"):
        shipped(tmp_path)
    with pytest.raises(ArtefactUnusable):
        shipped(tmp_path / "nowhere")
    with pytest.raises(ArtefactUnusable):
        loads(b"no archive")
    with pytest.raises(ArtefactUnusable):
        loads((ARTEFACT / "trained.npz").read_bytes()[:-100])


def test_the_shipped_file_is_small_and_names_where_it_is_from() -> None:
    content = (ARTEFACT / "trained.npz").read_bytes()
    assert len(content) < 2_000_000
    assert hashlib.sha256(content).hexdigest() == (ARTEFACT / "SHA256SUMS").read_text().split()[0]
    sets = shipped().about["sets"]
    assert sets
    assert all(each["licence"].startswith(("Apache-2.0", "MIT")) for each in sets.values())
    allowed = {"llmrouter", "mmlupro_12models", "routellm_mmlu", "routellm_gsm8k", "routerbench_arc_mbpp_winogrande"}
    assert set(sets) <= allowed


def test_the_shipped_scorer_tells_a_hard_question_from_an_easy_one_without_an_embedding() -> None:
    scorer = build("trained")
    hard = scorer.score(
        of_text("Write a Python function that merges overlapping intervals, and prove it correct."), None
    )
    easy = scorer.score(of_text("Thanks, bye!"), None)
    assert 0 < easy.value < hard.value < 1
    assert "code_task" in hard.because
    assert "short" in easy.because


def test_a_short_yes_weighs_what_it_says_yes_to() -> None:
    plan = "Design a storage engine: which index, who locks what and when, how is it recovered? " * 4
    scorer = shipped()
    yes = Conversation((Turn("user", plan), Turn("assistant", "Shall I?"), Turn("user", "yes, do it")))
    assert scorer.score(yes, None).value > scorer.score(of_text("yes, do it"), None).value


def test_options_are_no_part_of_what_is_asked() -> None:
    bare = dict(weigh("Which of these is a noble gas in the air?").parts)
    listed = dict(weigh("Which of these is a noble gas in the air?\nA. Who knows\nB. Which one").parts)
    assert bare["which"] == listed["which"]
    assert bare["who_where_when"] == listed["who_where_when"] == 0


def test_a_very_long_prompt_is_read_in_part() -> None:
    assert weigh("tell me a story. " * 100_000).value < 25


def test_without_what_it_learnt_the_load_alone_ranks() -> None:
    rows, vectors = planted(0, 60, signal=True)
    blind = fit(rows, vectors).by_load()
    assert blind.score(of_text("Which one?"), vectors[0]).value == blind.score(of_text("Which one?"), vectors[1]).value
    assert not blind.has_seen(rows[0].prompt)


@pytest.mark.parametrize("tiers", [2, 3, 6])
def test_its_thresholds_part_traffic_like_its_own_into_equal_shares(tiers: int) -> None:
    rows, vectors = planted(0, 600, signal=True)
    scorer = loads(dumps(fit(rows, vectors)))
    others, places = planted(1, 600, signal=True)
    scores = scorer.probabilities(scorer.gains([row.prompt for row in others], np.array(places)))
    thresholds = scorer.thresholds(tiers)
    shares = np.bincount(np.searchsorted(thresholds, scores, side="right"), minlength=tiers) / len(scores)
    assert len(thresholds) == tiers - 1
    assert list(thresholds) == sorted(thresholds)
    assert np.abs(shares - 1 / tiers).max() < 0.06


def test_a_scorer_of_before_parts_its_scores_evenly() -> None:
    scorer = replace(shipped(), about={})
    assert thresholds_of(scorer, 4) == thresholds_of(Heuristic(), 4) == (0.25, 0.5, 0.75)


def test_probabilities_are_what_it_tells() -> None:
    rows, vectors = planted(0, 60, signal=True)
    scorer = fit(rows, vectors)
    told = [scorer.score(of_text(row.prompt), vector).value for row, vector in zip(rows, vectors, strict=True)]
    gains = scorer.gains([row.prompt for row in rows], np.array(vectors))
    assert scorer.probabilities(gains) == pytest.approx(told, abs=1e-6)


def test_the_shipped_one_knows_where_its_scores_lie() -> None:
    """They are probabilities, and far below one half: even thresholds would never ask the stronger model."""
    (middle,) = shipped().thresholds(2)
    assert 0.08 < middle < 0.2
    assert shipped().thresholds(6) == tuple(sorted(set(shipped().thresholds(6))))
