"""`litellm-plugins routing train`: what it writes, and when it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from litellm_plugins.routing.conversation import of_text
from litellm_plugins.routing.scorers.trained import shipped

LANDS = ("France", "Spain", "Peru", "Chad", "Fiji", "Oman", "Kenya", "Nepal", "Cuba", "Mali")
DISHES = ("soup", "bread", "salad", "stew", "cake", "rice", "pasta", "curry", "pie", "toast")


def rows(*, signal: bool) -> list[dict[str, Any]]:
    """Travel needs the strong model and cooking does not; or, without a signal, every second prompt does."""
    prompts = [f"How do I travel through {land} in {days} days?" for land in LANDS for days in range(3, 9)]
    prompts += [f"How do I cook a {dish} for {guests} guests?" for dish in DISHES for guests in range(3, 9)]
    hard = [("travel" in prompt) if signal else number % 2 == 0 for number, prompt in enumerate(prompts)]
    return [
        {"id": str(n), "prompt": prompt, "outcomes": {"cheap": 0 if hard[n] else 1, "dear": 1}}
        for n, prompt in enumerate(prompts)
    ]


def train(tmp_path: Path, *more: str, signal: bool = True) -> Result:
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(signal=signal)))
    where = ["--outcomes", str(path), "--weak", "cheap", "--strong", "dear", "--out", str(tmp_path / "fitted")]
    return CliRunner().invoke(main, ["routing", "train", *where, "--json", *more])


def test_a_better_scorer_is_written_and_can_be_loaded(tmp_path: Path) -> None:
    result = train(tmp_path)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["promoted"], told["n"]) == (True, 120)
    assert told["apgr"] > told["controls"]["current"]["apgr"]

    fitted = shipped(Path(told["written"]))
    assert fitted.has_seen("How do I cook a soup for 3 guests?")
    assert 0 <= fitted.score(of_text("Anything"), None).value <= 1


def test_one_that_is_not_shown_to_be_better_is_not(tmp_path: Path) -> None:
    result = train(tmp_path, signal=False)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["written"] is None
    assert not (tmp_path / "fitted").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--weak", "unknown"), "no row has a prompt and an outcome of both unknown and dear; there are cheap, dear"),
        (("--current", "."), "trained.npz"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = train(tmp_path, *options)
    assert result.exit_code == 1
    assert said in result.output
