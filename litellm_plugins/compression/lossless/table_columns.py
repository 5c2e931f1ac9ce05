"""The columns of like records, and what the cells of each have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from litellm_plugins.compression.lossless.json_text import Members, Node, write

_PLAIN_NAME = re.compile(r'"([A-Za-z_][A-Za-z0-9_-]*)"')
_LITERAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")
_LEAST_SHARED = 2  # characters that all cells of a column begin or end with


@dataclass(slots=True)
class Column:
    """One column: where its values lie in a record, its cells, and how a value is made of a cell."""

    path: tuple[str, ...]  # names as they are written, quoted
    cells: list[str]
    pattern: str = ""  # a JSON literal: the value of every record, or a string with `{}` where the cell goes
    shown: bool = True  # whether rows hold its cells
    bare: bool = field(default=False)  # whether all cells are strings without quotes


def columns_of(records: list[Members]) -> list[Column] | None:
    """The columns in the order of the keys; None where the records are not alike."""
    found = _paths([*records], ())
    if found is None:
        return None
    columns = [_column(path, values) for path, values in found]
    _derive(columns)
    return columns


def name_of(written: str) -> str:
    """A name without its quotes where it is a plain word."""
    plain = _PLAIN_NAME.fullmatch(written)
    return plain[1] if plain else written


_Values = list["Node | None"]


def _paths(records: list[Members], above: tuple[str, ...]) -> list[tuple[tuple[str, ...], _Values]] | None:
    order = _order(records)
    if order is None:
        return None
    rows = [dict(record.pairs) for record in records]
    out: list[tuple[tuple[str, ...], _Values]] = []
    for name in order:
        values: _Values = [row.get(name) for row in rows]
        inner = [value for value in values if isinstance(value, Members) and value.pairs]
        alike = len(inner) == len(values) and len({tuple(key for key, _ in value.pairs) for value in inner}) == 1
        below = _paths(inner, (*above, name)) if alike else None
        out.extend(below if below is not None else [((*above, name), values)])
    return out


def _order(records: list[Members]) -> list[str] | None:
    """One order of all keys that every record keeps to; None where there is none, or a record repeats a key."""
    order: list[str] = []
    kept: set[tuple[str, ...]] = set()
    for record in records:
        names = tuple(name for name, _ in record.pairs)
        if names in kept:
            continue
        if len(set(names)) < len(names) or len(kept) > 50:
            return None
        at = 0
        for name in names:
            if name in order:
                at = order.index(name) + 1
            else:
                order.insert(at, name)
                at += 1
        kept.add(names)
    places = {name: at for at, name in enumerate(order)}
    in_order = all(list(map(places.__getitem__, names)) == sorted(map(places.__getitem__, names)) for names in kept)
    return order if order and in_order else None


def _column(path: tuple[str, ...], values: _Values) -> Column:
    written = ["" if value is None else write(value) for value in values]
    if written[0] and written.count(written[0]) == len(written) and "{" not in written[0]:
        return Column(path, [], written[0], shown=False)
    cells = [_cell(value) for value in written]
    column = Column(path, cells, bare=all(cell and cell[0] not in '"[{' for cell in cells))
    strings = [value[1:-1] for value in written if value.startswith('"')]
    if len(strings) == len(written) and not any("\\" in text or "{" in text or "}" in text for text in strings):
        _share(column, strings)
    return column


def _cell(written: str) -> str:
    """A value as it stands in a row: a string without quotes where it cannot be taken for anything else."""
    if not written.startswith('"'):
        return written
    inner = written[1:-1]
    return inner if _may_be_bare(inner) and not _LITERAL.fullmatch(inner) else written


def _may_be_bare(inner: str) -> bool:
    return (
        bool(inner)
        and inner[0] not in '"[{'
        and inner == inner.strip()
        and not any(sign in inner for sign in "\\\t\r\n\x85\u2028\u2029")
    )


def _share(column: Column, strings: list[str]) -> None:
    """Say once what all strings begin and end with; cells are cut between words and numbers, never within one."""
    before = _shared(strings)
    while before and any(_same_kind(text[len(before) - 1], text[len(before) : len(before) + 1]) for text in strings):
        before = before[:-1]
    rests = [text[len(before) :] for text in strings]
    after = _shared([rest[::-1] for rest in rests])[::-1]
    while after and any(_same_kind(rest[: len(rest) - len(after)][-1:], after[0]) for rest in rests):
        after = after[1:]
    middles = [rest[: len(rest) - len(after)] for rest in rests]
    if len(before) + len(after) >= _LEAST_SHARED and all(map(_may_be_bare, middles)):
        column.cells = middles
        column.pattern = f'"{before}{{}}{after}"'
        column.bare = True
    elif any(map(_LITERAL.fullmatch, strings)) and all(map(_may_be_bare, strings)):
        column.cells, column.pattern, column.bare = strings, '"{}"', True  # digits that are strings, without quotes


def _shared(strings: list[str]) -> str:
    """What all begin with: what the first and the last in order do."""
    first, last = min(strings), max(strings)
    for at, sign in enumerate(first):
        if sign != last[at : at + 1]:
            return first[:at]
    return first


def _same_kind(left: str, right: str) -> bool:
    return (left.isalpha() and right.isalpha()) or (left.isdigit() and right.isdigit())


def _derive(columns: list[Column]) -> None:
    """A string column whose cells are those of an earlier one refers to that."""
    known: dict[tuple[str, ...], Column] = {}
    for column in columns:
        if not (column.shown and column.bare):
            continue
        cells = tuple(column.cells)
        source = known.setdefault(cells, column)
        if source is not column and (column.pattern or not any(map(_LITERAL.fullmatch, cells))):
            place = "{" + ".".join(map(name_of, source.path)) + "}"
            if all(_PLAIN_NAME.fullmatch(name) for name in source.path):
                column.pattern = (column.pattern or '"{}"').replace("{}", place)
                column.shown = False
