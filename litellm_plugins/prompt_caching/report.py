"""What is told of the families, as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from litellm_plugins.prompt_caching.diagnosing import diagnosis

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.family import Family

_NANO = Decimal(1_000_000_000)


def report(families: Sequence[Family], *, since_s: float, now_s: float, worker: int | None = None) -> dict[str, Any]:
    """The families with the most tokens first; of all workers, or of the one that is named, since it started."""
    ordered = sorted(families, key=lambda each: (-each.prompt_tokens, -each.requests, each.id))
    return {
        "worker": worker,
        "seconds": round(now_s - since_s),
        "total": _sums(families),
        "families": [_family(each, now_s) for each in ordered],
    }


def _family(family: Family, now_s: float) -> dict[str, Any]:
    gap = family.gap_s
    return {
        "family": family.id,
        "team": family.team,
        "tenant": family.tenant,
        "model": family.model,
        "features": sorted(family.features_named),
        **_sums([family]),
        "marked_requests": family.marked,
        "client_marked_requests": family.by_client,
        "prefix_tokens": family.in_its_tokens(family.prefix_tokens),
        "minimum_tokens": family.minimum,
        "ttl": family.ttl or None,
        "gap_s": None if gap is None else round(gap, 1),
        "last_seen_s": round(now_s - family.last_s),
        "active": family.active,
        "last_reason": family.reason,
        "reasons": dict(sorted(family.reasons.items())),
        "why_not": [{"reason": reason, "words": words} for reason, words in diagnosis(family)],
    }


def _sums(families: Sequence[Family]) -> dict[str, Any]:
    prompt = sum(each.prompt_tokens for each in families)
    read = sum(each.read_tokens for each in families)
    saved = sum(each.saved_nano_usd for each in families)
    return {
        "requests": sum(each.requests for each in families),
        "answered": sum(each.told for each in families),
        "read_requests": sum(each.read_requests for each in families),
        "prompt_tokens": prompt,
        "read_tokens": read,
        "written_5m_tokens": sum(each.written_5m_tokens for each in families),
        "written_1h_tokens": sum(each.written_1h_tokens for each in families),
        "hit_rate": round(read / prompt, 4) if prompt else None,
        "saved_usd": f"{Decimal(saved) / _NANO:.9f}",
    }
