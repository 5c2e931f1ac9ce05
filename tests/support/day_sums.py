"""A day's sums by each sink, and whether they say the same. The log line `call_finished` is what all are held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.telemetry.sinks.headers import PREFIX
from tests.support.answers import cache_of
from tests.support.budgets import PRICES
from tests.support.day_cells import Cell, Row
from tests.support.day_plans import EMBEDDER
from tests.support.day_routes import route_rows
from tests.support.day_sinks import NANO, Sinks, answered_by_question, cost_of, nano, trace_id, whole_nano
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.day_proxy import Day, Seen

SINKS = ("clients", "log", "metrics", "costs", "traces", "ledger", "provider")
LAYERS = ("exact", "semantic", "coalesced", "miss", "bypass", "off")
ENDINGS = ("success", "failure", "gone", "refused")
DIRECTIONS = ("prompt", "completion")
TEAMS = ("support", "sales", "Legal")
_DEAREST = 15_000  # nano-dollars for a token, of the models that are asked


def compared(day: Day, *, timeout_s: float = 30) -> list[Row]:
    """Every sum by every sink, once they have come to rest: as soon as they agree, or when the time is up."""
    rows: list[Row] = []

    def agree() -> bool:
        rows[:] = _Sums(Sinks.of(day)).rows()
        return all(row.agrees for row in rows)

    try:
        eventually(agree, what="the sinks to agree", timeout_s=timeout_s, every_s=1.0)
    except AssertionError:
        return rows
    return rows


def of_each_call(day: Day) -> list[str]:
    """Where a single request's trace and its log line are apart, to find out why."""
    sinks, found = Sinks.of(day), []
    for plan in (seen.plan for seen in day.seen):
        line, told = sinks.line_of.get(plan.call_id), sinks.traced(plan.call_id)
        if line is None:
            found.append(f"not logged: {plan}")
        elif line in sinks.decided and (told.layers, told.nano_usd) != ([line["cache"]], nano([line], "cost_usd")):
            found.append(f"traced as {told}, logged as {line}: {plan}")
    return found


