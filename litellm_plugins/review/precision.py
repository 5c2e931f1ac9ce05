"""How many of the answers are right, estimated from the control sample alone, with an interval. Pure.

The sample is drawn by chance from all requests, whatever became of them. What is judged of it is judged in the order of
its draw, and so is a fair sample of it; but for what somebody pointed at (a thumb down, a complaint): that is judged
sooner, and is more often wrong (and taken to be wrong until a reviewer has looked). So both are strata, each
counted by its size in the sample (two-phase sampling for stratification: Neyman 1938; Cochran 1977, "Sampling
Techniques", 12.2). The interval is Wilson's (Wilson 1927), at the effective number of verdicts (Korn and Graubard
1998); where nobody pointed at anything that is Wilson's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from litellm_plugins.review.items import COMPLAINED, Item, Verdict

_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """`right` of the answers, between `low` and `high` with 95 %; None where nothing can be said."""

    sampled: int  # of the control sample
    judged: int
    right: float | None = None
    low: float | None = None
    high: float | None = None
    effective: float | None = None  # of so many verdicts of a plain sample the interval would be the same


def wilson(share: float, count: float) -> tuple[float, float]:
    """The interval of 95 % of a share that was seen in `count`, which need not be whole."""
    z2 = _Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    spread = _Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def precision(sample: Iterable[Item]) -> Estimate:
    """Of a control sample, judged as far as it goes."""
    drawn = [item for item in sample if item.control]
    strata = [[i for i in drawn if (i.state.why in COMPLAINED) is pointed] for pointed in (True, False)]
    verdicts = [[item.state.verdict is Verdict.RIGHT for item in each if item.state.verdict] for each in strata]
    judged = sum(map(len, verdicts))
    if not judged or (strata[1] and not verdicts[1]):
        return Estimate(len(drawn), judged)
    verdicts[0] = verdicts[0] or [False] * len(strata[0])
    strata, verdicts = [each for each in strata if each], [each for each in verdicts if each]
    shares = [len(each) / len(drawn) for each in strata]
    rights = [sum(each) / len(each) for each in verdicts]
    right = sum(share * part for share, part in zip(shares, rights, strict=True))
    within = sum(s**2 * p * (1 - p) / len(v) for s, p, v in zip(shares, rights, verdicts, strict=True))
    between = sum(s * (p - right) ** 2 for s, p in zip(shares, rights, strict=True)) / len(drawn)
    variance = within + between
    effective = min(right * (1 - right) / variance, judged) if variance > 0 else judged
    low, high = wilson(right, effective)
    return Estimate(len(drawn), judged, right, low, high, effective)
