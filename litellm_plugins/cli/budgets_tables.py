"""What the budget commands print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

Json = Mapping[str, Any]
_BAR = 12
_COLOURS = {"ok": "green", "soft": "yellow", "hard": "red"}
_METRICS = ("usd", "tokens", "requests")


def accounts(rows: Sequence[Json], out: Console) -> None:
    """One line per limit of an account."""
    if not rows:
        out.print("no accounts")
        return
    table = Table()
    for name in ("budget", "whose"):
        table.add_column(name, overflow="fold")
    for name in ("state", "used", ""):
        table.add_column(name, no_wrap=True, justify="left" if name else "right")
    for name in ("spent", "reserved", "limit", "left"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("until")
    table.add_column("forecast")
    for row in rows:
        limited = [metric for metric in _METRICS if row[metric]["limit"] is not None] or ["usd"]
        for count, metric in enumerate(limited):
            told = row[metric]
            first = (row["name"], row["holder"] or "everybody", row["state"]) if count == 0 else ("", "", "")
            table.add_row(
                Text(first[0]),
                Text(first[1]),
                Text(first[2], style=_COLOURS[row["state"]]),
                bar(told["share_used"], row["state"]),
                "-" if told["share_used"] is None else f"{int(told['share_used'] * 100)}%",  # never 100 before it is
                *(_amount(told[field], metric) for field in ("spent", "reserved", "limit", "remaining")),
                "rolling" if row["window"]["rolling"] else _time(row["window"]["end"]),
                _forecast(told["forecast"]),
            )
    out.print(table)


def account(row: Json, out: Console) -> None:
    """Everything about one account."""
    accounts([row], out)
    window = row["window"]
    table = Table(show_header=False)
    zone = f" ({window['timezone']})" if window["timezone"] and not window["rolling"] else ""
    for name, value in (
        ("account", row["account"]),
        ("window", f"{window['length'] or 'unknown'}: {_time(window['start'])} to {_time(window['end'])}{zone}"),
        ("soft marks", ", ".join(f"{mark:.0%}" for mark in row["soft"]) or "-"),
        ("limits by", row["limit_by"]),
        ("unconfirmed", _amount(row["usd"]["unconfirmed"], "usd")),
        ("spent, exactly", f"{row['nano_usd']['spent']:,} nano-dollars"),
        ("counted", f"{row['tokens']['spent']:,} tokens, {row['requests']['spent']:,} requests"),
    ):
        table.add_row(name, Text(value))
    out.print(table)


def bar(share: float | None, state: str) -> Text:
    """The share used, as blocks; full where more is used than there is."""
    if share is None:
        return Text("-")
    full = min(_BAR, int(share * _BAR))
    return Text("█" * full, style=_COLOURS[state]) + Text("░" * (_BAR - full), style="dim")


def _amount(value: float | None, metric: str) -> str:
    if value is None:
        return "-"
    if metric != "usd":
        return f"{value:,}"
    if value >= 1 or value == 0:
        return f"${value:,.2f}"
    return f"${value:.6f}" if value >= 0.000_001 else f"${value:.9f}"


def _forecast(told: Json | None) -> str:
    if told is None:
        return "-"
    words = {"reached": "reached", "not_before_end": "not before the end", "too_early": "too early to say"}
    return words.get(told["outlook"]) or f"reached {_time(told['at'])}"


def _time(iso: str) -> str:
    """Without its seconds."""
    return f"{iso[:10]} {iso[11:16]}{'Z' if iso.endswith('Z') else iso[19:]}"