def of_each_question(day: Day) -> list[str]:
    """Where what was answered to one question, by the provider's count, is not what was logged for it.

    Of streams that broke they may be a token apart.
    """
    sinks = Sinks.of(day)
    logged, plans = Counter[int](), dict[int, list[str]]()
    for plan in (seen.plan for seen in day.seen):
        logged[plan.number] += sinks.line_of.get(plan.call_id, {}).get("completion_tokens", 0)
        plans.setdefault(plan.number, []).append(f"{plan.kind} on {plan.endpoint}{' streamed' * plan.stream}")
    billed = answered_by_question([*day.provider.requests(), *day.pacing.requests()])
    apart = [number for number in plans if number and sum(billed.get(number, {}).values()) != logged[number]]
    return [f"case {n}: {plans[n]}: {logged[n]} tokens logged, sent {dict(billed.get(n, {}))}" for n in apart]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of what was read."""

    sinks: Sinks

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
            *route_rows(self.sinks),
            self._left_over(),
        ]

    # Calls

    def _calls(self) -> Row:
        count = len(self.sinks.lines)
        roots = sum(self.sinks.traced(line["call_id"]).roots for line in self.sinks.lines)
        cells = {
            "clients": Cell(len({seen.plan.call_id for seen in self.sinks.seen}), count),
            "log": Cell(len(self.sinks.line_of), count),
            "metrics": Cell(self.sinks.metric("calls_total"), count),
            "costs": Cell(self.sinks.costs["layer"]["total"]["requests"], count),
            "traces": Cell(roots, len(self.sinks.decided)),
        }
        return Row("requests, each told once", "calls", cells)

    def _layer(self, layer: str) -> Row:
        lines = [line for line in self.sinks.lines if line["cache"] == layer]
        told = {seen.plan.call_id: told for seen in self.sinks.seen if (told := cache_of(seen.headers))}
        layers = Counter(name for line in self.sinks.lines for name in self.sinks.traced(line["call_id"]).layers)
        cells = {
            "clients": Cell(list(told.values()).count(layer), sum(line["call_id"] in told for line in lines)),
            "log": Cell(len(lines), len(lines)),
            "metrics": Cell(self.sinks.metric("calls_total", layer=layer), len(lines)),
            "costs": Cell(self.sinks.cost("layer", layer, "requests"), len(lines)),
            "traces": Cell(layers[layer], sum(line["cache"] == layer for line in self.sinks.decided)),
        }
        return Row(f"answered by {layer}", "calls", cells)

    def _ending(self, ending: str) -> Row:
        lines = [line for line in self.sinks.lines if line["ending"] == ending]
        certain = {seen.plan.call_id: seen.ending for seen in self.sinks.seen if seen.ending}
        cells = {
            "clients": Cell(list(certain.values()).count(ending), sum(line["call_id"] in certain for line in lines)),
            "log": Cell(len(lines), len(lines)),
            "metrics": Cell(self.sinks.metric("calls_total", ending=ending), len(lines)),
            "costs": Cell(self.sinks.cost("ending", ending, "requests"), len(lines)),
        }
        return Row(f"ended as {ending}", "calls", cells)

    def _attempts(self) -> Row:
        count = sum(line["attempts"] for line in self.sinks.lines)
        cells = {
            "log": Cell(count, count),
            "metrics": Cell(self.sinks.metric("attempts_total"), count),
            "costs": Cell(self.sinks.costs["layer"]["total"]["attempts"], count),
        }
        return Row("calls of deployments", "calls", cells)

    # Dollars

    def _spent(self) -> Row:
        spent, own = nano(self.sinks.lines, "cost_usd"), nano(self.sinks.lines, "own_usd") + self._later
        whole = self.sinks.costs["layer"]["total"]
        cells = {
            "clients": self._by_headers("x-litellm-response-cost", "cost_usd", _tells_its_cost),
            "log": Cell(spent, spent),
            "metrics": Cell(self.sinks.metric_nano("spent_usd_total", cause="provider"), spent),
            "costs": Cell(whole["nano_usd"] - round(whole["own_usd"] * NANO), spent),
            "traces": Cell(sum(self.sinks.traced(line["call_id"]).nano_usd for line in self.sinks.lines), spent),
            "ledger": Cell(self.sinks.ledger["all"][0] - own, spent),
            "provider": Cell(sum(each[0] for each in self.sinks.bill.values()) - own, spent, self._broken * _DEAREST),
        }
        return Row("spent at providers", "nano-dollars", cells)

    @property
    def _later(self) -> int:
        """Own calls that ended after the request they were for: no line of the log has them, the metrics have."""
        return self.sinks.metric_nano("spent_usd_total", cause="own") - nano(self.sinks.lines, "own_usd")

    @property
    def _broken(self) -> int:
        """Streams of which nobody told the usage: our count may be off by a token each."""
        return sum(line["stream"] and line["ending"] == "failure" and "cost_usd" in line for line in self.sinks.lines)

    def _own(self) -> Row:
        own = nano(self.sinks.lines, "own_usd")
        known = {trace_id(line["call_id"]) for line in self.sinks.lines}
        apart = [span for trace, spans in self.sinks.spans.items() if trace not in known for span in spans]
        cells = {
            "log": Cell(own, own),
            "metrics": Cell(self.sinks.metric_nano("spent_usd_total", cause="own"), own),
            "costs": Cell(round(self.sinks.costs["layer"]["total"]["own_usd"] * NANO), own),
            "traces": Cell(cost_of(apart), own),
        }
        return Row("spent on own embeddings", "nano-dollars", cells)

    def _team(self, team: str) -> Row:
        lines = [line for line in self.sinks.lines if line["team"] == team]
        spent = nano(lines, "cost_usd") + nano(lines, "own_usd")
        cells = {
            "log": Cell(spent, spent),
            "metrics": Cell(self.sinks.metric_nano("team_spent_usd_total", team=team), spent),
            "costs": Cell(self.sinks.cost("team", team, "nano_usd"), spent),
        }
        return Row(f"spent by team {team}", "nano-dollars", cells)

    def _saved(self) -> Row:
        saved = nano(self.sinks.lines, "saved_usd")
        cells = {
            "clients": self._by_headers("x-litellm-plugins-saved-usd", "saved_usd", lambda _: True),
            "log": Cell(saved, saved),
            "metrics": Cell(self.sinks.metric_nano("saved_usd_total"), saved),
            "costs": Cell(round(self.sinks.costs["layer"]["total"]["saved_usd"] * NANO), saved),
            "traces": Cell(sum(self.sinks.traced(line["call_id"]).saved_nano_usd for line in self.sinks.lines), saved),
        }
        return Row("saved", "nano-dollars", cells)

    def _by_headers(self, header: str, field: str, asked: Callable[[Seen], bool]) -> Cell:
        told = [seen for seen in self.sinks.seen if asked(seen) and seen.status == 200 and header in seen.headers]
        lines = [line for seen in told if (line := self.sinks.line_of.get(seen.plan.call_id)) is not None]
        return Cell(sum(whole_nano(seen.headers[header]) for seen in told), nano(lines, field))

    # Tokens

    def _tokens(self, direction: str) -> Row:
        count = sum(line.get(f"{direction}_tokens", 0) for line in self.sinks.lines)
        cells = {
            "log": Cell(count, count),
            "metrics": Cell(self.sinks.metric("tokens_total", direction=direction), count),
            "costs": Cell(self.sinks.costs["layer"]["total"][f"{direction}_tokens"], count),
        }
        billed = sum(tokens[1 + DIRECTIONS.index(direction)] for tokens in self.sinks.bill.values())
        if direction == "prompt":
            cells["provider"] = Cell(billed - self._own_tokens, count)
        else:
            cells["provider"] = Cell(billed, count, self._broken)
        return Row(f"{direction} tokens", "tokens", cells)

    @property
    def _own_tokens(self) -> int:
        """What the pack's own embeddings read: no line of the log counts them."""
        return int(self.sinks.metric_nano("spent_usd_total", cause="own") / PRICES[EMBEDDER][0])

    def _all_tokens(self) -> Row:
        count = sum(line.get(f"{each}_tokens", 0) for each in DIRECTIONS for line in self.sinks.lines)
        held = {name: Cell(found, count) for name, found in (("log", count), ("ledger", self.sinks.ledger["all"][1]))}
        return Row("tokens of both kinds", "tokens", held)

    def _saved_tokens(self) -> Row:
        count = sum(line.get("saved_tokens", 0) for line in self.sinks.lines)
        cells = {
            "log": Cell(count, count),
            "metrics": Cell(self.sinks.metric("saved_tokens_total"), count),
            "costs": Cell(self.sinks.costs["layer"]["total"]["saved_tokens"], count),
            "traces": Cell(sum(self.sinks.traced(line["call_id"]).saved_tokens for line in self.sinks.lines), count),
        }
        return Row("saved tokens", "tokens", cells)

    def _left_over(self) -> Row:
        cells = {
            "metrics": Cell(self.sinks.metric("dropped_total"), 0),
            "ledger": Cell(self.sinks.open_calls, 0),
        }
        return Row("dropped, or still reserved", "calls", cells)


def _tells_its_cost(seen: Seen) -> bool:
    """A stream's is not known yet; of two answers the header has what the served one cost."""
    return not seen.plan.stream and f"{PREFIX}route-escalated" not in seen.headers
