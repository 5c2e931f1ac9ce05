"""Arrays of like JSON records as a table: every name once, what all cells share once, a line for each record.

    [table 1: 3 records, one per line, cells split by tabs, none: key absent, {}: own cell, {x}: cell of x]
    id    name="User {}"    email="user{id}@example.com"    role="admin"    address.city    score
    1     Ann               Paris                           9.50
    2     Bob               "7"                             null
    3     Cy                Rome

(with single tabs, which JSON strings never hold). A cell is a JSON literal, or a bare string where that cannot be
mistaken for one. Names, order, literals and the difference between null and absent are kept: `restore` gives back the
minified JSON byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.compression.lossless.json_text import Items, Members, Node, parse, write
from litellm_plugins.compression.lossless.table_columns import Column, columns_of, name_of
from litellm_plugins.compression.lossless.table_reading import HEAD, MARK, PLACE, read_table

_LEAST_ROWS = 3
_LEAST_GAIN = 0.9  # the table and what is left of the JSON, by the length of the minified JSON


@dataclass(frozen=True, slots=True)
class Tables:
    """What was JSON, and how many tables there are in it."""

    text: str
    count: int


def has_marks(text: str) -> bool:
    """Whether `text` holds what could be taken for a table of ours."""
    return MARK.search(text) is not None


def tabulate(tight: str, *, first: int = 1) -> Tables | None:
    """Minified JSON with its outermost arrays of like records as tables; None where that is not shorter.

    Args:
        tight: Valid JSON without white space.
        first: The number of the first table: numbers must not repeat in a text.
    """
    tree = parse(tight)
    if tree is None:
        return None
    made: list[str] = []
    rest = write(_replaced(tree, first, made))
    if not made:
        return None
    whole = made[0] if rest == _place(first) else "\n".join([rest, *made])
    return Tables(whole, len(made)) if len(whole) < _LEAST_GAIN * len(tight) else None


def restore(text: str) -> str:
    """Tables as the JSON they were; what is no whole table of ours stays as it is."""
    places = set(PLACE.findall(text))
    inner: dict[str, str] = {}
    out: list[str] = []
    at = 0
    for head in HEAD.finditer(text):
        if head.start() < at or (table := read_table(text, head)) is None:
            continue
        if head["number"] in places:
            inner[head["number"]] = table.json
            out.append(text[at : max(head.start() - 1, at)])
        else:
            out.extend((text[at : head.start()], table.json))
        at = table.end
    out.append(text[at:])
    joined = "".join(out)
    return PLACE.sub(lambda place: inner.get(place[1], place[0]), joined) if inner else joined


def _replaced(node: Node, first: int, made: list[str]) -> Node:
    if isinstance(node, Members):
        return Members(tuple((name, _replaced(child, first, made)) for name, child in node.pairs))
    if not isinstance(node, Items):
        return node
    table = _table(node, first + len(made))
    if table and len(table) < len(write(node)):
        made.append(table)
        return _place(first + len(made) - 1)
    return Items(tuple(_replaced(child, first, made) for child in node.nodes))


def _place(number: int) -> str:
    return f"[table {number}]"


def _table(array: Items, number: int) -> str | None:
    records = [node for node in array.nodes if isinstance(node, Members)]
    if len(records) < max(_LEAST_ROWS, len(array.nodes)):
        return None
    columns = columns_of(records)
    if columns is None or not any(column.shown for column in columns):
        return None
    return "\n".join(
        [
            f"[table {number}: {len(records)} records, one per line, cells split by tabs, none: key absent"
            + (", {}: own cell, {x}: cell of x" if any("{" in column.pattern for column in columns) else "")
            + "]",
            "\t".join(map(_heading, columns)),
            *("\t".join(row) for row in zip(*(column.cells for column in columns if column.shown), strict=True)),
        ]
    )


def _heading(column: Column) -> str:
    name = ".".join(map(name_of, column.path))
    return f"{name}={column.pattern}" if column.pattern else name
