"""What the cache commands print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from litellm_plugins.cli.connection import plain

if TYPE_CHECKING:
    from rich.console import Console

Json = Mapping[str, Any]


def stats(told: Json, out: Console) -> None:
    """Totals, then what they are made of."""
    totals = Table(title="The cache", show_header=False, title_justify="left")
    for name, value in (
        ("entries", f"{told['entries']:,}"),
        ("of these curated", f"{told['pinned']:,}"),
        ("size", f"{told['bytes'] / 1e6:,.1f} MB"),
        ("oldest", _time(told["oldest"])),
        ("newest", _time(told["newest"])),
    ):
        totals.add_row(name, value)
    out.print(totals)
    if told.get("verifier"):
        _verifier(told["verifier"], out)
    for name, counted in told["by"].items():
        if set(counted) - {""}:
            table = Table(title=f"by {name.replace('_', ' ')}", title_justify="left")
            table.add_column(name)
            table.add_column("entries", justify="right")
            for value, count in counted.items():
                table.add_row(Text(value or "-"), f"{count:,}")
            out.print(table)


def _verifier(told: Json, out: Console) -> None:
    if told["fit"] is None:
        out.print(f"The verifier has {told['labels']:,} labels and no fit yet: see docs/caching.md, slow start")
        return
    table = Table(title=f"The verifier: {told['labels']:,} labels, fitted after {told['fit']:,}", title_justify="left")
    for name in ("promised errors", "served from", "expected hits", "errors, at most"):
        table.add_column(name, justify="right")
    for rate, point in told["promises"].items():
        served = "nothing" if point["threshold"] is None else f"{point['threshold']:.4f}"
        table.add_row(f"{float(rate):.2%}", served, f"{point['hit_rate']:.2%}", f"{point['error_rate']:.2%}")
    out.print(table)


def entries(rows: Sequence[Json], out: Console) -> None:
    """One line per entry."""
    if not rows:
        out.print("no entries")
        return
    table = Table()
    table.add_column("id", no_wrap=True, min_width=32)
    for name in ("tenant", "model", "question", "tags"):
        table.add_column(name, overflow="fold")
    for name in ("stored", "expires"):
        table.add_column(name, no_wrap=True, min_width=17)
    for row in rows:
        cells = (row["cache_id"], row["tenant"], row["model_group"], row["question"] or "-", ", ".join(row["tags"]))
        expires = "never" if row["expires_at"] is None else _time(row["expires_at"])
        table.add_row(*map(Text, map(plain, (*cells, _time(row["created_at"]), expires))))
    out.print(table)


def entry(row: Json, out: Console) -> None:
    """Everything about one entry."""
    table = Table(show_header=False)
    for name, value in row.items():
        if name == "answer":
            choices = value.get("choices") or [{}]
            told = (choices[0].get("message") or {}).get("content") or str(value)
        elif name.endswith("_at"):
            told = "never" if value is None else _time(value)
        else:
            told = ", ".join(value) if isinstance(value, list | tuple) else str(value)
        table.add_row(name, Text(plain(told)))
    out.print(table)


def audit(rows: Sequence[Json], out: Console) -> None:
    """One line per thing that was done."""
    if not rows:
        out.print("nothing was done yet")
        return
    table = Table()
    for name in ("when", "who", "what", "entries", "with"):
        table.add_column(name, justify="right" if name == "entries" else "left")
    for row in rows:
        given = ", ".join(f"{name}={value}" for name, value in row["what"].items())
        table.add_row(*map(Text, (_time(row["at"]), row["actor"], row["action"], f"{row['count']:,}", given)))
    out.print(table)


def gate(told: Json, out: Console) -> None:
    """The judgement on all, and on each part where they were asked for."""
    table = Table()
    table.add_column("of")
    for name in ("verdict", "as good", "95 % interval", "compared", "different", "not comparable", "still needed"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for name, one in (("all", told), *told.get("by", {}).items()):
        table.add_row(
            Text(name or "-"),
            one["verdict"].replace("_", " "),
            "-" if one["share"] is None else f"{one['share']:.2%}",
            f"{one['low']:.2%} to {one['high']:.2%}",
            *(f"{one[counted]:,}" for counted in ("checks", "wrong", "unknown")),
            "-" if one["more"] is None else f"{one['more']:,}",
        )
    out.print(table)
    out.print(f"passes where the interval begins at {told['at_least']:.2%} or above")


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}Z"
