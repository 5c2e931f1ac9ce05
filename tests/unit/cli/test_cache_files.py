"""Files of FAQs and logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellm_plugins.cli.cache_files import Row, UnreadableFile, looks_like_a_log, read

PLAIN = {"question": "A?", "answer": "Yes."}


def rows(folder: Path, name: str, text: str) -> list[Row]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read(path)


def test_csv_lists_are_split_and_other_columns_left_out(tmp_path: Path) -> None:
    """As spreadsheets write it: a byte order mark, quotes, commas and line breaks within a cell, rows cut short."""
    text = '\ufeffId,Question,ANSWER,tags,questions\r\n7,"A?","Yes, \nit is.",a; b,B?|C?\r\n8,D?,No.\r\n'
    first, second = rows(tmp_path, "faq.csv", text)
    expected = {"question": "A?", "answer": "Yes, \nit is.", "tags": ["a", "b"], "questions": ["B?", "C?"]}
    assert first == Row(3, expected)
    assert second.values == {"question": "D?", "answer": "No."}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("faq.jsonl", '{"question": "A?", "answer": "Yes."}\n\n'),
        ("faq.JSONL", '{"question": "A?", "answer": "Yes."}'),
        ("faq.json", '[{"question": "A?", "answer": "Yes."}]'),
        ("faq.yaml", "- question: A?\n  answer: Yes.\n"),
        ("faq.yml", "title: ours\nfaqs:\n- {question: 'A?', answer: Yes.}\n"),
    ],
)
def test_each_kind_of_file_gives_the_same_row(tmp_path: Path, name: str, text: str) -> None:
    assert rows(tmp_path, name, text) == [Row(1, PLAIN)]


def test_a_line_that_cannot_be_read_is_a_bad_row_and_no_end(tmp_path: Path) -> None:
    told = rows(tmp_path, "x.jsonl", '{"question": \n[1]\n{"question": "A?", "answer": "Yes."}\n')
    assert [(row.line, row.values is None) for row in told] == [(1, True), (2, True), (3, False)]
    assert told[0].problem.startswith("is not JSON")


@pytest.mark.parametrize(
    ("name", "text"),
    [("faq.txt", ""), ("faq.csv", ""), ("faq.csv", "a,b\n1,2\n"), ("faq.yaml", "a: [b"), ("faq.yaml", "just words")],
)
def test_a_file_of_another_kind_is_refused_in_words(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(UnreadableFile):
        rows(tmp_path, name, text)


def test_a_log_is_known_by_its_responses() -> None:
    assert looks_like_a_log([Row(1, None, "bad"), Row(2, {"request": {}, "response": {}})])
    assert not looks_like_a_log([Row(1, PLAIN)])
    assert not looks_like_a_log([])
