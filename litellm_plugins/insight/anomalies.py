"""What is strange, as values; `anomalies_levels` and `anomalies_bursts` find it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from litellm_plugins.insight.history import CALLERS, EVERYTHING, Subject
from litellm_plugins.insight.usage import Example

Kind = Literal["cost_per_request", "hit_rate", "prompt_tokens", "user_day", "dear_request", "retry_storm"]
Cause = Literal["", "failures", "attempts", "repeats"]  # of a retry storm

_NEARLY_ALL = 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is strange about a subject, in the hours from `since` until before `until`."""

    kind: Kind
    subject: Subject
    since: int
    until: int
    requests: int
    value: float  # nano-dollars, tokens, a share, or a count
    usual: float | None = None
    weight: float = 0.0  # of two of a kind the heavier one matters
    cause: Cause = ""
    call: Example | None = None  # of kind dear_request

    @property
    def key(self) -> str:
        """The same for whoever finds it, in whichever hour."""
        named = f"{self.kind}|{self.subject[0]}={self.subject[1]}"
        if self.call is not None:
            return f"{named}|{self.call.feature}|{self.call.model_group}"
        return f"{named}|{self.since}" if self.kind == "user_day" else named


def foremost(found: Iterable[Finding]) -> Finding | None:
    """The one to tell of many that have one cause: the narrowest that explains nearly all of it, a caller if as narrow.

    What is read while a storm lasts is not of one moment: a caller read last has some requests more than its model.
    """
    listed = list(found)
    if not listed:
        return None
    most = max(each.weight for each in listed)
    weighty = [each for each in listed if each.weight >= _NEARLY_ALL * most]
    narrow = min(each.requests for each in weighty)

    def rank(each: Finding) -> tuple[bool, bool, int, float, Subject]:
        caller = each.subject[0] in CALLERS and _NEARLY_ALL * each.requests <= narrow
        return each.subject == EVERYTHING, not caller, each.requests, -each.weight, each.subject

    return min(weighty, key=rank)
