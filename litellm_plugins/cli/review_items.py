"""How items of the review queue look on a terminal: as a table, or each with all of its texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from litellm_plugins.cli.connection import plain

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 70  # characters of a text
_TEXTS = ("question", "matched_question", "answer")
BESIDE = ("kind", "why", "team", *_TEXTS)  # in a file that is to be filled in

Json = Mapping[str, Any]


def table(items: Sequence[Json], out: Console) -> None:
    """A row for each. Ids are whole: they are what `review verdict` takes. Columns that say nothing are left out."""
    if not items:
        out.print("nothing waits to be judged")
        return
    from rich.table import Table

    rows = [_row(each) for each in items]
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    drawn = Table()
    for name in names:
        drawn.add_column(name, no_wrap=name == "id", min_width=32 if name == "id" else None)
    for row in rows:
        drawn.add_row(*(row[name] for name in names))
    out.print(drawn)


def _row(item: Json) -> dict[str, str]:
    return {
        "id": item["id"],
        "kind": item["kind"],
        "why": item["why"],
        "team": plain(item["team"]),
        **{name.removesuffix("_question"): _short(item[name] or "") for name in _TEXTS},
        "sure": _sure(item),
        "judge": item["opinion"] or "",
        "served": str(item["served"]),
    }


def whole(items: Sequence[Json], out: Console) -> None:
    """One below the other, with all that is kept of their texts."""
    for each in items:
        at = datetime.fromtimestamp(each["at_s"], UTC).strftime("%Y-%m-%d %H:%M")
        told = {"sure": _sure(each), "judge": each["opinion"] or "", "team": plain(each["team"])}
        told |= {"tier": each["tier"], "thumb": each["thumb"] or "", "served": str(each["served"])}
        facts = ", ".join(f"{name} {value}" for name, value in told.items() if value)
        out.print(f"{each['id']}  {each['kind']}, {each['why'] or 'kept'}, {at}, {facts}", soft_wrap=True)
        for name in _TEXTS:
            if each[name]:
                out.print(f"  {name.removesuffix('_question')}: {plain(each[name])}", soft_wrap=True)
        out.print()
    if not items:
        out.print("nothing waits to be judged")


def lines(items: Sequence[Json]) -> str:
    """To be filled in: a verdict in each line, and the file back to `review verdicts`."""
    told = [{"item_id": each["id"], "verdict": "", **{name: each[name] for name in BESIDE}} for each in items]
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in told)


def said_in(line: bytes) -> dict[str, Any] | None:
    """What a line says, without what `lines` put beside it; None: nothing yet. Raises: ValueError, RecursionError."""
    given = json.loads(line.decode())
    if not isinstance(given, dict):
        raise ValueError("expected an object")
    return None if given.get("verdict") == "" else {name: given[name] for name in given if name not in BESIDE}


def _sure(item: Json) -> str:
    sure = item["probability"] if item["probability"] is not None else item["similarity"]
    return "" if sure is None else f"{sure:.3f}"


def _short(text: str) -> str:
    line = plain(" ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
