"""What the costs command prints for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

Json = Mapping[str, Any]
_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = " ▁▂▃▄▅▆▇█"
_MOST_DAYS = 35
_NOBODY = "-"


def show(told: Json, out: Console) -> None:
    """Everything."""
    whole = told["total"]
    between = f"{_time(told['since'])} to {_time(told['until'])}"
    bought = f"{usd(whole['usd'])} for {whole['requests']:,} requests and {whole['tokens']:,} tokens"
    hits, failed = (_share(whole[name], whole["requests"]) for name in ("hits", "failures"))
    out.print(Text(f"{between}: {bought}; {usd(whole['saved_usd'])} saved, {hits} hits, {failed} failed"))
    if told.get("saved_by_cause"):
        causes = (f"{usd(each['usd'])} by {cause.replace('_', ' ')}" for cause, each in told["saved_by_cause"].items())
        out.print(Text(f"saved: {', '.join(causes)}"))
    if not whole["requests"]:
        return
    _rows(told, out)
    _models(told["models"], out)
    _lists(told["top"], out)
    _hours(told, out)


def usd(dollars: float) -> str:
    """As people read it."""
    if dollars < 0:
        return f"-{usd(-dollars)}"
    if dollars >= 1 or dollars == 0:
        return f"${dollars:,.2f}"
    return f"${dollars:.6f}" if dollars >= 0.000_001 else f"${dollars:.9f}"


def bar(share: float, width: int = _BAR) -> str:
    """A share of the width, in eighths of a place."""
    eighths = max(0, min(width * 8, round(share * width * 8)))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def pattern(values: Sequence[float]) -> str:
    """A place for each, as high as its share of the highest; nothing for nothing."""
    most = max(values, default=0) or 1
    return "".join(_LEVELS[0 if value <= 0 else max(1, round(value / most * 8))] for value in values)


def _rows(told: Json, out: Console) -> None:
    table = Table()
    for name in told["by"]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for name in ("cost", "share", "", "requests", "tokens", "per request", "saved", "hits", "failed"):
        table.add_column(name, no_wrap=True, justify="left" if not name else "right")
    rows = list(told["rows"])
    most = max((row["share"] for row in rows), default=0) or 1
    for row in rows:
        table.add_row(
            *(Text(row[name] or _NOBODY) for name in told["by"]),
            usd(row["usd"]),
            f"{row['share']:.1%}",
            Text(bar(row["share"] / most), style="cyan"),
            f"{row['requests']:,}",
            _known(row["tokens"]),
            usd(row["usd"] / row["requests"]) if row["requests"] else _NOBODY,
            _NOBODY if row["saved_usd"] is None else usd(row["saved_usd"]),
            _NOBODY if row["hits"] is None else _share(row["hits"], row["requests"]),
            _share(row["failures"], row["requests"]),
        )
    others = told["others"]
    if others["rows"]:
        names = [Text(f"{others['rows']:,} more", style="dim"), *(Text("") for _ in told["by"][1:])]
        cells = (usd(others["usd"]), f"{others['share']:.1%}", "", f"{others['requests']:,}", _known(others["tokens"]))
        saved = "" if others["saved_usd"] is None else usd(others["saved_usd"])
        table.add_row(*names, *cells, "", saved, "", "")
    out.print(table)


def _known(count: int | None) -> str:
    return _NOBODY if count is None else f"{count:,}"


def _models(rows: Sequence[Json], out: Console) -> None:
    if not rows:
        return
    asked = sum(row["requests"] for row in rows)
    table = Table(title="models", title_justify="left")
    for name in ("model", "requests", "", "cost", " "):
        table.add_column(name, no_wrap=True, justify="right" if name in ("requests", "cost") else "left")
    for row in rows:
        table.add_row(
            Text(row["model"]),
            _share(row["requests"], asked),
            Text(bar(row["requests"] / asked, 16), style="green"),
            f"{usd(row['usd'])}, {row['share']:.0%}",
            Text(bar(row["share"], 16), style="cyan"),
        )
    out.print(table)


def _lists(lists: Mapping[str, Sequence[Json]], out: Console) -> None:
    table = Table(title="the dearest", title_justify="left", show_header=False)
    for name, rows in lists.items():
        if rows:
            told = ", ".join(f"{row[name]} {usd(row['usd'])}" for row in rows)
            table.add_row(name.replace("_", " "), Text(told))
    out.print(table)


def _hours(told: Json, out: Console) -> None:
    """A line for each day, and one for the day as it is on average: dollars in each hour, in UTC."""
    days: dict[str, list[float]] = {}
    for each in told["hourly"]:
        days.setdefault(each["hour"][:10], [0.0] * 24)[int(each["hour"][11:13])] = each["usd"]
    table = Table(title="dollars by the hour (UTC)", title_justify="left")
    table.add_column("day")
    table.add_column("0     6     12    18   ", no_wrap=True)
    table.add_column("cost", justify="right")
    shown = sorted(days)[-_MOST_DAYS:]
    highest = max((value for day in shown for value in days[day]), default=0)
    for day in shown:
        table.add_row(day, Text(pattern([*days[day], highest])[:24], style="cyan"), usd(sum(days[day])))
    table.add_section()
    usual = [each["usd"] for each in told["hour_of_day"]]
    table.add_row("all of them", Text(pattern(usual), style="green"), usd(sum(usual)))
    out.print(table)


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else _NOBODY


def _time(told: str) -> str:
    return f"{told[:10]} {told[11:16]}Z"
