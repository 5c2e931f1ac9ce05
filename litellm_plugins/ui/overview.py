"""What is saved, how often the cache answers, and who answers else: from summed hours to what the page draws. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from litellm_plugins.insight.route_costs import where_of
from litellm_plugins.insight.routes import RouteSums, RouteWords
from litellm_plugins.insight.usage import HITS, LOOKED_UP, NONE, OTHER, Row, Sums, total
from litellm_plugins.ui import words
from litellm_plugins.ui.charts import Chart, columns
from litellm_plugins.ui.spans import Span

_NANO = 1e9
_FAILED, _REFUSED = frozenset({"failure"}), frozenset({"refused"})  # endings: by whoever answered, and by the pack
_NAME = 80  # characters of a name
_MOST_MODELS = 12
# By the word in the place of the layer (`insight.usage.SAVING`).
CAUSES = {
    "exact": "same question",
    "semantic": "same meaning",
    "coalesced": "asked at once",
    "compression": "shorter prompts",
    "history": "old turns left out",
    "prompt_cache": "the provider's cache",
    "other": "else",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """What the store says of a span: rows by one word each, and of routed requests.

    These are counted by tier for everybody together. Of a team alone there are rows of what a router was asked for, by
    router and the model that answered.
    """

    layers: Sequence[Row]
    endings: Sequence[Row]
    models: Sequence[Row]
    routes: Mapping[RouteWords, RouteSums] | None = None
    routed: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """A line with a bar."""

    name: str
    requests: int
    share: float  # of the requests
    usd: float
    kind: str = ""

    @property
    def width(self) -> float:
        """Of the bar, in hundredths."""
        return round(100 * self.share, 2)


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page's numbers."""

    requests: int
    spent_usd: float
    saved_usd: float
    hit_rate: float | None
    failed: float | None
    refused: float | None  # by a budget, or at admission: no fault of anybody's
    causes: tuple[Share, ...]  # `share` is of what was saved
    savings: Chart
    hits: Chart
    models: tuple[Share, ...]
    tiers: tuple[Share, ...]
    by_tier: bool  # False: these are a team's, by the models that answered

    @property
    def would_have_cost_usd(self) -> float:
        """Without the savings."""
        return self.spent_usd + self.saved_usd


def overview(counted: Counted, span: Span) -> Overview:
    """Of one span."""
    whole = total(row.sums for row in counted.layers)
    looked_up, hit = _asked(counted.layers, LOOKED_UP), _asked(counted.layers, HITS)
    failed, refused = (_asked(counted.endings, which) for which in (_FAILED, _REFUSED))
    return Overview(
        requests=whole.requests,
        spent_usd=(whole.spent_nano_usd + whole.own_nano_usd) / _NANO,
        saved_usd=whole.saved_nano_usd / _NANO,
        hit_rate=hit / looked_up if looked_up else None,
        failed=failed / whole.requests if whole.requests else None,
        refused=refused / whole.requests if whole.requests else None,
        causes=_causes(counted.layers, whole.saved_nano_usd),
        savings=_savings(counted.layers, span),
        hits=_hit_rates(counted.layers, span),
        models=_shares(_models(counted.models), _MOST_MODELS),
        tiers=_shares(_routed(counted.routed) if counted.routes is None else _tiers(counted.routes), _MOST_MODELS),
        by_tier=counted.routes is not None,
    )


def _asked(rows: Iterable[Row], among: frozenset[str]) -> int:
    return sum(row.sums.requests for row in rows if row.words[0] in among)


def _cause(row: Row) -> str:
    return row.words[0] if row.words[0] in CAUSES else "other"


def _causes(rows: Iterable[Row], saved: int) -> tuple[Share, ...]:
    sums: dict[str, Sums] = {}
    for row in rows:
        sums[_cause(row)] = sums.get(_cause(row), NONE).plus(row.sums)
    found = ((cause, sums[cause]) for cause in CAUSES if cause in sums)
    return tuple(
        Share(CAUSES[cause], each.requests, each.saved_nano_usd / saved, each.saved_nano_usd / _NANO, cause)
        for cause, each in found
        if each.saved_nano_usd and saved > 0  # what writing into the provider's cache cost may be more than it saved
    )


def _savings(rows: Iterable[Row], span: Span) -> Chart:
    labels = span.labels
    series = {cause: [0.0] * len(labels) for cause in CAUSES}
    for row in rows:
        series[_cause(row)][span.column_of(row.hour)] += max(0, row.sums.saved_nano_usd) / _NANO
    return columns(
        {cause: values for cause, values in series.items() if any(values)},
        labels,
        write=words.usd,
        write_scale=words.usd_in_short,
        names=CAUSES,
    )


def _hit_rates(rows: Sequence[Row], span: Span) -> Chart:
    """In each column the layers' shares of what was looked up there."""
    labels = span.labels
    looked_up = [0] * len(labels)
    hits = {layer: [0.0] * len(labels) for layer in CAUSES if layer in HITS}
    for row in rows:
        layer, at = row.words[0], span.column_of(row.hour)
        if layer in LOOKED_UP:
            looked_up[at] += row.sums.requests
        if layer in hits:
            hits[layer][at] += row.sums.requests
    shares = {
        layer: [hit / many if many else 0.0 for hit, many in zip(values, looked_up, strict=True)]
        for layer, values in hits.items()
        if any(values)
    }
    return columns(shares, labels, write=words.percent, write_scale=words.percent_in_full, names=CAUSES)


def _models(rows: Iterable[Row]) -> Mapping[str, tuple[int, int]]:
    """Requests and nano-dollars of each; those that no model answered have none."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        name = "others" if row.words[0] == OTHER else row.words[0]
        if name:
            requests, nano_usd = found[name]
            found[name] = requests + row.sums.requests, nano_usd + row.sums.spent_nano_usd
    return found


def _tiers(routes: Mapping[RouteWords, RouteSums]) -> Mapping[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (route, ending), sums in routes.items():
        if ending in _REFUSED:  # it was sent nowhere
            continue
        where = where_of(route)
        name = f"{where.router} / {where.tier}"
        requests, nano_usd = found[name]
        found[name] = requests + sums.requests, nano_usd + sums.nano_usd
    return found


def _routed(rows: Iterable[Row]) -> Mapping[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        router, model = row.words
        if model:
            name = f"{router} / {'others' if model == OTHER else model}"
            requests, nano_usd = found[name]
            found[name] = requests + row.sums.requests, nano_usd + row.sums.spent_nano_usd
    return found


def _shares(found: Mapping[str, tuple[int, int]], most: int) -> tuple[Share, ...]:
    whole = sum(requests for requests, _ in found.values())
    ordered = sorted(found.items(), key=lambda pair: (-pair[1][0], pair[0]))
    listed = [(words.cut(name, _NAME), requests, nano) for name, (requests, nano) in ordered[:most]]
    if rest := ordered[most:]:
        listed.append((f"{len(rest)} more", sum(one[0] for _, one in rest), sum(one[1] for _, one in rest)))
    return tuple(Share(name, many, many / whole if whole else 0.0, nano / _NANO) for name, many, nano in listed)
