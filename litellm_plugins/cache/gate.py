"""Are the cache's answers as good as the model's own? From the checks, with what chance leaves open. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from litellm_plugins.model import Outcome

if TYPE_CHECKING:
    from litellm_plugins.cache.checks import Check

Z = 1.959964  # of the normal distribution, two-sided 95 %


class Passing(StrEnum):
    """What the gate says."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    FAIL = "fail"
    NOT_ENOUGH = "not_enough"


@dataclass(frozen=True, slots=True)
class Gate:
    """One judgement. Shares are of would-be hits, each check counted as many times as the hits it stands for."""

    verdict: Passing
    checks: int  # that could be compared
    wrong: int
    unknown: int  # that could not: they count for nothing
    share: float | None  # whose answer is as good
    low: float  # the 95 % interval of that share
    high: float
    at_least: float
    more: int | None  # checks that are missing where there are not enough, if they go on as they went so far


def judge(checks: Sequence[Check], *, at_least: float) -> Gate:
    """Pass where the whole interval lies at or above `at_least`; fail where it cannot come to lie there."""
    known = [check for check in checks if check.outcome is not Outcome.UNKNOWN]
    wrong = sum(check.outcome is Outcome.WRONG for check in known)
    share = _share(known)
    size = _effective_size(known)
    low, high = wilson(share or 0.0, size)
    verdict, more = Passing.NOT_ENOUGH, None
    fewest = size_to_pass(1.0, at_least)
    if known and low >= at_least:
        verdict = Passing.PASS
    elif share is not None and (high < at_least or (share <= at_least and size >= fewest)):
        verdict = Passing.FAIL
    else:
        needed = size_to_pass(share, at_least) if share is not None and share > at_least else fewest
        more = max(1, math.ceil((needed - size) * (len(known) / size if known else 1)))
    return Gate(verdict, len(known), wrong, len(checks) - len(known), share, low, high, at_least, more)


def wilson(share: float, size: float) -> tuple[float, float]:
    """The 95 % interval of a share seen in `size` draws (Wilson 1927); from 0 to 1 where there were none."""
    if size <= 0:
        return 0.0, 1.0
    z2 = Z * Z / size
    middle = (share + z2 / 2) / (1 + z2)
    reach = Z / (1 + z2) * math.sqrt(share * (1 - share) / size + z2 / (4 * size))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def size_to_pass(share: float, at_least: float) -> int:
    """The fewest draws of such a share whose interval begins at `at_least` or above. `share` must be above it.

    The interval begins at p where (share - p)^2 = z^2 p (1 - p) / size: the score test that Wilson's turns round.
    """
    return max(1, math.ceil(Z * Z * at_least * (1 - at_least) / (share - at_least) ** 2))


def _share(known: Sequence[Check]) -> float | None:
    total = sum(check.weight for check in known)
    return sum(check.weight for check in known if check.outcome is Outcome.RIGHT) / total if total else None


def _effective_size(known: Sequence[Check]) -> float:
    """How many checks of equal weight would say as much (Kish 1965)."""
    squares = sum(check.weight**2 for check in known)
    return sum(check.weight for check in known) ** 2 / squares if squares else 0.0
