"""`litellm-plugins eval compression`: what it prints, on a file small enough for a test."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main

PLACES = ("Ansund", "Brevik", "Corby", "Dalen", "Eidfjord", "Florvag")
ROWS: list[dict[str, Any]] = [
    {
        "id": place,
        "question": f"Who built the lighthouse of {place}?",
        "answers": [f"Engineer {place[::-1].title()}"],
        "documents": [
            {
                "title": place,
                "text": f"{place} lies on the coast. Its port is old, and busy in the summer months. The lighthouse of "
                f"{place} was built by Engineer {place[::-1].title()}. Many ferries leave from there every day.",
            }
        ],
        "supporting": [
            {
                "title": place,
                "sentence": f"The lighthouse of {place} was built by Engineer {place[::-1].title()}.",
            }
        ],
    }
    for place in PLACES
]


@pytest.fixture(params=["rows.jsonl", "rows.jsonl.gz"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    text = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["eval", "compression", *map(str, arguments)])


def told(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


FIGURES = {"kept", "kept_most", "retention", "retention_own_documents", "all_facts", "ms_per_1k_tokens"}
ASKED = {"method", "rate", "distractors", "seed", "skip"}


@pytest.mark.parametrize("method", ["extractive", "extractive_semantic"])
def test_a_method_stands_beside_truncation_and_chance(rows: Path, method: str) -> None:
    found = told("--qa", rows, "--rate", 0.4, "--method", method, "--distractors", 4)
    assert set(found) == ASKED | {"rows", "rows_without_answer", "tokens_per_row", "baselines"} | FIGURES
    assert (found["method"], found["rate"], found["rows"], found["distractors"]) == (method, 0.4, 6, 4)
    assert found["retention"] == found["all_facts"] == 1.0
    assert 0.2 < found["kept"] <= found["kept_most"] <= 0.44
    assert found["ms_per_1k_tokens"] > 0
    for name in ("head", "random_sentences"):
        assert set(found["baselines"][name]) == FIGURES
        assert found["baselines"][name]["kept"] <= 0.44
        assert found["baselines"][name]["retention"] < 1


def test_runs_are_equal_but_for_their_time(rows: Path) -> None:
    def timeless() -> dict[str, Any]:
        found = told("--qa", rows, "--rate", 0.3, "--distractors", 3, "--seed", 5)
        for each in (found, *found["baselines"].values()):
            del each["ms_per_1k_tokens"]
        return found

    assert timeless() == timeless()


def test_some_rows_only(rows: Path) -> None:
    assert told("--qa", rows, "--rate", 0.5, "--skip", 2, "--limit", 3)["rows"] == 3
    assert told("--qa", rows, "--rate", 0.5, "--skip", 2)["rows"] == 4


def test_without_json_it_is_a_table(rows: Path) -> None:
    result = run("--qa", rows, "--rate", 0.5)
    assert result.exit_code == 0
    assert "baselines.head.retention" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", 1.5), "1.5 is not in the range"),
        (("--rate", 0.5, "--method", "magic"), "'magic' is not one of"),
        (("--rate", 0.5, "--skip", 6), "6 rows, and 6 of them are to be skipped"),
    ],
)
def test_what_cannot_be_done_is_said(rows: Path, arguments: tuple[object, ...], said: str) -> None:
    result = run("--qa", rows, *arguments)
    assert result.exit_code != 0
    assert said in result.output


def test_a_row_without_documents_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1] | {"documents": []}) + "\n")
    result = run("--qa", path, "--rate", 0.5)
    assert result.exit_code == 1
    assert "line 2: documents must be a list with something in it" in result.output
