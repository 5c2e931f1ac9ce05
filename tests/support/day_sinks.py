"""What each sink says of a day, read once: log, metrics, cost monitor, traces, ledger, and the provider's bill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from litellm_plugins.insight.usage import HITS
from tests.support.answers import Metrics
from tests.support.budgets import PRICES, held_by, open_calls
from tests.support.day_plans import NUMBER
from tests.support.fixtures import LEGACY_MODEL
from tests.support.langfuse import Generation, Span

if TYPE_CHECKING:
    from tests.support.day_proxy import Day, Seen

Line = Mapping[str, Any]
NANO = 1_000_000_000
_PRICES = {**PRICES, LEGACY_MODEL: (Fraction(1_500), Fraction(2_000))}
_TOLD_BY_STAGE_1 = ("empty_conversation", "model_not_found")


@dataclass(frozen=True, slots=True)
class Trace:
    """What Langfuse got of one request."""

    roots: int
    layers: list[str]
    nano_usd: int
    saved_nano_usd: int
    saved_tokens: int
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sinks:
    """All of them, read once."""

    seen: Sequence[Seen]
    lines: Sequence[Line]
    metrics: Metrics
    costs: Mapping[str, Any]  # by what they are grouped by
    routes: Mapping[str, int]  # by route, as the log writes it: how many requests the report of routing has
    checks: Sequence[Line]  # the log lines `answer_checked`
    spans: Mapping[str, Sequence[Span]]  # by trace
    ledger: Mapping[str, tuple[int, int]]  # by budget: nano-dollars and tokens
    open_calls: int
    bill: Mapping[str, tuple[int, int, int]]  # by model: nano-dollars and tokens of both kinds
    line_of: Mapping[str, Line]

    @classmethod
    def of(cls, day: Day) -> Sinks:
        """Of a day that is over, or nearly."""
        log = day.proxy.log()
        lines = _lines(log, "call_finished")
        spans: dict[str, list[Span]] = {}
        for span in day.recorder.spans()[day.traced_before :]:
            spans.setdefault(span.trace_id, []).append(span)
        held = {name: held_by(day.proxy, name) for name in ("all", "each-team")}
        return cls(
            seen=day.seen,
            lines=lines,
            metrics=day.proxy.metrics(),
            costs={by: _costs(day, by) for by in ("layer", "ending", "team")},
            routes=_routes(day),
            checks=_lines(log, "answer_checked"),
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

    def traced(self, call_id: str) -> Trace:
        """What Langfuse got of one request."""
        spans = self.spans.get(trace_id(call_id), ())
        roots = [span for span in spans if span.name == "plugins.request"]
        told = [span.attributes for span in roots]
        layers = [tag.removeprefix("cache:") for span in roots for tag in span.tags if tag.startswith("cache:")]
        hit = any(layer in HITS for layer in layers)
        saved = sum(float(each.get("langfuse.trace.metadata.saved_usd") or 0) for each in told) if hit else 0
        tokens = sum(int(each.get("langfuse.trace.metadata.saved_tokens") or 0) for each in told) if hit else 0
        tags = tuple(tag for span in roots for tag in span.tags)
        prefix = "langfuse.trace.metadata."
        metadata = {k.removeprefix(prefix): v for each in told for k, v in each.items() if k.startswith(prefix)}
        return Trace(len(roots), layers, cost_of(spans), round(saved * NANO), tokens, tags, metadata)

    def metric(self, name: str, **labels: str) -> int:
        """The sum of one that counts in whole numbers."""
        return round(self.metrics.value(f"litellm_plugins_{name}", **labels))

    def metric_nano(self, name: str, **labels: str) -> int:
        """Of one in dollars: nano-dollars."""
        return round(self.metrics.value(f"litellm_plugins_{name}", **labels) * NANO)

    def cost(self, by: str, word: str, name: str) -> int:
        """What the cost monitor has of one word of a dimension."""
        return sum(int(row[name]) for row in self.costs[by]["rows"] if row[by] == word)


def _lines(log: str, event: str) -> list[Line]:
    return [json.loads(text[text.index("{") :]) for text in log.splitlines() if f'"{event}"' in text]


def _costs(day: Day, by: str) -> Any:
    return day.proxy.http("GET", f"/plugins/costs?by={by}&since=24h", day.proxy.master_key).raise_for_status().json()


def _routes(day: Day) -> dict[str, int]:
    path = "/plugins/routing/report?since=24h"
    told = day.proxy.http("GET", path, day.proxy.master_key).raise_for_status().json()
    return {_route(row): row["requests"] for row in told["rows"]}


def _route(row: Mapping[str, Any]) -> str:
    arm = f"/{row['experiment']}:{row['arm']}" if row.get("arm") else ""
    return f"{row['router']}/{row['tier']}{arm}"


def _bill(day: Day) -> dict[str, tuple[int, int, int]]:
    found: dict[str, tuple[int, int, int]] = {}
    for name, tokens in [*day.provider.bill().items(), *day.pacing.bill().items()]:
        asked, answered = tokens["prompt_tokens"], tokens["completion_tokens"]
        nano = _PRICES[name][0] * asked + _PRICES[name][1] * answered
        before = found.get(name, (0, 0, 0))
        found[name] = (before[0] + int(nano), before[1] + asked, before[2] + answered)
    return found


def answered_by_question(requests: Iterable[Mapping[str, Any]]) -> dict[int, Counter[str]]:
    """By the question's number: tokens that were sent, by how each call ended."""
    found: dict[int, Counter[str]] = {}
    for each in requests:
        number = NUMBER.search(json.dumps(each["body"]))
        if number is not None and each["endpoint"] != "embeddings":
            found.setdefault(int(number[1]), Counter())[each["outcome"]] += each["tokens_sent"]
    return found


def cost_of(spans: Iterable[Span]) -> int:
    """Of their generations, in nano-dollars."""
    generations = (Generation.of(span) for span in spans)
    return sum(round((each.cost_usd or 0) * NANO) for each in generations if each is not None)


def nano(lines: Iterable[Line], name: str) -> int:
    """The sum of a field in dollars, in nano-dollars."""
    return int(sum(Decimal(line.get(name, "0")) for line in lines) * NANO)


def whole_nano(usd: str) -> int:
    """Of a header's dollars."""
    return round(Decimal(usd) * NANO)


def trace_id(call_id: str) -> str:
    """Langfuse's name of the request."""
    return call_id.replace("-", "")
