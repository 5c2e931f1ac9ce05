"""What was spent on what: the answer to `litellm-plugins costs` and `GET /plugins/costs`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from litellm_plugins.alerts.message import iso
from litellm_plugins.errors import RequestError
from litellm_plugins.insight.route_costs import ROUTE_PARTS, RoutePart, tallied_routes
from litellm_plugins.insight.store import UsageStore
from litellm_plugins.insight.usage import (
    DIMENSIONS,
    HOUR_S,
    NONE,
    SAVING,
    Dimension,
    Row,
    Sums,
    Tally,
    Words,
    hour_of,
    together,
    top,
    total,
)

_NANO = 1e9
_SPAN = re.compile(r"([1-9][0-9]{0,4})(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}
_MOST = 1_000
_LISTS: tuple[Dimension, ...] = ("endpoint", "feature", "team", "user", "key", "model_group", "provider")
_OF_EACH = 5
# Of a router's requests only what its report needs is kept.
_UNKNOWN_OF_ROUTES = dict.fromkeys(
    (
        *("own_usd", "saved_usd", "tokens", "prompt_tokens", "cached_prompt_tokens", "completion_tokens"),
        *("saved_tokens", "attempts", "first_token_ms", "hits"),
    )
)
_GIVEN = ("by", "since", "until", "top")

Json = dict[str, Any]


class Costs:
    """Reads the store. Every method raises `RequestError` or `StoreUnavailable`."""

    def __init__(self, store: UsageStore, *, clock_ms: Callable[[], int]) -> None:
        self._store, self._clock_ms = store, clock_ms

    async def report(self, given: Mapping[str, Any]) -> Json:
        """By the dimensions `by`, the dearest `top` first; of the hours `since` to `until`; and the usual lists."""
        for name in given:
            if name not in _GIVEN:
                raise RequestError(f"{name}: unknown; known here: {', '.join(_GIVEN)}", param=name)
        now_ms = self._clock_ms()
        named, most = _names(str(given.get("by") or "feature")), _most(given.get("top"))
        parts = _parts(named)
        by = () if parts else _by(named)
        since, until = span_of(given, now_ms)
        lists: tuple[tuple[Dimension, ...], ...] = (("model",), ("layer",), *((each,) for each in _LISTS))
        tallies = await self._store.tallied(since, until, (by, *lists))
        hours = await self._store.rows(since, until, ())
        if parts:
            routes = await self._store.routes(since, until)
            tallies[0] = tallied_routes(routes, parts, total(row.sums for row in hours))
        asked = _Asked(tuple(named), since, until, most)
        return await asyncio.to_thread(_report, asked, tallies, hours)  # there may be a group for each user


def span_of(given: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """The hours from `since` until before `until`. Raises: RequestError."""
    since = _hour(str(given.get("since") or "7d"), "since", now_ms)
    until = _hour(str(given["until"]), "until", now_ms) if given.get("until") else hour_of(now_ms) + 1
    if since >= until:
        raise RequestError("since: is not before until", param="since")
    return since, until


@dataclass(frozen=True, slots=True)
class _Asked:
    by: tuple[str, ...]
    since: int
    until: int
    most: int


def _report(asked: _Asked, tallies: Sequence[Mapping[Words, Tally]], hours: Sequence[Row]) -> Json:
    groups, models, layers, *dearest = tallies
    all_of_it = together((models if _parts(asked.by) else groups).values())
    whole = all_of_it.sums
    unknown = _UNKNOWN_OF_ROUTES if _parts(asked.by) else {}
    listed = top(groups, asked.most)
    shown = {words for words, _ in listed}
    rest = together(told for words, told in groups.items() if words not in shown)
    return {
        "by": list(asked.by),
        "since": iso(asked.since * HOUR_S * 1_000),
        "until": iso(asked.until * HOUR_S * 1_000),
        "total": _counted(all_of_it, whole),
        "saved_by_cause": _causes(layers),
        "rows": [dict(zip(asked.by, words, strict=True)) | _counted(told, whole) | unknown for words, told in listed],
        "others": {"rows": len(groups) - len(listed), **_told(rest.sums, whole), **unknown},
        "hourly": [{"hour": iso(row.hour * HOUR_S * 1_000), **_short(row.sums)} for row in hours],
        "hour_of_day": _hours_of_day(hours),
        "models": _list("model", models, whole, most=20),
        "top": {each: _list(each, told, whole, most=_OF_EACH) for each, told in zip(_LISTS, dearest, strict=True)},
    }


def _causes(layers: Mapping[Words, Tally]) -> Json:
    found = {words[0]: told.sums for words, told in layers.items() if words and words[0] in SAVING}
    return {
        cause: {"usd": found[cause].saved_nano_usd / _NANO, "tokens": found[cause].saved_tokens}
        for cause in SAVING
        if cause in found
    }


def _list(dimension: Dimension, found: Mapping[Words, Tally], whole: Sums, *, most: int) -> list[Json]:
    return [{dimension: words[0], **_told(told.sums, whole)} for words, told in top(found, most) if words[0]]


def _counted(told: Tally, whole: Sums) -> Json:
    return {**_told(told.sums, whole), "hits": told.hits, "failures": told.failed}


def _told(sums: Sums, whole: Sums) -> Json:
    cost, all_costs = sums.spent_nano_usd + sums.own_nano_usd, whole.spent_nano_usd + whole.own_nano_usd
    return {
        "usd": cost / _NANO,
        "nano_usd": cost,
        "own_usd": sums.own_nano_usd / _NANO,
        "share": cost / all_costs if all_costs else 0.0,
        "saved_usd": sums.saved_nano_usd / _NANO,
        "requests": sums.requests,
        "tokens": sums.prompt_tokens + sums.completion_tokens,
        "prompt_tokens": sums.prompt_tokens,
        "cached_prompt_tokens": sums.cached_prompt_tokens,
        "completion_tokens": sums.completion_tokens,
        "saved_tokens": sums.saved_tokens,
        "attempts": sums.attempts,
        "latency_ms": round(sums.took_ms / sums.requests, 1) if sums.requests else None,
        "first_token_ms": round(sums.first_token_ms / sums.first_tokens, 1) if sums.first_tokens else None,
    }


def _short(sums: Sums) -> Json:
    return {
        "usd": (sums.spent_nano_usd + sums.own_nano_usd) / _NANO,
        "saved_usd": sums.saved_nano_usd / _NANO,
        "requests": sums.requests,
        "tokens": sums.prompt_tokens + sums.completion_tokens,
    }


def _hours_of_day(rows: Sequence[Row]) -> list[Json]:
    """In UTC, summed over the days."""
    found = [NONE] * 24
    for row in rows:
        found[row.hour % 24] = found[row.hour % 24].plus(row.sums)
    return [{"hour": hour, **_short(sums)} for hour, sums in enumerate(found)]


def _names(given: str) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if not names or len(set(names)) != len(names):
        raise RequestError("by: expected one or more names, each once: feature,team", param="by")
    return names


def _by(names: Sequence[str]) -> tuple[Dimension, ...]:
    if unknown := [name for name in names if name not in DIMENSIONS]:
        if unknown[0] in ROUTE_PARTS:
            alone = f"by: {', '.join(ROUTE_PARTS)} are kept apart, and summed by each other alone"
            raise RequestError(alone, param="by")
        known = ", ".join((*DIMENSIONS, *ROUTE_PARTS))
        raise RequestError(f"by: no such thing to sum by: {unknown[0][:40]!r}; known here: {known}", param="by")
    return cast("tuple[Dimension, ...]", tuple(names))


def _parts(names: Sequence[str]) -> tuple[RoutePart, ...]:
    """Where nothing else is asked for."""
    apart = all(name in ROUTE_PARTS for name in names)
    return cast("tuple[RoutePart, ...]", tuple(names)) if apart else ()


def _most(given: object) -> int:
    if given is None:
        return 20
    if not str(given).isdecimal() or not 1 <= int(str(given)) <= _MOST:
        raise RequestError(f"top: expected a number from 1 to {_MOST}", param="top")
    return int(str(given))


def _hour(given: str, name: str, now_ms: int) -> int:
    """A span back from now, or a time of ISO 8601, in UTC unless it says otherwise."""
    if span := _SPAN.fullmatch(given):
        return hour_of(now_ms) + 1 - int(span.group(1)) * _HOURS[span.group(2)]
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise RequestError(f"{name}: expected 24h, 7d, 2w, or a time: 2027-01-31T08:00", param=name) from None
    return hour_of(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000))
