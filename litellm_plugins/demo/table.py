"""The report for a reader. Fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from litellm_plugins.demo.report import Report, usd
from litellm_plugins.model import Layer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_ALWAYS_SHOWN = (Layer.EXACT, Layer.SEMANTIC, Layer.MISS, Layer.BYPASS)
_HITS = (Layer.EXACT, Layer.SEMANTIC)

SIMULATED = (
    "The provider is simulated: the words and lengths of the answers, and its latency ({pace}). "
    "Real are the questions (BANKING77, CC BY 4.0), the stock proxy, what the cache decided, "
    "the prices, and the counts of tokens."
)
SOURCES = (
    "The numbers are read from the responses: headers x-litellm-plugins-* and x-litellm-response-cost, "
    "and usage; a stream has no cost header, its usage is priced by LiteLLM's own list. "
    "$ without the pack = what was paid + saved-usd of the hits. WRONG: the cached answer was "
    "written for a question of another BANKING77 intent (which is coarser than a question)."
)


def show(report: Report, console: Console, *, title: str, latency_scale: float) -> None:
    """Print the tables, some semantic hits, and what it all rests on."""
    pace = f"{latency_scale:g} times the pace set for this model" if latency_scale != 1 else "unscaled"
    crossed = Text.from_markup(f"Answers that crossed from one team to another: {_alarm(report.crossed)}")
    parts: list[RenderableType] = [Text(title, style="bold"), _layers(report), _bill(report), _teams(report)]
    parts += [crossed, *_examples(report), *_doubts(report)]
    parts += [Text(line, style="dim") for line in (SOURCES, SIMULATED.format(pace=pace))]
    for part in parts:
        console.print(Padding(part, (1, 0, 0, 0)))


def _layers(report: Report) -> Table:
    table = _table("layer", "requests", "share", "WRONG", "WRONG %", "tokens", "p50 ms", "p95 ms")
    for each in report.layers:
        if each.layer not in _ALWAYS_SHOWN and not each.requests:
            continue
        hit = each.layer in _HITS
        table.add_row(
            each.layer,
            str(each.requests),
            _percent(each.requests, report.requests),
            _alarm(each.wrong) if hit else "",
            _percent(each.wrong, report.requests, 2) if hit else "",
            f"{each.tokens:,}",
            _ms(each.p50_ms),
            _ms(each.p95_ms),
        )
    table.add_row("error", _alarm(len(report.errors)), _percent(len(report.errors), report.requests))
    table.add_section()
    wrong = _alarm(report.wrong), _percent(report.wrong, report.requests, 2)
    table.add_row("all", str(report.requests), "", *wrong, f"{report.tokens_bought + report.tokens_saved:,}")
    return table


def _bill(report: Report) -> Table:
    table = _table("", "without the pack", "with it", "saved")
    bill, bought, saved = report.bill, report.tokens_bought, report.tokens_saved
    dollars = usd(bill.without_nano_usd, 4), usd(bill.paid_nano_usd, 4), f"{bill.saved_share:.1%}"
    table.add_row("US dollars", *dollars, style="bold")
    table.add_row("tokens bought", f"{bought + saved:,}", f"{bought:,}", _percent(saved, bought + saved))
    spared = report.requests - report.provider_calls
    calls = f"{report.requests:,}", f"{report.provider_calls:,}", _percent(spared, report.requests)
    table.add_row("calls to the provider", *calls)
    return table


def _teams(report: Report) -> Table:
    table = _table("team", "requests", "exact", "semantic", "WRONG", "$ without", "$ with", "saved")
    for each in report.teams:
        bill = each.bill
        table.add_row(
            each.team,
            str(each.requests),
            str(each.exact),
            str(each.semantic),
            _alarm(each.wrong),
            usd(bill.without_nano_usd, 4),
            usd(bill.paid_nano_usd, 4),
            f"{bill.saved_share:.1%}",
        )
    return table


def _examples(report: Report) -> Iterator[RenderableType]:
    if not report.examples:
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for each in report.examples:
        verdict = Text("WRONG", style="bold red") if each.wrong else Text("right", style="green")
        alike = "" if each.similarity is None else f"{each.similarity:.3f}"
        table.add_row(verdict, "asked", Text(each.asked))
        table.add_row(alike, "answer for", Text(each.written_for))
    yield Text("Semantic hits and their similarity: wrong ones first, then the least alike", style="bold")
    yield table


def _doubts(report: Report) -> Iterator[RenderableType]:
    if report.unlike_price_list:
        yield Text(
            f"{report.unlike_price_list} answers cost something else than LiteLLM's price list says "
            "(prices of your own in the config?): the dollars of streams are only near.",
            style="yellow",
        )


def _table(first: str, *others: str) -> Table:
    table = Table()
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _alarm(count: int) -> str:
    return f"[bold red]{count}[/]" if count else "0"


def _percent(part: int, whole: int, places: int = 1) -> str:
    return f"{part / whole:.{places}%}" if whole else "-"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
