"""`litellm-plugins review` against a proxy that only answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from litellm_plugins.cli import connection, main, review_replay
from litellm_plugins.review.items import Source, State, Verdict, Why
from litellm_plugins.review.promotions import Changed, Promotion, before_after
from litellm_plugins.review.report import report
from tests.unit.review.samples import NOW, item

_ID = "3f0c" * 8
_ITEM = {
    "id": _ID,
    "at_s": NOW,
    "tier": "",
    "thumb": "down",
    "kind": "hit",
    "why": "thumb_down",
    "team": "support",
    "matched_question": None,
    "probability": None,
    "similarity": 0.9,
    "opinion": None,
    "served": 1,
}


_LONG = " and so on" * 100


class Answering:
    """Keeps `cli.connection.Client`: knows the item `known`, and takes down what it is given."""

    given: list[tuple[str, str, Mapping[str, Any]]]

    def __init__(self, *_: object, **__: object) -> None:
        self.given = said

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.given.append((method, path, given or {}))
        if path == "/queue":
            return {"items": [dict(_ITEM, question="Is [/b] [red]open\x1b[31m?", answer=f"[ref 1] :bank:{_LONG}")]}
        if path == "/outcomes":
            return {"rows": [{"id": "a", "prompt": "Why?", "outcomes": {"mini": 0.0}}], "left_out": 2}
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


def test_a_file_of_another_system_is_read_line_by_line(tmp_path: Path) -> None:
    """With a byte order mark, a line end of Unicode's within a comment, Windows' own, and bytes that are no text."""
    file = tmp_path / "said.jsonl"
    known = '{"item_id": "known", "verdict": "right", "comment": "One.\u2028Two.\x85"}'
    file.write_bytes(b"\xef\xbb\xbf" + f"{known}\r\n".encode() + b"\xff\xfe\n" + known.encode())
    told = json.loads(run("verdicts", "--file", str(file), "--json").output)
    assert ([each["line"] for each in told["failed"]], len(told["done"])) == ([2], 2)
    assert said[0][2]["comment"] == "One.\u2028Two.\x85"


def test_the_queue_as_a_file_is_filled_in_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "todo.jsonl"
    assert run("queue", "--out", str(file)).exit_code == 0
    [line] = file.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["answer"].endswith(_LONG)
    said.clear()
    judged = line.replace(_ID, "known").replace('"verdict": ""', '"verdict": "wrong"')
    file.write_text(f"{line}\n{judged}\n", encoding="utf-8")
    done = run("verdicts", "--file", str(file), "--json")
    assert (done.exit_code, len(json.loads(done.output)["done"])) == (0, 1)
    assert said == [("POST", "/verdicts", {"source": "file", "item_id": "known", "verdict": "wrong"})]


def test_rows_that_cannot_be_written_are_a_message_and_not_a_trace(tmp_path: Path) -> None:
    done = run("export", "--outcomes", str(tmp_path / "no" / "rows.jsonl"))
    assert (done.exit_code, "cannot be written" in done.output) == (1, True)


def test_who_asks_no_proxy_is_not_sent_to_a_setting_that_reviews_do_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    done = run("queue", "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "no proxy answers" in done.output, "--config" in done.output) == (1, True, False)


def test_the_id_that_a_verdict_takes_can_be_copied_from_the_queue_and_a_text_read_to_its_end() -> None:
    assert _ID in run("queue").output
    told = run("queue", "--full").output
    assert f"  question: Is [/b] [red]open\ufffd[31m?\n  answer: [ref 1] :bank:{_LONG}\n" in told
    assert f"{_ID}  hit, thumb_down, 2027-01-15 08:00, sure 0.900, team support, thumb down, served 1\n" in told


def test_the_report_tells_what_thumbs_and_verdicts_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    short = item(1, verdict=Verdict.WRONG, methods="extractive")
    short = replace(short, state=replace(short.state, source=Source.HUMAN))
    told = report([], [short, item(2, state=State(thumb="down"))], compare=lambda *_: None)
    told |= {"promotions": {"verifier": [], "router": []}}
    told["rates"] = [{"feature": "faq", "model_group": "gpt", "factor": 0.6667}]
    monkeypatch.setattr(Answering, "call", lambda *_: told)
    done = run("report").output
    assert "verdicts: 1: hit wrong (human) 1; thumbs: down 1\n" in done
    assert "compression of faq, gpt: 67% of what the settings take out\n" in done


def test_outcomes_are_rows_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    done = run("export", "--outcomes", str(file), "--strong", "large")
    assert (done.exit_code, "1 rows in" in done.output, "2 verdicts left out" in done.output) == (0, True, True)
    assert json.loads(file.read_text()) == {"id": "a", "prompt": "Why?", "outcomes": {"mini": 0.0}}
    assert said[0][2] == {"strong": "large"}


def test_a_sync_that_failed_in_part_says_so_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {
        "pushed": 2,
        "there": 1,
        "scores": {"read": 3, "verdicts": 1, "unknown": 1, "unreadable": 1, "overtaken": 1},
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


def test_a_replay_of_fewer_verdicts_than_there_are_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"of": 1_200, "counts": {"verdicts": 1_000, "wrong_again": 0}, "left_out": {}, "cases": []}
    monkeypatch.setattr(Answering, "call", lambda *_: told)
    assert "wrong_again 0 (the newest 1000 of 1200)\n" in run("replay").output
    monkeypatch.setattr(Answering, "call", lambda *_: {"items": 20, "dataset": "golden", "of": 30})
    assert (
        "20 verdicts in the dataset golden (the newest 20 of 30)"
        in run("replay", "--dataset", "golden", "--limit", "20").output
    )


def test_who_asks_anew_asks_with_the_admin_s_key_of_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str | None] = []

    def anew(told: dict[str, Any], _: str, key: str | None) -> dict[str, Any]:
        asked.append(key)
        return told

    monkeypatch.setattr(review_replay, "_asked", anew)
    monkeypatch.setattr(Answering, "call", lambda *_: {"counts": {"wrong_again": 0}, "left_out": {}, "cases": []})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITELLM_MASTER_KEY", raising=False)
    (tmp_path / ".env").write_text("LITELLM_MASTER_KEY=sk-of-the-file\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["review", "replay", "--ask"])
    assert (done.exit_code, asked) == (0, ["sk-of-the-file"]), done.output


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
