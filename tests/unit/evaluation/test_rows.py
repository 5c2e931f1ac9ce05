"""JSON lines, plain or gzipped."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.evaluation.pairs import Pair
from litellm_plugins.evaluation.rows import BadRows, read_rows, text_in
from litellm_plugins.evaluation.stream import Asked


def texts(path: Path) -> list[str]:
    return read_rows(path, lambda row: text_in(row, "text"))


def file(folder: Path, content: bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


TWO = '{"text": "¿Qué?"}\n\n  {"text": " b ", "more": 1}\r\n'.encode()


def test_plain_and_gzipped_rows_are_the_same_whatever_the_file_is_called(tmp_path: Path) -> None:
    assert texts(file(tmp_path, TWO)) == ["¿Qué?", "b"]
    assert texts(file(tmp_path, gzip.compress(TWO))) == ["¿Qué?", "b"]
    assert texts(file(tmp_path, TWO, "plain.gz")) == ["¿Qué?", "b"]


BAD = {
    "no JSON": (b'{"text": ', ""),
    "no object": (b'["a"]', "not an object"),
    "no field": (b'{"b": 1}', "no field 'text'"),
    "no text": (b'{"text": 7}', "text must be a text"),
    "nothing": (b'{"text": "  "}', "text must be a text"),
    "no UTF-8": (b'{"text": "\xff"}', ""),
}


@pytest.mark.parametrize(("line", "what"), BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_told_with_its_file_and_its_line(tmp_path: Path, line: bytes, what: str) -> None:
    """Empty lines are counted too: it is the line that an editor shows."""
    path = file(tmp_path, b'{"text": "a"}\n\n' + line + b'\n{"text": "c"}')
    with pytest.raises(BadRows) as caught:
        texts(path)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert what in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_rows_is_told(tmp_path: Path, content: bytes) -> None:
    path = file(tmp_path, content)
    with pytest.raises(BadRows, match="no rows"):
        texts(path)


@pytest.mark.parametrize("cut", [slice(0, 20), slice(0, -4)])
def test_a_damaged_archive_is_told_with_its_file(tmp_path: Path, cut: slice) -> None:
    path = file(tmp_path, gzip.compress(TWO * 50)[cut])
    with pytest.raises(BadRows, match=r"rows\.jsonl"):
        texts(path)


def test_whichever_byte_of_an_archive_is_damaged_its_file_is_told_or_nothing_is_lost(tmp_path: Path) -> None:
    """Some bits say nothing about what is in it: its time, where it was made, padding."""
    whole, told = gzip.compress(TWO * 50), 0
    expected = texts(file(tmp_path, whole))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        try:
            assert texts(file(tmp_path, bytes(damaged))) == expected
        except BadRows as exc:
            assert "rows.jsonl" in str(exc)  # noqa: PT017 - either is right, and nothing else
            told += 1
    assert told > len(whole) * 0.8


@pytest.mark.parametrize("label", [2, -1, "1", None, 0.5])
def test_a_pair_s_label_is_0_or_1(label: object) -> None:
    with pytest.raises(ValueError, match="label must be 0 or 1"):
        Pair.parse({"a": "x", "b": "y", "label": label})


def test_rows_become_pairs_and_requests() -> None:
    row: Mapping[str, Any] = {"a": " x ", "b": "y", "label": 1}
    assert Pair.parse(row) == Pair("x", "y", True)
    assert not Pair.parse({**row, "label": 0}).right
    assert Asked.parse({"text": " x ", "group": 7}) == Asked("x", "7")
