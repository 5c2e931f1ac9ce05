"""How many of the checked answers turn out different? Counted in each worker, over its last checks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.model import Layer, Outcome

if TYPE_CHECKING:
    from litellm_plugins.cache.checks import Check

WINDOW = 100  # checks of a layer
_AT_LEAST = 20  # before anything is said of them: one in three of three is nothing


@dataclass(frozen=True, slots=True)
class Staleness:
    """One layer, after a check."""

    layer: Layer
    share: float  # of its hits whose answer would be another today
    checks: int
    ringing: bool  # the share is above what is allowed
    changed: bool  # since the check before


class Monitor:
    """Rings when the share passes `alarm_rate`, for each layer by itself."""

    def __init__(self, alarm_rate: float) -> None:
        self._alarm_rate = alarm_rate
        self._seen: dict[Layer, deque[tuple[float, bool]]] = {}
        self._ringing: set[Layer] = set()

    def add(self, check: Check) -> Staleness | None:
        """What holds for the layer of `check` now; None where too little is known. An unknown outcome says nothing."""
        if check.outcome is Outcome.UNKNOWN:
            return None
        seen = self._seen.setdefault(check.layer, deque(maxlen=WINDOW))
        seen.append((check.weight, check.outcome is Outcome.WRONG))
        if len(seen) < _AT_LEAST:
            return None
        share = sum(weight for weight, wrong in seen if wrong) / sum(weight for weight, _ in seen)
        was, rings = check.layer in self._ringing, share > self._alarm_rate
        (self._ringing.add if rings else self._ringing.discard)(check.layer)
        return Staleness(check.layer, share, len(seen), ringing=rings, changed=rings != was)
