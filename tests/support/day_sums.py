"""What each sink says of a day, and whether they say the same. The log line `call_finished` is what all are held to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from litellm_plugins.insight.usage import HITS
from tests.support.answers import Metrics, cache_of
from tests.support.budgets import PRICES, held_by, open_calls
from tests.support.day_plans import EMBEDDER
from tests.support.fixtures import LEGACY_MODEL
from tests.support.langfuse import Generation, Span
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.day_proxy import Day, Seen

Line = Mapping[str, Any]
SINKS = ("clients", "log", "metrics", "costs", "traces", "ledger", "provider")
LAYERS = ("exact", "semantic", "coalesced", "miss", "bypass", "off")
ENDINGS = ("success", "failure", "gone", "refused")
DIRECTIONS = ("prompt", "completion")
TEAMS = ("support", "sales", "Legal")
_NANO = 1_000_000_000
_DEAREST = 15_000  # nano-dollars for a token, of the models that are asked
_PRICES = {**PRICES, LEGACY_MODEL: (Fraction(1_500), Fraction(2_000))}
_TOLD_BY_STAGE_1 = ("empty_conversation", "model_not_found")


@dataclass(frozen=True, slots=True)
class Cell:
    """A sum, and what the log says of the same requests, where a sink does not hear of all.

    `slack`: how far they may be apart, by what docs/budget-calls.md promises of streams that broke.
    """

    found: int
    wanted: int
    slack: int = 0

    @property
    def agrees(self) -> bool:
        """Whether it is what the log says."""
        return abs(self.found - self.wanted) <= self.slack


@dataclass(frozen=True, slots=True)
class Row:
    """One sum by every sink that has it."""

    name: str
    unit: str  # calls, nano-dollars, tokens
    cells: Mapping[str, Cell]

    @property
    def agrees(self) -> bool:
        """Whether all of them say the same."""
        return all(cell.agrees for cell in self.cells.values())


def compared(day: Day, *, timeout_s: float = 30) -> list[Row]:
    """Every sum by every sink, once they have come to rest: as soon as they agree, or when the time is up."""
    rows: list[Row] = []

    def agree() -> bool:
        rows[:] = _Sinks.of(day).rows()
        return all(row.agrees for row in rows)

    try:
        eventually(agree, what="the sinks to agree", timeout_s=timeout_s, every_s=1.0)
    except AssertionError:
        return rows
    return rows


def of_each_call(day: Day) -> list[str]:
    """Where a single request's trace and its log line are apart, to find out why."""
    sinks, found = _Sinks.of(day), []
    for plan in (seen.plan for seen in day.seen):
        line, told = sinks.line_of.get(plan.call_id), sinks.traced(plan.call_id)
        if line is None:
            found.append(f"not logged: {plan}")
        elif line in sinks.decided and (told.layers, told.nano_usd) != ([line["cache"]], _nano([line], "cost_usd")):
            found.append(f"traced as {told}, logged as {line}: {plan}")
    return found


@dataclass(frozen=True, slots=True)
class _Trace:
    """What Langfuse got of one request."""

    roots: int
    layers: list[str]
    nano_usd: int
    saved_nano_usd: int
    saved_tokens: int


