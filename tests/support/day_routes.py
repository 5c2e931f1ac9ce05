"""Of a day's routed requests: where each went, in which arm, and which answers were not good enough, by every sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from litellm_plugins.telemetry.sinks.headers import PREFIX
from tests.support.day_cells import Cell, Row
from tests.support.day_sinks import Line, Sinks

ROUTES = (
    "auto/small", "auto/strong", "careful/simple", "careful/complex", "stuck/simple",
    "trial/strong/autumn:b", "trial/strong/autumn:control",
)  # fmt: skip
CHECKED = ("escalated", "passed", "dearer_failed")


def route_rows(sinks: Sinks) -> list[Row]:
    """A row for each route, and for each way in which a check ended."""
    return [*(_route(sinks, route) for route in ROUTES), *(_checked(sinks, outcome) for outcome in CHECKED)]


def _route(sinks: Sinks, route: str) -> Row:
    """By the tier that answered in the end."""
    lines = [line for line in sinks.lines if line.get("route") == route]
    told = {seen.plan.call_id: _route_in(seen.headers, seen.plan.model) for seen in sinks.seen}
    known = [line for line in lines if told.get(line["call_id"])]
    cells = {
        "clients": Cell(list(told.values()).count(route), len(known)),
        "log": Cell(len(lines), len(lines)),
        "metrics": Cell(_by_metrics(sinks, route), len(lines)),
        "costs": Cell(sinks.routes.get(route, 0), len(lines)),
        "traces": Cell(sum(_is_traced(sinks, line, route) for line in lines), len(lines)),
    }
    return Row(f"sent to {route}", "calls", cells)


def _route_in(headers: Mapping[str, str], router: str) -> str:
    tier, experiment, arm = (headers.get(f"{PREFIX}route-{each}", "") for each in ("tier", "experiment", "arm"))
    return f"{router}/{tier}" + (f"/{experiment}:{arm}" if arm else "") if tier else ""


def _by_metrics(sinks: Sinks, route: str) -> int:
    router, tier, *arms = route.split("/")
    if arms:
        experiment, _, arm = arms[0].partition(":")
        return sinks.metric("route_arms_total", router=router, tier=tier, experiment=experiment, arm=arm)
    up = sinks.metric("escalations_total", router=router, to=tier)
    away = sinks.metric("escalations_total", **{"router": router, "from": tier})
    return sinks.metric("routed_total", router=router, tier=tier) + up - away


def _is_traced(sinks: Sinks, line: Line, route: str) -> bool:
    _, tier, *arms = route.split("/")
    trace = sinks.traced(line["call_id"])
    wanted = {f"tier:{tier}", *(f"arm:{each.partition(':')[2]}" for each in arms)}
    return {tag for tag in trace.tags if tag.startswith(("tier:", "arm:"))} == wanted


def _checked(sinks: Sinks, outcome: str) -> Row:
    count = sum((line["kept"] or "escalated") == outcome for line in sinks.checks)
    headers = Counter(
        seen.headers.get(f"{PREFIX}route-kept") or "escalated"
        for seen in sinks.seen
        if f"{PREFIX}route-path" in seen.headers
    )
    traces = Counter(
        str(trace.metadata.get("route_kept") or "escalated")
        for trace in (sinks.traced(line["call_id"]) for line in sinks.lines)
        if trace.metadata.get("route_path")
    )
    cells = {
        "clients": Cell(headers[outcome], count),
        "log": Cell(count, count),
        "metrics": Cell(sinks.metric("answers_checked_total", outcome=outcome), count),
        "traces": Cell(traces[outcome], count),
    }
    return Row(f"answers checked: {outcome}", "calls", cells)
