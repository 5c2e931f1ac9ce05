"""Why a family's prompts are not read from the provider's cache, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.prices import TTL_S

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.family import Change, Family

_EVERY = 0.9  # of the requests: every one, in words
_OFTEN = 0.2
_FEW = 2
_PLACES = {"system": "", "tools": " of the tools", "messages": " of the messages"}


def diagnosis(family: Family) -> list[tuple[str, str]]:
    """Reason and words, the weightiest first; none where the cache is read."""
    if family.active:
        return []
    found = [*_below(family), *_changes(family), *_apart(family)]
    if not found and family.requests == 1:
        found = [(Why.FIRST_SEEN.value, "seen once so far: a prefix is marked from its second time on")]
    if not found and family.reason in _WORDS:
        found = [(family.reason, _WORDS[family.reason])]
    return found


_WORDS: dict[str, str] = {
    Why.AUTOMATIC: "the provider caches by itself from 1,024 tokens on, and has read nothing yet",
    Why.HOST_MARKS: "cache_control_injection_points are configured for this model: the marks are the host's",
    Why.CLIENT_MARKS: "the client's own marks stand where ours would",
    Why.NO_ROOM: "the client's own marks take all four places",
    Why.DOES_NOT_PAY: "it comes again too rarely: writing would cost more than reading saves",
    Why.UNSUPPORTED: "a deployment of this model takes no marks",
    Why.STABLE_PREFIX: "marked, and not read yet",
}


def _below(family: Family) -> Iterator[tuple[str, str]]:
    tokens = family.in_its_tokens(family.prefix_tokens)
    if tokens < family.minimum:
        yield Why.BELOW_MINIMUM.value, f"{tokens:,} tokens, the minimum is {family.minimum:,}"


def _changes(family: Family) -> Iterator[tuple[str, str]]:
    again = family.requests - 1
    if again < 1:
        return
    for change, times in family.changes.most_common(3):
        if times / again >= _OFTEN or times >= _FEW:
            yield Why.PREFIX_CHANGES.value, _sentence(change, times, again)


def _sentence(change: Change, times: int, again: int) -> str:
    section, line, what = change
    how_often = "on every request" if times / again >= _EVERY else f"on {times} of {again} requests"
    return f"{what} in line {line}{_PLACES[section]} changes {how_often}"


def _apart(family: Family) -> Iterator[tuple[str, str]]:
    longest = family.longest_ttl_s or TTL_S["5m"]
    gap = family.gap_s
    if gap is not None and gap > longest:
        yield Why.TOO_FAR_APART.value, f"requests are {_minutes(gap)} minutes apart, TTL is {_minutes(longest)}"


def _minutes(seconds: float) -> str:
    return f"{round(seconds / 60):,}"