@dataclass(frozen=True, slots=True)
class _Sinks:
    """All of them, read once."""

    seen: Sequence[Seen]
    lines: Sequence[Line]
    metrics: Metrics
    costs: Mapping[str, Any]  # by what they are grouped by
    spans: Mapping[str, Sequence[Span]]  # by trace
    ledger: Mapping[str, tuple[int, int]]  # by budget: nano-dollars and tokens
    open_calls: int
    bill: Mapping[str, tuple[int, int, int]]  # by model: nano-dollars and tokens of both kinds
    line_of: Mapping[str, Line]

    @classmethod
    def of(cls, day: Day) -> _Sinks:
        """Of a day that is over, or nearly."""
        lines = _lines(day.proxy.log())
        spans: dict[str, list[Span]] = {}
        for span in day.recorder.spans()[day.traced_before :]:
            spans.setdefault(span.trace_id, []).append(span)
        held = {name: held_by(day.proxy, name) for name in ("all", "each-team")}
        return cls(
            seen=day.seen,
            lines=lines,
            metrics=day.proxy.metrics(),
            costs={by: _costs(day, by) for by in ("layer", "ending", "team")},
            spans=spans,
            ledger={name: (each.spent, each.tokens) for name, each in held.items()},
            open_calls=open_calls(day.proxy),
            bill=_bill(day),
            line_of={line["call_id"]: line for line in lines},
        )

    @property
    def decided(self) -> list[Line]:
        """Of the requests that there was a decision on: stage 1 turns the others away, and no trace begins."""
        return [line for line in self.lines if line.get("reason") not in _TOLD_BY_STAGE_1]

    def rows(self) -> list[Row]:
        """Those that must agree."""
        return [
            self._calls(),
            *(self._layer(layer) for layer in LAYERS),
            *(self._ending(ending) for ending in ENDINGS),
            self._attempts(),
            self._spent(),
            self._own(),
            *(self._team(team) for team in TEAMS),
            self._saved(),
            self._saved_tokens(),
            *(self._tokens(direction) for direction in DIRECTIONS),
            self._all_tokens(),
            self._left_over(),
        ]

    # Calls

    def _calls(self) -> Row:
        count = len(self.lines)
        cells = {
            "clients": Cell(len({seen.plan.call_id for seen in self.seen}), count),
            "log": Cell(len(self.line_of), count),
            "metrics": Cell(self._metric("calls_total"), count),
            "costs": Cell(self.costs["layer"]["total"]["requests"], count),
            "traces": Cell(sum(self.traced(line["call_id"]).roots for line in self.lines), len(self.decided)),
        }
        return Row("requests, each told once", "calls", cells)

    def _layer(self, layer: str) -> Row:
        lines = [line for line in self.lines if line["cache"] == layer]
        told = {seen.plan.call_id: told for seen in self.seen if (told := cache_of(seen.headers))}
        layers = Counter(name for line in self.lines for name in self.traced(line["call_id"]).layers)
        cells = {
            "clients": Cell(list(told.values()).count(layer), sum(line["call_id"] in told for line in lines)),
            "log": Cell(len(lines), len(lines)),
            "metrics": Cell(self._metric("calls_total", layer=layer), len(lines)),
            "costs": Cell(self._cost("layer", layer, "requests"), len(lines)),
            "traces": Cell(layers[layer], sum(line["cache"] == layer for line in self.decided)),
        }
        return Row(f"answered by {layer}", "calls", cells)

    def _ending(self, ending: str) -> Row:
        lines = [line for line in self.lines if line["ending"] == ending]
        certain = {seen.plan.call_id: seen.ending for seen in self.seen if seen.ending}
        cells = {
            "clients": Cell(list(certain.values()).count(ending), sum(line["call_id"] in certain for line in lines)),
            "log": Cell(len(lines), len(lines)),
            "metrics": Cell(self._metric("calls_total", ending=ending), len(lines)),
            "costs": Cell(self._cost("ending", ending, "requests"), len(lines)),
        }
        return Row(f"ended as {ending}", "calls", cells)

    def _attempts(self) -> Row:
        count = sum(line["attempts"] for line in self.lines)
        cells = {
            "log": Cell(count, count),
            "metrics": Cell(self._metric("attempts_total"), count),
            "costs": Cell(self.costs["layer"]["total"]["attempts"], count),
        }
        return Row("calls of deployments", "calls", cells)

    # Dollars

    def _spent(self) -> Row:
        spent, own = _nano(self.lines, "cost_usd"), _nano(self.lines, "own_usd") + self._later
        whole = self.costs["layer"]["total"]
        cells = {
            "clients": self._by_headers("x-litellm-response-cost", "cost_usd", lambda seen: not seen.plan.stream),
            "log": Cell(spent, spent),
            "metrics": Cell(self._metric_nano("spent_usd_total", cause="provider"), spent),
            "costs": Cell(whole["nano_usd"] - round(whole["own_usd"] * _NANO), spent),
            "traces": Cell(sum(self.traced(line["call_id"]).nano_usd for line in self.lines), spent),
            "ledger": Cell(self.ledger["all"][0] - own, spent),
            "provider": Cell(sum(nano for nano, *_ in self.bill.values()) - own, spent, self._broken * _DEAREST),
        }
        return Row("spent at providers", "nano-dollars", cells)

    @property
    def _later(self) -> int:
        """Own calls that ended after the request they were for: no line of the log has them, the metrics have."""
        return self._metric_nano("spent_usd_total", cause="own") - _nano(self.lines, "own_usd")

    @property
    def _broken(self) -> int:
        """Streams of which nobody told the usage: our count may be off by a token each."""
        return sum(line["stream"] and line["ending"] == "failure" and "cost_usd" in line for line in self.lines)

    def _own(self) -> Row:
        own = _nano(self.lines, "own_usd")
        known = {_trace_id(line["call_id"]) for line in self.lines}
        apart = [span for trace, spans in self.spans.items() if trace not in known for span in spans]
        cells = {
            "log": Cell(own, own),
            "metrics": Cell(self._metric_nano("spent_usd_total", cause="own"), own),
            "costs": Cell(round(self.costs["layer"]["total"]["own_usd"] * _NANO), own),
            "traces": Cell(_cost(apart), own),
        }
        return Row("spent on own embeddings", "nano-dollars", cells)

    def _team(self, team: str) -> Row:
        lines = [line for line in self.lines if line["team"] == team]
        spent = _nano(lines, "cost_usd") + _nano(lines, "own_usd")
        cells = {
            "log": Cell(spent, spent),
            "metrics": Cell(self._metric_nano("team_spent_usd_total", team=team), spent),
            "costs": Cell(self._cost("team", team, "nano_usd"), spent),
        }
        return Row(f"spent by team {team}", "nano-dollars", cells)

    def _saved(self) -> Row:
        saved = _nano(self.lines, "saved_usd")
        cells = {
            "clients": self._by_headers("x-litellm-plugins-saved-usd", "saved_usd", lambda _: True),
            "log": Cell(saved, saved),
            "metrics": Cell(self._metric_nano("saved_usd_total"), saved),
            "costs": Cell(round(self.costs["layer"]["total"]["saved_usd"] * _NANO), saved),
            "traces": Cell(sum(self.traced(line["call_id"]).saved_nano_usd for line in self.lines), saved),
        }
        return Row("saved", "nano-dollars", cells)

    def _by_headers(self, header: str, field: str, asked: Callable[[Seen], bool]) -> Cell:
        told = [seen for seen in self.seen if asked(seen) and seen.status == 200 and header in seen.headers]
        lines = [line for seen in told if (line := self.line_of.get(seen.plan.call_id)) is not None]
        return Cell(sum(_whole_nano(seen.headers[header]) for seen in told), _nano(lines, field))

    # Tokens

    def _tokens(self, direction: str) -> Row:
        count = sum(line.get(f"{direction}_tokens", 0) for line in self.lines)
        cells = {
            "log": Cell(count, count),
            "metrics": Cell(self._metric("tokens_total", direction=direction), count),
            "costs": Cell(self.costs["layer"]["total"][f"{direction}_tokens"], count),
        }
        billed = sum(tokens[1 + DIRECTIONS.index(direction)] for tokens in self.bill.values())
        if direction == "prompt":
            cells["provider"] = Cell(billed - self._own_tokens, count)
        else:
            cells["provider"] = Cell(billed, count, self._broken)
        return Row(f"{direction} tokens", "tokens", cells)

    @property
    def _own_tokens(self) -> int:
        """What the pack's own embeddings read: no line of the log counts them."""
        return int(self._metric_nano("spent_usd_total", cause="own") / _PRICES[EMBEDDER][0])

    def _all_tokens(self) -> Row:
        count = sum(line.get(f"{each}_tokens", 0) for each in DIRECTIONS for line in self.lines)
        held = {name: Cell(found, count) for name, found in (("log", count), ("ledger", self.ledger["all"][1]))}
        return Row("tokens of both kinds", "tokens", held)

    def _saved_tokens(self) -> Row:
        count = sum(line.get("saved_tokens", 0) for line in self.lines)
        cells = {
            "log": Cell(count, count),
            "metrics": Cell(self._metric("saved_tokens_total"), count),
            "costs": Cell(self.costs["layer"]["total"]["saved_tokens"], count),
            "traces": Cell(sum(self.traced(line["call_id"]).saved_tokens for line in self.lines), count),
        }
        return Row("saved tokens", "tokens", cells)

    def _left_over(self) -> Row:
        cells = {
            "metrics": Cell(self._metric("dropped_total"), 0),
            "ledger": Cell(self.open_calls, 0),
        }
        return Row("dropped, or still reserved", "calls", cells)

    # Reading

    def traced(self, call_id: str) -> _Trace:
        """What Langfuse got of one request."""
        spans = self.spans.get(_trace_id(call_id), ())
        roots = [span for span in spans if span.name == "plugins.request"]
        told = [span.attributes for span in roots]
        layers = [tag.removeprefix("cache:") for span in roots for tag in span.tags if tag.startswith("cache:")]
        hit = any(layer in HITS for layer in layers)
        saved = sum(float(each.get("langfuse.trace.metadata.saved_usd") or 0) for each in told) if hit else 0
        tokens = sum(int(each.get("langfuse.trace.metadata.saved_tokens") or 0) for each in told) if hit else 0
        return _Trace(len(roots), layers, _cost(spans), round(saved * _NANO), tokens)

    def _metric(self, name: str, **labels: str) -> int:
        return round(self.metrics.value(f"litellm_plugins_{name}", **labels))

    def _metric_nano(self, name: str, **labels: str) -> int:
        return round(self.metrics.value(f"litellm_plugins_{name}", **labels) * _NANO)

    def _cost(self, by: str, word: str, name: str) -> int:
        return sum(int(row[name]) for row in self.costs[by]["rows"] if row[by] == word)


