"""`litellm-plugins routing calibrate`, as it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from litellm_plugins.settings import parse

EASY, HARD = "What is {}?", "Prove that theorem {} holds for every distributed algorithm, and derive its complexity."


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A config with one router, and rows of which the hard third is for the strong model."""
    routers = {"auto": {"tiers": [{"name": "small", "models": ["nano"]}, {"name": "big", "models": ["max"]}]}}
    routers["judged"] = {**routers["auto"], "scorer": "judge"}  # type: ignore[dict-item]
    block = {"routing": {"judge": {"model": "nano"}, "routers": routers}}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"callback_settings": {"litellm_plugins": block}}))
    rows = [
        {
            "prompt": (HARD if number % 3 == 0 else EASY).format(number),
            "outcomes": {"nano": float(number % 3 != 0), "max": 1.0},
            "cost": {"nano": 0.001, "max": 0.01},
        }
        for number in range(300)
    ]
    outcomes = tmp_path / "rows.jsonl"
    outcomes.write_text("\n".join(map(json.dumps, rows)))
    return config, outcomes


def called(files: tuple[Path, Path], *options: str, router: str = "auto") -> Result:
    config, outcomes = files
    arguments = ["routing", "calibrate", "--config", str(config), "--outcomes", str(outcomes), "--router", router]
    return CliRunner().invoke(main, [*arguments, *options])


def told(files: tuple[Path, Path], *options: str) -> dict[str, Any]:
    result = called(files, *options, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_yaml_can_be_pasted_and_says_what_was_found(files: tuple[Path, Path]) -> None:
    found = told(files, "--quality-floor", "0.95")
    pasted = yaml.safe_load(found["yaml"])["callback_settings"]["litellm_plugins"]["routing"]["routers"]["auto"]
    assert pasted == {"scorer": "heuristic", "thresholds": found["thresholds"]}
    tiers = [{"name": "a", "models": ["x"]}, {"name": "b", "models": ["y"]}]
    router = parse({"routing": {"routers": {"auto": {"tiers": tiers, **pasted}}}}).routing.routers["auto"]
    assert list(router.thresholds) == found["thresholds"]
    assert found["held"]["quality_share"] > 0.9
    assert found["held"]["strong_share"] < 0.5
    assert found["rows"]["fit"] + found["rows"]["held"] == 300


def test_shares_need_prompts_alone(files: tuple[Path, Path]) -> None:
    files[1].write_text(
        "\n".join(json.dumps({"prompt": EASY.format(f"{number} " * (number % 40))}) for number in range(300))
    )
    found = told(files, "--strong-share", "0.3")
    assert found["fit"]["strong_share"] == pytest.approx(0.3, abs=0.05)
    assert "quality" not in found["held"]


def test_a_budget_goes_by_the_rows_costs_or_by_prices(files: tuple[Path, Path]) -> None:
    by_rows = told(files, "--budget-usd", "40", "--requests", "10000")
    assert by_rows["fit"]["usd_per_request"] <= 0.004
    by_prices = told(
        files, "--budget-usd", "40", "--requests", "10000", "--price", "small=0.002", "--price", "big=0.02"
    )
    assert by_prices["fit"]["strong_share"] < by_rows["fit"]["strong_share"]


def test_models_of_another_name_in_the_file_are_said(files: tuple[Path, Path]) -> None:
    files[1].write_text(files[1].read_text().replace('"nano"', '"openai/nano-2025"'))
    assert "rows are too few" in called(files, "--quality-floor", "0.9").output
    assert told(files, "--quality-floor", "0.9", "--as", "small=openai/nano-2025")["rows"]["left_out"] == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "one of --strong-share, --budget-usd and --quality-floor"),
        (("--strong-share", "0.3", "--quality-floor", "0.9"), "one of --strong-share"),
        (("--budget-usd", "3"), "belong together"),
        (("--strong-share", "0.3", "--as", "huge=x"), "expected TIER="),
        (("--strong-share", "0.3", "--price", "small=cheap"), "expected US dollars"),
        (("--budget-usd", "1", "--requests", "10000"), "even the cheapest tier alone costs"),
        (("--strong-share", "0.3", "--scorer", "adapted"), "has no routing.adapted"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(files: tuple[Path, Path], options: tuple[str, ...], why: str) -> None:
    result = called(files, *options)
    assert result.exit_code != 0
    assert why in result.output
    assert "Traceback" not in result.output


def test_an_unknown_router_and_a_judge_are_refused(files: tuple[Path, Path]) -> None:
    assert "there are: auto, judged" in called(files, "--strong-share", "0.3", router="other").output
    assert "the judge names tiers itself" in called(files, "--strong-share", "0.3", router="judged").output


def test_rows_that_the_scorer_was_fitted_on_are_left_out(files: tuple[Path, Path], tmp_path: Path) -> None:
    import numpy as np

    from litellm_plugins.embedding.onnx_model import DIMENSIONS
    from litellm_plugins.routing.outcomes import Labelled
    from litellm_plugins.routing.scorers.trained import dumps
    from litellm_plugins.routing.training import fit

    rows = [json.loads(line) for line in files[1].read_text().splitlines()]
    vectors = np.random.default_rng(0).normal(size=(len(rows), DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fitted = tmp_path / "mine.npz"
    fitted.write_bytes(dumps(fit([Labelled(row["prompt"], 0.0, 1.0, "") for row in rows], list(vectors))))
    config = yaml.safe_load(files[0].read_text())
    config["callback_settings"]["litellm_plugins"]["routing"]["adapted"] = str(fitted)
    files[0].write_text(yaml.safe_dump(config))
    assert "300 were trained on" in called(files, "--strong-share", "0.3", "--scorer", "adapted").output
