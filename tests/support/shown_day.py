"""What the page has to show: a month of hours in an insight file, anomalies, and a desk with items to judge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litellm_plugins.errors import NotFound
from litellm_plugins.insight.backends.sqlite import SqliteUsage
from litellm_plugins.insight.backends.sqlite_anomalies import SqliteAnomalies
from litellm_plugins.insight.routes import RouteSums, RouteWords
from litellm_plugins.insight.store import Batch, ToldAnomaly
from litellm_plugins.insight.usage import DIMENSIONS, HOUR_S, Sums, Words, hour_of
from litellm_plugins.proxy.insight.stores import INSIGHT_SCHEMA
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.ui.reviewing import Verdict
from tests.support.synthetic_weeks import MONDAY, weeks

HOURS = 30 * 24
_KEY, _LAYER = DIMENSIONS.index("key"), DIMENSIONS.index("layer")
_FEATURE, _GROUP = DIMENSIONS.index("feature"), DIMENSIONS.index("model_group")
_LAYERS = {"-1": "exact", "-2": "coalesced"}
_NAMES = {"small": "gpt-4.1-mini", "large": "gpt-4.1"}


async def fill(path: Path, *, hours: int = HOURS) -> int:
    """Puts traffic of that many hours, up to now, into the insight file; returns how many requests that is."""
    now_ms = time.time_ns() // 1_000_000
    shift = hour_of(now_ms) - MONDAY - hours + 1
    sums: dict[tuple[int, Words], Sums] = {}
    routes: dict[tuple[int, RouteWords], RouteSums] = {}
    for row in weeks(7, 0, hours):
        hour, words = row.hour + shift, _named(row.words)
        sums[hour, words] = row.sums
        if "miss" in words and "agent" in words:
            tier = "strong" if "gpt-4.1" in words else "cheap"
            at = (hour, (f"auto/{tier}", "success"))
            one = RouteSums(row.sums.requests, 0, row.sums.spent_nano_usd)
            routes[at] = routes.get(at, RouteSums()).plus(one)
    file = SqliteFile(path, schema=INSIGHT_SCHEMA)
    usage = SqliteUsage(file, keep_hours=10**6)
    await usage.add(Batch("a month", sums, routes=routes), now_ms=now_ms)
    log = SqliteAnomalies(file)
    for number, (kind, team, subject, text) in enumerate(ANOMALIES):
        at_ms = now_ms - (1 + 7 * number) * HOUR_S * 1_000
        await log.keep(ToldAnomaly(f"a{number}", kind, subject, at_ms, team, text))
    await usage.aclose()
    return sum(each.requests for each in sums.values())


_DEARER = (
    "Cost per request of team support is 104% above usual: $0.009375 instead of $0.004596 over the last 3 hours (204 "
    "requests). Changed: model gpt-4.1 (40% → 85% of the requests, $0.010513 → $0.010874 each) makes 105% of it; cost "
    "per 1,000 tokens $0.001824 → $0.003691."
)
_COLDER = "The hit rate of team sales fell to 12% from the usual 31% over the last 3 hours (412 requests)."
_LONGER = "Prompts of feature agent grow: 2,410 tokens per request instead of 1,806 (+33%) over the last 24 hours."
ANOMALIES: tuple[tuple[str, str, tuple[str, str], str], ...] = (
    ("cost_per_request", "support", ("team", "support"), _DEARER),
    ("hit_rate", "sales", ("team", "sales"), _COLDER),
    ("prompt_tokens", "", ("feature", "agent"), _LONGER),
)


def _named(words: Words) -> Words:
    """The synthetic weeks know one layer that answers: each key has another here; and agents ask a router."""
    named = [_NAMES.get(word, word) for word in words]
    layer = _LAYERS.get(words[_KEY][-2:])
    if words[_FEATURE] == "agent":
        named[_GROUP] = "auto"
    if words[_LAYER] == "semantic" and layer is not None:
        named[_LAYER] = layer
    return tuple(named)


PROMOTIONS: dict[str, Any] = {
    "verifier": [
        {
            "at_s": 1_800_000_000.0, "of": "everybody", "labels": 2_400, "state": "better",
            "before": {"right": 0.952, "low": 0.91, "high": 0.974, "judged": 168, "too_few": False},
            "after": {"right": 0.991, "low": 0.967, "high": 0.998, "judged": 214, "too_few": False},
            "difference": {"right": 0.039, "low": 0.007, "high": 0.082},
        }
    ],
    "router": [
        {
            "at_s": 1_800_050_000.0, "of": "auto", "scorer": "adapted", "state": "too_few", "difference": None,
            "before": {"right": None, "judged": 41, "too_few": False},
            "after": {"right": None, "judged": 7, "too_few": True},
        }
    ],
}  # fmt: skip


@dataclass
class Desk:
    """Keeps `ReviewDesk`, in memory: for what the page does with items, whoever they come from."""

    items: list[dict[str, Any]]
    judged: list[tuple[str, str, str]] = field(default_factory=list)
    judged_at_ms: dict[str, int] = field(default_factory=dict)

    async def queue(self, limit: int, team: str | None, tenant: str | None) -> Sequence[dict[str, Any]]:
        waiting = [each for each in self.items if each["id"] not in {item for item, *_ in self.judged}]
        mine = [each for each in waiting if team in (None, each["team"]) and tenant in (None, each["tenant"])]
        return mine[:limit]

    async def judge(self, item_id: str, verdict: Verdict, by: str, *, shown_at_ms: int | None) -> dict[str, Any]:
        if item_id not in {each["id"] for each in self.items}:
            raise NotFound(f"no item has the id {item_id[:64]!r}")
        said = next((word for item, word, _ in reversed(self.judged) if item == item_id), verdict)
        if said != verdict and shown_at_ms is not None and self.judged_at_ms[item_id] > shown_at_ms:
            return {"meanwhile": said}
        self.judged.append((item_id, verdict, by))
        self.judged_at_ms[item_id] = time.time_ns() // 1_000_000
        return {"id": item_id, "effects": ["evicted", "remembered"] if verdict == "wrong" else ["support_raised"]}

    async def report(self, team: str | None, tenant: str | None) -> dict[str, Any]:
        judged = {"sampled": 240, "judged": 180, "right": 0.978, "low": 0.944, "high": 0.992}
        precision = {"all": judged if team is None else {"sampled": 0, "judged": 0, "right": None}}
        return {"precision": precision, "promotions": PROMOTIONS}


def item(number: int, *, team: str = "support", **told: Any) -> dict[str, Any]:
    """One as the desk tells it."""
    usual = {
        "id": f"{number:032x}",
        "kind": "hit",
        "why": "near_operating_point",
        "team": team,
        "tenant": f"team:{team}",
        "layer": "semantic",
        "question": f"How do I reset the password of account {number}?",
        "matched_question": "How can I reset my password?",
        "answer": "Open Settings, choose Security, then Reset password. A mail with a link follows.",
        "similarity": 0.934,
        "probability": 0.962,
        "model": "gpt-4.1-mini",
        "feature": "faq",
        "age_s": 7_300.0,
        "verdict": None,
    }
    return {**usual, **told}
