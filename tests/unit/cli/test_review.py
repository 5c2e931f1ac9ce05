"""`litellm-plugins review` against a proxy that only answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from litellm_plugins.cli import connection, main
from litellm_plugins.review.items import Verdict, Why
from litellm_plugins.review.promotions import Changed, Promotion, before_after
from litellm_plugins.review.report import report
from tests.unit.review.samples import NOW, item

_ITEM = {
    "id": "known",
    "kind": "hit",
    "why": "thumb_down",
    "team": "support",
    "matched_question": None,
    "probability": None,
    "similarity": 0.9,
    "opinion": None,
    "served": 1,
}


class Answering:
    """Keeps `cli.connection.Client`: knows the item `known`, and takes down what it is given."""

    given: list[tuple[str, str, Mapping[str, Any]]]

    def __init__(self, *_: object, **__: object) -> None:
        self.given = said

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.given.append((method, path, given or {}))
        if path == "/queue":
            return {"items": [dict(_ITEM, question="Is [/b] [red]open\x1b[31m?", answer="[ref 1] :bank:")]}
        if path == "/outcomes":
            return {"rows": [{"id": "a", "prompt": "Why?", "outcomes": {"mini": 0.0}}]}
        if (given or {}).get("item_id") != "known":
            raise click.ClickException("404: no item has that id")
        return {"id": "known", "effects": ["evicted"]}

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *exc: object) -> None: ...


said: list[tuple[str, str, Mapping[str, Any]]] = []


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    said.clear()
    monkeypatch.setattr(connection, "RemoteClient", Answering)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["review", *arguments, "--key", "sk-test"])


def test_a_verdict_says_what_it_did() -> None:
    done = run("verdict", "known", "wrong", "--comment", "Last year's price.")
    assert (done.exit_code, done.output.strip()) == (0, "known: evicted")
    assert said[0][2]["comment"] == "Last year's price."


def test_a_line_that_cannot_be_used_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text('{"item_id": "known", "verdict": "right"}\nnonsense\n\n{"item_id": "lost", "verdict": "right"}\n')
    done = run("verdicts", "--file", str(file), "--json")

    told = json.loads(done.output)
    assert done.exit_code == 1
    assert [each["line"] for each in told["failed"]] == [2, 4]
    assert told["done"] == [{"id": "known", "effects": ["evicted"]}]
    assert said[0][2]["source"] == "file"


def test_outcomes_are_rows_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert run("export", "--outcomes", str(file), "--strong", "large").exit_code == 0
    assert json.loads(file.read_text()) == {"id": "a", "prompt": "Why?", "outcomes": {"mini": 0.0}}
    assert said[0][2] == {"strong": "large"}


def test_a_sync_that_failed_in_part_says_so_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {
        "pushed": 2,
        "there": 1,
        "scores": {"read": 3, "verdicts": 1, "unknown": 1, "unreadable": 1},
        "failed": [],
    }
    monkeypatch.setattr(Answering, "call", lambda *_: told)
    done = run("sync")
    assert (done.exit_code, "2 items put into Langfuse" in done.output) == (0, True)

    told["failed"] = [{"step": "scores", "reason": "rate_limited", "detail": "HTTP 429"}]
    done = run("sync")
    assert (done.exit_code, "scores: rate_limited (HTTP 429)" in done.output) == (1, True)


@pytest.mark.parametrize(("flip", "exit_code"), [("lost", 0), ("wrong_again", 1)])
def test_a_replay_shows_what_flipped_and_ends_with_1_where_a_wrong_answer_would_be_served(
    monkeypatch: pytest.MonkeyPatch, flip: str, exit_code: int
) -> None:
    case = {"id": "abc", "verdict": "wrong", "flip": flip, "question": "Why?", "matched_question": "How?"}
    counts = {"verdicts": 1, "wrong_again": 0, flip: 1}
    told = {"counts": counts, "left_out": {"cut": 1}, "cases": [{**case, "now": {"reason": "verified"}}]}
    monkeypatch.setattr(Answering, "call", lambda *_: told)
    done = run("replay", "--days", "3")
    assert (done.exit_code, f"{flip} 1" in done.output, "abc" in done.output) == (exit_code, True, True)


def test_the_report_says_before_and_after_of_what_took_over_and_where_that_is_too_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hit: dict[str, Any] = {"why": Why.CONTROL, "probability": 0.99, "promised": 0.01}
    sample = [item(number, verdict=Verdict.WRONG, **hit) for number in range(40)]
    sample += [item(number, verdict=Verdict.RIGHT, **hit) for number in range(100, 150)]
    sample += [item(number, verdict=Verdict.RIGHT, **hit) for number in range(200, 207)]
    took = [Promotion(NOW + at, Changed.VERIFIER, "", {"labels": labels}) for at, labels in ((100, 500), (200, 540))]
    compared = before_after(sample, took, since_s=NOW, now_s=NOW + 900, word_of=str)
    told = report(sample, sample, compare=lambda *_: None) | {"promotions": compared}
    monkeypatch.setattr(Answering, "call", lambda *_: told)
    done = run("report", "--json")
    assert json.loads(done.output)["promotions"] == compared

    done = run("report")
    assert done.exit_code == 0, done.output
    newer, older = [line for line in done.output.splitlines() if "verifier, 5" in line]
    assert "540 labels" in newer
    assert "too few (7)" in newer
    assert "better" in older
    assert "0.0%, 0.0% to 8.8%" in older
    assert "100.0%, 92.9% to" in older  # a cell of two lines
    assert all(judged in done.output for judged in ("(40)", "(50)"))


def test_what_a_user_typed_is_shown_as_it_is_and_moves_no_terminal() -> None:
    done = run("queue")
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    assert "Is [/b] [red]open\ufffd" in shown
    assert "[ref 1] :bank:" in shown
    assert "\x1b" not in done.output