def _lines(log: str) -> list[Line]:
    return [json.loads(text[text.index("{") :]) for text in log.splitlines() if '"call_finished"' in text]


def _costs(day: Day, by: str) -> Any:
    return day.proxy.http("GET", f"/plugins/costs?by={by}&since=24h", day.proxy.master_key).raise_for_status().json()


def _bill(day: Day) -> dict[str, tuple[int, int, int]]:
    found: dict[str, tuple[int, int, int]] = {}
    for name, tokens in [*day.provider.bill().items(), *day.pacing.bill().items()]:
        asked, answered = tokens["prompt_tokens"], tokens["completion_tokens"]
        nano = _PRICES[name][0] * asked + _PRICES[name][1] * answered
        before = found.get(name, (0, 0, 0))
        found[name] = (before[0] + int(nano), before[1] + asked, before[2] + answered)
    return found


def _cost(spans: Iterable[Span]) -> int:
    generations = (Generation.of(span) for span in spans)
    return sum(round((each.cost_usd or 0) * _NANO) for each in generations if each is not None)


def _nano(lines: Iterable[Line], name: str) -> int:
    return int(sum(Decimal(line.get(name, "0")) for line in lines) * _NANO)


def _whole_nano(usd: str) -> int:
    return round(Decimal(usd) * _NANO)


def _trace_id(call_id: str) -> str:
    return call_id.replace("-", "")
