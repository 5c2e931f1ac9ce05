"""Files of FAQs and of past logs as rows: CSV, JSON Lines, JSON or YAML, by the file's ending."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from litellm_plugins.errors import PluginError

_COLUMNS = ("question", "questions", "answer", "tags", "model", "system", "team", "key", "everyone", "namespace")
_LISTS = {"questions": re.compile(r"[|\n]"), "tags": re.compile(r"[,;\s]+")}


class UnreadableFile(PluginError):
    """The file cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands; `problem` where it could not even be read."""

    line: int
    values: Mapping[str, Any] | None
    problem: str = ""


def read(path: Path) -> list[Row]:
    """The file's rows. Raises: UnreadableFile."""
    kinds = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".json": _list, ".yaml": _list, ".yml": _list}
    reader = kinds.get(path.suffix.lower())
    if reader is None:
        raise UnreadableFile(f"{path}: expected a file that ends in {', '.join(kinds)}")
    try:
        return list(reader(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError, csv.Error, yaml.YAMLError) as exc:
        raise UnreadableFile(f"{path}: cannot be read: {exc}") from exc


def looks_like_a_log(rows: list[Row]) -> bool:
    """Whether the first readable row carries a response."""
    first = next((row.values for row in rows if row.values is not None), {})
    return "response" in first


def _csv(text: str) -> Iterator[Row]:
    lines = text.splitlines(keepends=True)
    reader = csv.DictReader(lines)
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if "answer" not in names or not {"question", "questions"} & set(names):
        raise UnreadableFile("the first line must name the columns, among them question and answer")
    reader.fieldnames = names
    for row in reader:
        if row.get(None) is not None:  # where csv puts what is too much
            yield Row(reader.line_num, None, "more cells than columns")
            continue
        values = {name: value.strip() for name, value in row.items() if name in _COLUMNS and value and value.strip()}
        yield Row(reader.line_num, {name: _cell(name, value) for name, value in values.items()})


def _cell(name: str, value: str) -> object:
    if name in _LISTS:
        return [part.strip() for part in _LISTS[name].split(value) if part.strip()]
    return value


def _json_lines(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield _checked(number, json.loads(line))
            except ValueError as exc:
                yield Row(number, None, f"is not JSON: {exc}")


def _list(text: str) -> Iterator[Row]:
    """A list of rows, or one under any single name. JSON is YAML."""
    content = yaml.safe_load(text)
    if isinstance(content, Mapping):
        lists = [value for value in content.values() if isinstance(value, list)]
        content = list(chain.from_iterable(lists))
    if not isinstance(content, list):
        raise UnreadableFile("expected a list of questions and answers")
    for number, values in enumerate(content, 1):
        yield _checked(number, values)


def _checked(number: int, values: object) -> Row:
    if not isinstance(values, Mapping):
        return Row(number, None, "expected an object")
    return Row(number, values)
