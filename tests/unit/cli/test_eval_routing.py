"""`litellm-plugins eval routing` and `eval paraphrases`: what they print, on files small enough for a test."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.outcomes import Labelled
from litellm_plugins.routing.scoring import Score

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

MODELS = ("--weak", "cheap", "--strong", "dear")
EASY = [f"What is the capital of {land}?" for land in ("France", "Spain", "Peru", "Chad", "Fiji", "Oman")]
HARD = [
    f"Design a {what} for many writers, prove that it never loses an entry, and compare its cost with a lock."
    for what in ("queue", "ledger", "log", "cache", "scheduler", "store")
]


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    rows = [
        *({"id": prompt, "prompt": prompt, "outcomes": {"cheap": 1, "dear": True}} for prompt in EASY),
        *({"id": prompt, "prompt": prompt, "outcomes": {"cheap": 0, "dear": 1}} for prompt in HARD),
        {"id": "n", "prompt": None, "outcomes": {"cheap": 0, "dear": 1}},
        {"id": "o", "prompt": "only one", "outcomes": {"cheap": 0}},
    ]
    path = tmp_path / "outcomes.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


def told(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_heuristic_stands_beside_every_control(outcomes: Path) -> None:
    found = told("routing", "--outcomes", outcomes, *MODELS, "--scorer", "heuristic")
    assert found["n"] == 12
    assert found["skipped"] == {"no_prompt": 1, "no_outcome": 1}
    assert found["apgr"] == pytest.approx(0.75)
    assert found["cpt50"] == pytest.approx(0.25)
    assert found["cpt80"] == pytest.approx(0.4)
    assert set(found["controls"]) == {"random", "length", "always-weak", "always-strong", "litellm-v1"}
    assert found["controls"]["random"]["apgr"] == 0.5
    assert found["apgr_minus_random_ci95"][0] > 0
    assert len(found["apgr_minus_litellm_v1_ci95"]) == 2
    assert 0 < found["decision_ms_p50"] <= found["decision_ms_p99"]
    assert [point["share"] for point in found["curve"]] == [round(0.1 * step, 1) for step in range(11)]


@pytest.mark.parametrize("scorer", ["heuristic", "length", "always-weak"])
def test_without_json_it_is_a_table_beside_the_controls(outcomes: Path, scorer: str) -> None:
    result = run("routing", "--outcomes", outcomes, *MODELS, "--scorer", scorer)
    assert result.exit_code == 0, result.output
    lines = [line.split("│")[1:-1] for line in result.stdout.splitlines() if line.startswith("│")]
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}
    assert set(rows) == {"heuristic", "random", "length", "always-weak", "always-strong", "litellm-v1"} - (
        set() if scorer == "heuristic" else {"heuristic"}
    )
    assert rows["random"][0] == "0.500"
    assert "12 prompts, 2 rows left out" in result.stdout


def test_paraphrases_are_a_table_too(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"a": "Hi there", "b": "Hello there"}\n')
    result = run("paraphrases", "--pairs", pairs)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("control", ["random", "length", "always-weak", "always-strong", "litellm-v1"])
def test_a_control_can_be_asked_for_by_name(outcomes: Path, control: str) -> None:
    found = told("routing", "--outcomes", outcomes, *MODELS, "--scorer", control)
    assert found["scorer"] == control
    assert found["apgr"] == found["controls"][control]["apgr"]


def test_prices_make_a_dollar_curve(outcomes: Path) -> None:
    prices = ("--price-weak", 0.001, "--price-strong", 0.02)
    found = told("routing", "--outcomes", outcomes, *MODELS, *prices)
    assert found["curve"][0]["usd_per_request"] == pytest.approx(0.001)
    assert found["curve"][10]["usd_per_request"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--scorer", "heuristic", "--train", "FILE"), "are for --scorer trained"),
        (("--price-weak", "1"), "belong together"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(outcomes: Path, more: tuple[str, ...], words: str) -> None:
    result = run(
        "routing", "--outcomes", outcomes, *MODELS, *(str(outcomes) if each == "FILE" else each for each in more)
    )
    assert result.exit_code == 2
    assert words in result.output


def test_models_that_the_file_does_not_know_are_refused_with_those_it_does(outcomes: Path) -> None:
    result = run("routing", "--outcomes", outcomes, "--weak", "cheap", "--strong", "gpt")
    assert result.exit_code == 1
    assert "there are cheap, dear" in result.output


def test_nothing_is_fitted_on_the_rows_that_are_scored(outcomes: Path) -> None:
    result = run("routing", "--outcomes", outcomes, *MODELS, "--scorer", "trained", "--train", outcomes)
    assert result.exit_code == 1
    assert "nothing to fit on" in result.output


def test_paraphrases_are_counted_by_file_and_together(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pairs = [{"a": prompt, "b": f"{prompt[:-1]} ?", "label": 1} for prompt in [*EASY, *HARD]]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*pairs, {"a": EASY[0], "b": HARD[0], "label": 0}]))
    found = told("paraphrases", "--pairs", path, "--scorer", "heuristic")
    assert (found["pairs"], found["same_tier"]) == (12, 1.0)
    assert found["files"] == {"pairs.jsonl": {key: found[key] for key in found["files"]["pairs.jsonl"]}}
    assert told("paraphrases", "--pairs", path, "--limit", 5)["pairs"] == 5


class Fitted:
    """Knows the words of the hard prompts that it was fitted on."""

    name = "trained"
    needs_embedding = True

    def __init__(self, words: frozenset[str]) -> None:
        self._words = words

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        assert embedding is not None
        return Score(len(self._words & set(conversation.question.split())) / 100, ("known",))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands for the shipped way to fit; gathers the prompts of each fit."""
    seen: list[list[str]] = []

    def fit(rows: list[Labelled], embeddings: list[Vector]) -> Fitted:
        assert len(rows) == len(embeddings)
        seen.append([row.prompt for row in rows])
        return Fitted(frozenset(word for row in rows if row.strong > row.weak for word in row.prompt.split()))

    module = ModuleType("litellm_plugins.routing.training")
    module.fit = fit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def test_what_is_fitted_on_other_rows_is_scored_with_its_embeddings(
    outcomes: Path, tmp_path: Path, fits: list[list[str]]
) -> None:
    path = tmp_path / "train.jsonl"
    prompts = {HARD[0].upper(): 0, "Design a queue that never loses, and prove that it does not.": 0, "Why?": 1}
    rows = [{"prompt": prompt, "outcomes": {"cheap": right, "dear": 1}} for prompt, right in prompts.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = told("routing", "--outcomes", outcomes, *MODELS, "--scorer", "trained", "--train", path)
    assert found["trained_on"] == {"fits": [{"rows": 2, "dropped_as_scored": 1}]}
    assert len(fits) == 1
    assert found["scorer"] == "trained"
    assert found["apgr"] == pytest.approx(0.75)


def test_no_fold_is_scored_by_a_fit_that_saw_it(outcomes: Path, fits: list[list[str]]) -> None:
    found = told("routing", "--outcomes", outcomes, *MODELS, "--scorer", "trained", "--folds", 3)
    assert found["n"] == 12
    assert [each["rows"] + each["dropped_as_scored"] for each in found["trained_on"]["fits"]] == [12] * len(fits)
    assert sum(len(EASY + HARD) - len(prompts) for prompts in fits) == 12  # each row is left out of exactly one fit


def test_a_cascade_asks_again_where_the_answer_is_doubted_and_pays_for_both_calls(tmp_path: Path) -> None:
    question = "Tom has {} boxes with 6 pens each and gives 4 pens away. How many pens has he left?"
    right = "{0} * 6 = {1} pens. {1} - 4 = {2}. He has {2} pens left."
    rows = [
        {"id": f"r{n}", "prompt": question.format(n), "outcomes": {"cheap": 1, "dear": 1},
         "cost": {"cheap": 0.001, "dear": 0.02}, "answers": {"cheap": right.format(n, 6 * n, 6 * n - 4)}}
        for n in range(2, 8)
    ] + [
        {"id": f"w{n}", "prompt": question.format(n), "outcomes": {"cheap": 0, "dear": 1},
         "cost": {"cheap": 0.001, "dear": 0.02}, "answers": {"cheap": right.format(n, 6 * n + 1, 6 * n - 3)}}
        for n in range(12, 18)
    ]  # fmt: skip
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = told("routing", "--outcomes", path, *MODELS, "--scorer", "cascade")

    assert table["apgr"] == 0.75  # every wrong answer before every right one
    assert table["cpt80"] == 0.4
    assert [point["usd_per_request"] for point in table["curve"]][::5] == [0.001, 0.011, 0.021]
    assert table["controls"]["always-strong"]["curve"][0]["usd_per_request"] == 0.02


def test_a_cascade_needs_the_answers(outcomes: Path) -> None:
    result = run("routing", "--outcomes", outcomes, *MODELS, "--scorer", "cascade")
    assert result.exit_code == 1
    assert "each row needs it under answers" in result.output
