"""`litellm-plugins eval`: what it prints, on files small enough for a test."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main

RATES = ["hit_rate", "error_rate", "error_per_hit"]
SUBJECTS = ("password", "invoice", "parcel", "refund", "address", "licence")
PAIRS: list[dict[str, Any]] = [
    *({"a": f"How do I get my {one}?", "b": f"How can I get my {one}?", "label": 1} for one in SUBJECTS),
    *(
        {"a": f"How do I get my {one}?", "b": f"Who changed the {other}?", "label": 0}
        for one, other in itertools.pairwise(SUBJECTS)
    ),
]
REQUESTS: list[dict[str, Any]] = [
    {"text": f"{start} my {one}?", "group": one}
    for start in ("How do I get", "Where do I find", "How do I get", "What about")
    for one in SUBJECTS
]


def rows(path: Path, content: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in content).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


def told(*arguments: object) -> dict[str, Any]:
    """What is printed with `--json`: one object and nothing else."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return rows(tmp_path / "pairs.jsonl", PAIRS)


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    return rows(tmp_path / "requests.jsonl", REQUESTS)


PAIR_KEYS = {"n", "ap", "auc", "hit_rate_at_error", "hit_rate_at_error_per_hit", "embed_ms_p50", "verify_ms_p50"}


def test_pairs_are_told_with_these_figures_beside_the_cosine_s(pairs: Path) -> None:
    found = told("cache", "--pairs", pairs)
    assert set(found) == PAIR_KEYS | {"cosine"}
    assert set(found["cosine"]) == PAIR_KEYS
    for each in (found, found["cosine"]):
        assert list(each["hit_rate_at_error"]) == list(each["hit_rate_at_error_per_hit"]) == ["0.01", "0.02", "0.05"]
    assert found["n"] == len(PAIRS)
    assert found["ap"] == found["auc"] == 1.0
    assert found["hit_rate_at_error"]["0.01"] == pytest.approx(6 / 11, abs=1e-4)
    assert 0 < found["verify_ms_p50"] < 1_000
    assert 0 < found["embed_ms_p50"] < 1_000


def test_gzipped_pairs_are_the_same(pairs: Path, tmp_path: Path) -> None:
    plain, packed = (told("cache", "--pairs", path) for path in (pairs, rows(tmp_path / "pairs.jsonl.gz", PAIRS)))
    timed = {"embed_ms_p50", "verify_ms_p50", "cosine"}
    assert {k: v for k, v in plain.items() if k not in timed} == {k: v for k, v in packed.items() if k not in timed}


def test_a_fit_on_other_pairs_changes_what_is_thought_of_these(pairs: Path, tmp_path: Path) -> None:
    """Turned round: whatever is near is wrong."""
    turned = rows(tmp_path / "fit.jsonl", [row | {"label": 1 - row["label"]} for row in PAIRS] * 5)
    found = told("cache", "--pairs", pairs, "--fit", turned)
    assert set(found) == PAIR_KEYS | {"cosine"}
    assert found["n"] == len(PAIRS)
    assert found["auc"] < 0.2
    assert found["cosine"]["auc"] == 1.0


def test_pairs_to_fit_on_must_be_of_both_labels(pairs: Path, tmp_path: Path) -> None:
    result = run("cache", "--pairs", pairs, "--fit", rows(tmp_path / "fit.jsonl", PAIRS[:3]), "--json")
    assert result.exit_code == 1
    assert "both labels" in result.stderr
    assert result.stdout == ""


def test_a_stream_is_told_with_these_figures_and_its_baselines(requests: Path) -> None:
    found = told("stream", "--requests", requests, "--max-error-rate", 0.01)
    assert set(found) == {*RATES, "after_warmup", "seeds", "baselines"}
    assert set(found["after_warmup"]) == set(RATES)
    assert found["seeds"] == []
    assert set(found["baselines"]) == {"static_0.80", "static_0.90", "static_0.95", "calibrated_cosine"}
    assert all(set(each) == set(RATES) for each in found["baselines"].values())
    # The six that are asked again are served, and of all others none may be yet.
    assert found["hit_rate"] == 0.25
    assert found["error_rate"] == 0.0
    assert found["after_warmup"]["hit_rate"] == 0.0  # 4,000 requests have not come
    assert found["baselines"]["calibrated_cosine"]["hit_rate"] == 0.25
    assert found["baselines"]["static_0.80"]["hit_rate"] >= found["baselines"]["static_0.95"]["hit_rate"] >= 0.25


def test_every_seed_has_its_figures_and_the_figures_are_their_means(requests: Path) -> None:
    found = told("stream", "--requests", requests, "--max-error-rate", 0.01, "--seeds", 2, "--warmup", 12)
    assert len(found["seeds"]) == 2
    for seed in found["seeds"]:
        assert set(seed) == {*RATES, "after_warmup"}
        assert set(seed["after_warmup"]) == set(RATES)
        assert seed["hit_rate"] == 0.25
    later = [seed["after_warmup"]["hit_rate"] for seed in found["seeds"]]
    assert found["after_warmup"]["hit_rate"] == pytest.approx(sum(later) / 2, abs=1e-5)
    assert all(rate > 0.25 for rate in later)


def test_the_warm_up_is_left_out_of_what_comes_after_it(requests: Path) -> None:
    """In the file's order the second half begins with the six that are asked again."""
    found = told("stream", "--requests", requests, "--max-error-rate", 0.01, "--warmup", 12)
    assert found["after_warmup"] == {"hit_rate": 0.5, "error_rate": 0.0, "error_per_hit": 0.0}


def test_the_same_text_of_another_group_is_a_wrong_hit(tmp_path: Path) -> None:
    contradictory = rows(tmp_path / "r.jsonl", [{"text": "Why?", "group": "a"}, {"text": "Why?", "group": "b"}])
    found = told("stream", "--requests", contradictory, "--max-error-rate", 0.01, "--label-noise", 0.02)
    assert [found[name] for name in RATES] == [0.5, 0.5, 1.0]


@pytest.mark.parametrize(
    ("command", "option", "good"),
    [("cache", "--pairs", PAIRS[0]), ("stream", "--requests", REQUESTS[0])],
    ids=["pairs", "requests"],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_bad_row_is_told_with_its_file_and_line_and_without_a_traceback(
    tmp_path: Path, command: str, option: str, good: dict[str, Any], suffix: str
) -> None:
    path = rows(tmp_path / f"bad{suffix}", [good, good, {"no": "such"}])
    more = ("--max-error-rate", 0.01) if command == "stream" else ()
    result = run(command, option, path, *more, "--json")
    assert result.exit_code == 1
    assert f"{path}, line 3: no field" in result.stderr
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "wrong",
    [
        ("--max-error-rate", 0),
        ("--max-error-rate", 0.21),
        ("--seeds", 0),
        ("--warmup", -1),
        ("--label-noise", 0.6),
        ("--requests", "nowhere.jsonl"),
    ],
)
def test_an_option_out_of_its_range_is_named(requests: Path, wrong: tuple[str, object]) -> None:
    result = run("stream", "--requests", requests, "--max-error-rate", 0.01, *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.stderr


def test_without_json_the_same_figures_stand_in_a_table(requests: Path) -> None:
    result = run("stream", "--requests", requests, "--max-error-rate", 0.01, "--seeds", 1)
    assert result.exit_code == 0
    for name in ("hit_rate", "after_warmup.error_rate", "seeds.0.hit_rate", "baselines.static_0.80.error_per_hit"):
        assert name in result.stdout
