"""What the settings make of a request's class: whether it is cached, for whom, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from litellm_plugins.cache.volatility.classes import Judged, classify, inspected
from litellm_plugins.model import Reason, Request, Volatility
from litellm_plugins.settings.patterns import compiled
from litellm_plugins.settings.volatility import Feature

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry
    from litellm_plugins.settings import Cache

_T = TypeVar("_T")
_MINUTE_S, _DAY_S = 60.0, 86_400.0
_SHORTER_S = {Volatility.REALTIME: 45.0, Volatility.USER_SPECIFIC: 10 * _MINUTE_S}
_LONGER_S = {Volatility.STATIC: _DAY_S, Volatility.ARCHIVAL: 7 * _DAY_S}
_REFUSALS = {Volatility.REALTIME: Reason.REALTIME}
_NO_FEATURE = Feature()
_WORTH_A_WRITE = 0.1  # of a lifetime: a hit that would add less extends nothing


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one request is treated. `volatility` is "" where classes are switched off."""

    volatility: str
    personal: bool  # shared within one end user only
    refusal: Reason | None  # why it is not cached at all
    ttl_s: float
    max_ttl_s: float
    jitter: float
    sliding: bool


def treat(request: Request, policy: Cache) -> Treatment:
    """The treatment of `request` under `policy`."""
    settings = policy.volatility
    if not settings.enabled:
        return Treatment("", False, None, policy.ttl_s, policy.max_ttl_s, 0.0, sliding=False)
    feature = settings.features.get(request.feature, _NO_FEATURE)
    judged = _judged(request, policy, feature.volatility)
    kind = judged.volatility or settings.default
    of_class = settings.of(kind)
    bound = min(_first(feature.max_ttl_s, of_class.max_ttl_s, policy.max_ttl_s), policy.max_ttl_s)
    wanted_s = _first(feature.ttl_s, of_class.ttl_s, _default_ttl_s(kind, policy.ttl_s))
    by_class = of_class.cache
    if kind is Volatility.REALTIME and settings.realtime.with_tools:
        by_class = by_class or _uses_tools(request)
    cached = _first(feature.cache, by_class)
    return Treatment(
        volatility=kind.value,
        personal=judged.personal or kind is Volatility.USER_SPECIFIC,
        refusal=None if cached else _REFUSALS.get(kind, Reason.CLASS_NOT_CACHED),
        ttl_s=min(wanted_s, bound),
        max_ttl_s=bound,
        jitter=_first(feature.jitter, of_class.jitter),
        sliding=_first(feature.sliding, of_class.sliding),
    )


def lifetime_s(treatment: Treatment, wanted_s: float | None, key: bytes) -> float:
    """How long the answer under `key` lives. What the client wants holds to the second, up to the bound.

    Otherwise up to `jitter` of it is taken off, the same for the same key: what was stored together does not lapse
    together.
    """
    if wanted_s is not None:
        return min(wanted_s, treatment.max_ttl_s)
    share = int.from_bytes(key[:4], "big") / 2**32
    return treatment.ttl_s * (1 - treatment.jitter * share)


def slid_until(entry: Entry, treatment: Treatment, now: float) -> float | None:
    """Until when a hit lets `entry` live; None where it changes nothing.

    An entry whose lifetime the client chose has no class, and keeps that lifetime.
    """
    if not treatment.sliding or entry.pinned or entry.volatility != treatment.volatility:
        return None
    until = min(now + lifetime_s(treatment, None, entry.key), entry.created_at + treatment.max_ttl_s)
    return until if until - entry.expires_at >= _WORTH_A_WRITE * treatment.ttl_s else None


def _uses_tools(request: Request) -> bool:
    messages: tuple[object, ...] = request.messages
    results = (isinstance(message, Mapping) and message.get("role") == "tool" for message in messages)
    return bool(request.parameters.get("tools")) or any(results)


def _judged(request: Request, policy: Cache, settled: Volatility | None) -> Judged:
    if settled is not None:
        return Judged(settled)
    messages: tuple[object, ...] = request.messages  # what a client sent: anything may be in there
    turns = [_text(m.get("content")) for m in reversed(messages) if isinstance(m, Mapping) and m.get("role") == "user"]
    folded = inspected(turns)
    by_rule = classify(folded, alone=len(turns) <= 1)
    for kind in Volatility:
        if any(compiled(pattern).search(folded) for pattern in policy.volatility.of(kind).patterns):
            return Judged(kind, personal=kind is Volatility.REALTIME and by_rule.personal)
    return by_rule


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "\n".join(str(part.get("text") or "") for part in parts if isinstance(part, Mapping))


def _default_ttl_s(kind: Volatility, ttl_s: float) -> float:
    return min(ttl_s, _SHORTER_S[kind]) if kind in _SHORTER_S else _LONGER_S.get(kind, ttl_s)


def _first(*values: _T | None) -> _T:
    return next(value for value in values if value is not None)
