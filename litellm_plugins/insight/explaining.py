"""What changed with what is strange: the ratios that moved, and whose requests moved them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from litellm_plugins.insight.anomalies import Finding
from litellm_plugins.insight.history import NOTHING, Point, point
from litellm_plugins.insight.usage import Dimension, Row

EXPLAINED: tuple[Dimension, ...] = ("model", "feature", "team", "user", "model_group")
ASKED: tuple[Dimension, ...] = (*EXPLAINED, "layer", "ending")  # rows by these
_NANO = 1e9
_LEAST_CHANGE = 0.1
_LEAST_PART = 0.15  # of all that moved
_MOST = 3


@dataclass(frozen=True, slots=True)
class Change:
    """A ratio of the subject's requests."""

    what: str
    before: float
    now: float
    unit: str  # usd, share, "" for a count

    @property
    def by(self) -> float:
        """As a share of what it was."""
        return (self.now - self.before) / self.before if self.before else float(self.now > 0)

    @property
    def told(self) -> dict[str, object]:
        """As a webhook gets it."""
        return {"what": self.what, "before": round(self.before, 9), "now": round(self.now, 9), "unit": self.unit}

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.what} {_shown(self.before, self.unit)} → {_shown(self.now, self.unit)}"


@dataclass(frozen=True, slots=True)
class Culprit:
    """Those requests that account for a part of it."""

    dimension: Dimension
    word: str
    part: float  # of all that moved
    share_before: float  # of the subject's requests
    share_now: float
    before: float  # of what is strange, per request of theirs
    now: float
    unit: str

    @property
    def told(self) -> dict[str, object]:
        """As a webhook gets it."""
        return {
            self.dimension: self.word,
            "part": round(self.part, 3),
            "share_before": round(self.share_before, 4),
            "share_now": round(self.share_now, 4),
            "before": round(self.before, 9),
            "now": round(self.now, 9),
            "unit": self.unit,
        }

    @property
    def text(self) -> str:
        """In words."""
        name = f"{self.dimension.replace('_', ' ')} {self.word or '(none)'}"
        shares = f"{self.share_before:.0%} → {self.share_now:.0%} of the requests"
        each = f"{_shown(self.before, self.unit)} → {_shown(self.now, self.unit)} each"
        return f"{name} ({shares}, {each}) makes {self.part:.0%} of it"


@dataclass(frozen=True, slots=True)
class Moved:
    """All that is said of why."""

    changes: tuple[Change, ...] = ()
    culprits: tuple[Culprit, ...] = ()


def moved(found: Finding, now: Sequence[Row], before: Sequence[Row], *, stretches: int) -> Moved:
    """From the subject's rows by `ASKED`, of its hours and of so many like stretches before."""
    if not before:
        return Moved()
    after, prior = _total(now), _total(before)
    changes = sorted(_changes(found, after, prior, stretches), key=lambda each: -abs(each.by))
    culprits = [each for dimension in EXPLAINED for each in _culprits(found, dimension, now, before)]
    culprits.sort(key=lambda each: -each.part)
    return Moved(tuple(changes[:_MOST]), tuple(culprits[:_MOST]))


def _changes(found: Finding, now: Point, before: Point, stretches: int) -> Iterable[Change]:
    hours = max(1, found.until - found.since)
    ratios = (
        ("requests per hour", before.requests / (hours * stretches), now.requests / hours, ""),
        ("prompt tokens per request", _per(before.prompt, before.paid), _per(now.prompt, now.paid), ""),
        ("completion tokens per request", _per(before.completion, before.paid), _per(now.completion, now.paid), ""),
        ("cost per 1,000 tokens", _price(before), _price(now), "usd"),
        ("hit rate", _per(before.hits, before.looked_up), _per(now.hits, now.looked_up), "share"),
        ("failures", _per(before.failed, before.requests), _per(now.failed, now.requests), "share"),
        ("tries per request", _per(before.attempts, before.called), _per(now.attempts, now.called), ""),
    )
    return (each for each in (Change(*ratio) for ratio in ratios) if abs(each.by) >= _LEAST_CHANGE and each.before)


def _culprits(found: Finding, dimension: Dimension, now: Sequence[Row], before: Sequence[Row]) -> Iterable[Culprit]:
    """By how much each word moved the ratio: its share of the requests times what each of them had."""
    if dimension == found.subject[0]:
        return
    after, prior = _by_word(dimension, now), _by_word(dimension, before)
    if len(after.keys() | prior.keys()) < 2:  # then it says no more than the subject does
        return
    whole_after, whole_prior = _measured(found, _sum(after.values())), _measured(found, _sum(prior.values()))
    if not whole_after[1] or not whole_prior[1]:
        return
    moved = whole_after[0] / whole_after[1] - whole_prior[0] / whole_prior[1]
    for word in after.keys() | prior.keys():
        (amount, count), (was, of) = (_measured(found, each.get(word, NOTHING)) for each in (after, prior))
        part = (amount / whole_after[1] - was / whole_prior[1]) / moved if moved else 0.0
        if part >= _LEAST_PART:
            shares = (of / whole_prior[1], count / whole_after[1])
            unit, scale = _unit(found)
            yield Culprit(dimension, word, part, *shares, _per(was, of) / scale, _per(amount, count) / scale, unit)


def _measured(found: Finding, p: Point) -> tuple[int, int]:
    match found.kind:
        case "hit_rate":
            return p.hits, p.looked_up
        case "prompt_tokens":
            return p.prompt, p.paid
        case "retry_storm" if found.cause == "attempts":
            return p.attempts, p.called
        case "retry_storm":
            return p.failed, p.requests
        case _:
            return p.spent, p.paid


def _unit(found: Finding) -> tuple[str, float]:
    if found.kind in ("cost_per_request", "user_day", "dear_request"):
        return "usd", _NANO
    return ("share", 1.0) if found.kind == "hit_rate" or found.cause == "failures" else ("", 1.0)


def _by_word(dimension: Dimension, rows: Iterable[Row]) -> Mapping[str, Point]:
    at, found = ASKED.index(dimension), dict[str, Point]()
    for row in rows:
        each = point(row.words[-2], row.words[-1], row.sums)
        found[row.words[at]] = found.get(row.words[at], NOTHING).plus(each)
    return found


def _total(rows: Iterable[Row]) -> Point:
    return _sum(point(row.words[-2], row.words[-1], row.sums) for row in rows)


def _sum(points: Iterable[Point]) -> Point:
    found = NOTHING
    for each in points:
        found = found.plus(each)
    return found


def _per(amount: float, count: float) -> float:
    return amount / count if count else 0.0


def _price(p: Point) -> float:
    return _per(p.spent, p.prompt + p.completion) * 1_000 / _NANO


def _shown(value: float, unit: str) -> str:
    if unit == "usd":
        return f"${value:,.2f}" if value >= 1 else f"${value:.6f}"
    if unit == "share":
        return f"{value:.0%}"
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"
