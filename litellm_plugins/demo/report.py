"""What the outcomes add up to. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from litellm_plugins.demo.arrivals import TEAMS
from litellm_plugins.demo.judging import Judged
from litellm_plugins.demo.prices import Price
from litellm_plugins.demo.traffic import Outcome
from litellm_plugins.model import Layer

_EXAMPLES = 3
_NANO = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """The requests that one layer answered. Latencies are None where there were none."""

    layer: str
    requests: int
    wrong: int
    tokens: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Bill:
    """`without`: had every request gone to the provider. `paid`: what the misses cost."""

    without_nano_usd: int
    paid_nano_usd: int

    @property
    def saved_share(self) -> float:
        return 1 - self.paid_nano_usd / self.without_nano_usd if self.without_nano_usd else 0.0


@dataclass(frozen=True, slots=True)
class TeamFigures:
    """One team's part."""

    team: str
    requests: int
    exact: int
    semantic: int
    wrong: int
    bill: Bill


@dataclass(frozen=True, slots=True)
class Example:
    """A semantic hit."""

    asked: str
    written_for: str
    similarity: float | None
    wrong: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers of one run, read from the responses; `provider_calls` alone is what the simulator counted."""

    requests: int
    layers: tuple[LayerFigures, ...]
    teams: tuple[TeamFigures, ...]
    bill: Bill
    tokens_bought: int
    tokens_saved: int
    crossed: int
    errors: tuple[str, ...]
    examples: tuple[Example, ...]
    unlike_price_list: int  # answers whose cost header differs from tokens times listed price
    provider_calls: int

    def layer(self, name: Layer) -> LayerFigures:
        """The figures of one layer."""
        return next(each for each in self.layers if each.layer == name)

    @property
    def wrong(self) -> int:
        return sum(each.wrong for each in self.layers)


def add_up(outcomes: Sequence[Outcome], judged: Sequence[Judged], price: Price, *, provider_calls: int) -> Report:
    """The report on a run; `price` is for the answers whose response does not tell their cost."""
    hits = [each.outcome for each in judged if each.outcome.is_hit]
    bought = [each.outcome for each in judged if not each.outcome.is_hit]
    strays = [
        f"an answer written for something else, not from the cache: {_text(each)}" for each in judged if each.stray
    ]
    return Report(
        requests=len(outcomes),
        layers=tuple(_layer(layer, judged) for layer in Layer),
        teams=tuple(_team(team, judged, price) for team in TEAMS),
        bill=_bill([each.outcome for each in judged], price),
        tokens_bought=sum(map(_tokens, bought)),
        tokens_saved=sum(map(_tokens, hits)),
        crossed=sum(each.crossed for each in judged),
        errors=(*(each.error for each in outcomes if each.error), *strays),
        examples=_examples(judged),
        unlike_price_list=sum(each.cost_nano_usd not in {None, _listed(each, price)} for each in bought),
        provider_calls=provider_calls,
    )


def shortcomings(report: Report, *, shared_by_config: bool = False) -> list[str]:
    """Why the run did not show what it should; none if it did. `shared_by_config`: teams may share answers."""
    found = []
    if report.errors:
        found.append(f"{len(report.errors)} requests failed; the first: {report.errors[0]}")
    if report.crossed and not shared_by_config:
        found.append(f"{report.crossed} answers crossed from one team to another")
    found += [
        f"no request ended as {layer}; with few requests, or the layer off in the config, that may be"
        for layer in (Layer.EXACT, Layer.SEMANTIC, Layer.MISS)
        if not report.layer(layer).requests
    ]
    return found


def as_json(report: Report) -> dict[str, Any]:
    """The report in plain values; money is a string of US dollars."""
    plain = asdict(report)
    for place in (plain, *plain["teams"]):
        bill = place.pop("bill")
        place["usd_without_pack"] = usd(bill["without_nano_usd"])
        place["usd_with_pack"] = usd(bill["paid_nano_usd"])
        place["saved_share"] = round(Bill(**bill).saved_share, 4)
    return plain


def usd(nano_usd: int, places: int = 6) -> str:
    """Dollars, rounded: 1234567 gives "0.001235"."""
    return f"{Decimal(nano_usd) / _NANO:.{places}f}"


def percentile(values: Sequence[float], share: float) -> float | None:
    """By nearest rank: a value that occurred. None for none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def _layer(layer: Layer, judged: Sequence[Judged]) -> LayerFigures:
    of_layer = [each for each in judged if each.outcome.layer == layer]
    latencies = [each.outcome.latency_ms for each in of_layer]
    return LayerFigures(
        layer=str(layer),
        requests=len(of_layer),
        wrong=sum(each.wrong for each in of_layer),
        tokens=sum(_tokens(each.outcome) for each in of_layer),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
    )


def _team(team: str, judged: Sequence[Judged], price: Price) -> TeamFigures:
    ours = [each for each in judged if each.outcome.ask.team == team]
    return TeamFigures(
        team=team,
        requests=len(ours),
        exact=sum(each.outcome.layer == Layer.EXACT for each in ours),
        semantic=sum(each.outcome.layer == Layer.SEMANTIC for each in ours),
        wrong=sum(each.wrong for each in ours),
        bill=_bill([each.outcome for each in ours], price),
    )


def _bill(outcomes: Sequence[Outcome], price: Price) -> Bill:
    paid = sum(_paid(each, price) for each in outcomes)
    bought = sum(_paid(each, price) for each in outcomes if not each.is_hit)
    return Bill(bought + sum(each.saved_nano_usd for each in outcomes if each.is_hit), paid)


def _paid(outcome: Outcome, price: Price) -> int:
    if outcome.cost_nano_usd is not None:
        return outcome.cost_nano_usd
    return 0 if outcome.is_hit else _listed(outcome, price)


def _listed(outcome: Outcome, price: Price) -> int:
    return price.cost_nano_usd(outcome.prompt_tokens, outcome.completion_tokens)


def _tokens(outcome: Outcome) -> int:
    return outcome.prompt_tokens + outcome.completion_tokens


def _text(judged: Judged) -> str:
    return judged.outcome.ask.question.text


def _examples(judged: Sequence[Judged]) -> tuple[Example, ...]:
    """The most instructive semantic hits: wrong ones first, then those that are least alike; none twice."""
    found = {
        Example(
            asked=_text(each),
            written_for=each.written_for.text if each.written_for else "(unknown)",
            similarity=each.outcome.similarity,
            wrong=each.wrong,
        )
        for each in judged
        if each.outcome.layer == Layer.SEMANTIC
    }
    return tuple(sorted(found, key=lambda each: (not each.wrong, each.similarity or 0.0, each.asked))[:_EXAMPLES])
