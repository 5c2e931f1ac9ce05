"""Tables of records read back into the JSON that they were."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from litellm_plugins.compression.lossless.json_text import value_end

MARK = re.compile(r"\[table \d")
PLACE = re.compile(r"\[table (\d+)\]")
HEAD = re.compile(
    r"^\[table (?P<number>\d{1,9}): (?P<rows>\d{1,9}) records, one per line, cells split by tabs, none: key absent"
    r"(?:, \{\}: own cell, \{x\}: cell of x)?\]\n(?P<names>[^\n]+)\n",
    re.MULTILINE,
)
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_-]*|"[^"\\]*(?:\\.[^"\\]*)*"')
_LITERAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")
_HOLE = re.compile(r"\{([A-Za-z0-9_.-]*)\}")


@dataclass(frozen=True, slots=True)
class Table:
    """What a table says, and where it ends."""

    json: str
    end: int


@dataclass(frozen=True, slots=True)
class _Heading:
    path: tuple[str, ...]
    pattern: str
    shown: bool


def read_table(text: str, head: re.Match[str]) -> Table | None:
    """The table that begins at `head`; None where it is not whole."""
    headings = _headings(head["names"])
    if headings is None:
        return None
    shown = sum(heading.shown for heading in headings)
    records: list[str] = []
    at = head.end()
    for _ in range(int(head["rows"])):
        if at > len(text):
            return None
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        cells = _split(line)
        if len(cells) != shown:
            return None
        records.append(_record(headings, cells))
        at += len(line) + 1
    return Table("[" + ",".join(records) + "]", at - 1)


def _headings(line: str) -> list[_Heading] | None:
    out: list[_Heading] = []
    at = 0
    while True:
        path = []
        while name := _NAME.match(line, at):
            path.append(name[0] if name[0][0] == '"' else f'"{name[0]}"')
            at = name.end()
            if line[at : at + 1] != ".":
                break
            at += 1
        pattern = ""
        if line[at : at + 1] == "=":
            end = _cell_end(line, at + 1)
            pattern = line[at + 1 : end]
            at = end
        if not path:
            return None
        out.append(_Heading(tuple(path), pattern, not pattern or "{}" in pattern))
        if at >= len(line):
            return out
        if line[at] != "\t":
            return None
        at += 1


def _split(line: str) -> list[str]:
    cells = []
    at = 0
    while True:
        end = _cell_end(line, at)
        cells.append(line[at:end])
        if end >= len(line):
            return cells
        at = end + 1


def _cell_end(line: str, at: int) -> int:
    if line[at : at + 1] in ('"', "[", "{"):
        return value_end(line, at)
    end = line.find("\t", at)
    return end if end >= 0 else len(line)


def _record(headings: list[_Heading], cells: list[str]) -> str:
    by_name: dict[str, str] = {}
    given = iter(cells)
    members: list[tuple[tuple[str, ...], str]] = []
    for heading in headings:
        cell = next(given) if heading.shown else ""
        by_name[".".join(name.strip('"') for name in heading.path)] = cell
        by_name[""] = cell
        if heading.pattern:
            members.append((heading.path, _HOLE.sub(lambda hole: by_name.get(hole[1], hole[0]), heading.pattern)))
        elif cell:
            members.append((heading.path, _value(cell)))
    return "{" + ",".join(_nested(members, 0)) + "}"


def _value(cell: str) -> str:
    return cell if cell[0] in '"[{' or _LITERAL.fullmatch(cell) else f'"{cell}"'


def _nested(members: list[tuple[tuple[str, ...], str]], depth: int) -> Iterator[str]:
    """Members with the same name at this depth are those of one object."""
    at = 0
    while at < len(members):
        path, value = members[at]
        end = at + 1
        if len(path) == depth + 1:
            yield f"{path[depth]}:{value}"
        else:
            while end < len(members) and members[end][0][: depth + 1] == path[: depth + 1]:
                end += 1
            yield f"{path[depth]}:{{{','.join(_nested(members[at:end], depth + 1))}}}"
        at = end
