"""A family and what was seen as bytes that other workers read, and back. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import orjson

from litellm_plugins.prompt_caching.family import GAPS, Change, Family, Seen

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.store import Kept

_COUNTS = (
    *("requests", "continued", "marked", "by_client", "told", "read_requests", "prompt_tokens", "read_tokens"),
    *("written_5m_tokens", "written_1h_tokens", "saved_nano_usd"),
)
_LAST = (
    *("tenant", "model", "team", "minimum", "ttl", "longest_ttl_s", "reason", "active", "ratio", "last_s"),
    *("head_tokens", "prefix_tokens"),
)
_GAPS = ("gaps_s", "head_gaps_s", "turn_gaps_s")
_REASON, _CHANGE, _FEATURE = "reason/", "change/", "feature/"
_LENGTH = 128  # of a client's word
_Shared = tuple[dict[bytes, Seen], dict[str, float]]


def counts_of(family: Family) -> dict[str, int]:
    """Everything that adds up over workers."""
    counts = {name: int(getattr(family, name)) for name in _COUNTS}
    counts |= {f"{_REASON}{reason}": times for reason, times in family.reasons.items()}
    counts |= {f"{_CHANGE}{'/'.join(map(str, change))}": times for change, times in family.changes.items()}
    counts |= {f"{_FEATURE}{_word(name)}": times for name, times in family.features_named.items()}
    return counts


def last_of(family: Family) -> bytes:
    """How it stands now."""
    last: dict[str, Any] = {name: getattr(family, name) for name in _LAST}
    last |= {name: list(getattr(family, name)) for name in _GAPS}
    return orjson.dumps({name: _word(each) if isinstance(each, str) else each for name, each in last.items()})


def family_of(name: str, kept: Kept) -> Family:
    """As all workers together know it. Raises: ValueError, KeyError where it was written by another version."""
    last = orjson.loads(kept.last)
    family = Family(name, last["tenant"], last["model"], since_s=kept.since_ms / 1_000)
    for each in _LAST:
        setattr(family, each, last[each])
    for each in _GAPS:
        setattr(family, each, deque(last[each], maxlen=GAPS))
    for each in _COUNTS:
        setattr(family, each, kept.counts.get(each, 0))
    family.reasons = Counter(_beginning_with(_REASON, kept.counts))
    family.features_named = Counter(_beginning_with(_FEATURE, kept.counts))
    for told, times in _beginning_with(_CHANGE, kept.counts).items():
        section, line, what = told.split("/", 2)
        family.changes[cast("Change", (section, int(line), what))] = times
    return family


def sights_as_bytes(sights: Mapping[bytes, Seen], last_s: Mapping[str, float]) -> bytes:
    """What `sights_from` reads; none where there is nothing to tell."""
    if not sights and not last_s:
        return b""
    seen = [[key.hex(), each.at_s, each.live_until_s, each.ttl_s, each.ended] for key, each in sights.items()]
    return orjson.dumps({"seen": seen, "last_s": dict(last_s)})


def sights_from(told: bytes) -> _Shared:
    """Raises: ValueError, KeyError where it was written by another version."""
    read = orjson.loads(told)
    seen = {
        bytes.fromhex(key): Seen(tuple(at_s), live_until_s, ttl_s, ended)
        for key, at_s, live_until_s, ttl_s, ended in read["seen"]
    }
    return seen, read["last_s"]


def _beginning_with(begin: str, counts: Mapping[str, int]) -> dict[str, int]:
    return {name.removeprefix(begin): times for name, times in counts.items() if name.startswith(begin) and times > 0}


def _word(given: str) -> str:
    return given[:_LENGTH].encode("utf-8", "replace").decode()
