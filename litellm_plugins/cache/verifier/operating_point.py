"""How sure the verifier has to be, so that the promised share of requests, and no more, gets a wrong answer. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]  # shape (labels,)

NEVER = 1.1  # a threshold that no probability reaches
_STEPS = 15
_ENOUGH_FOR_NOISE = 300  # labels
_LEAST_NOISE, _MOST_NOISE, _BELIEVED = 0.008, 0.05, 0.5
_ONE_IN_TEN = 1.28  # standard normal quantile
# Of reviewers' verdicts: over ten well-known test sets people's labels were wrong in 3.3 % (Northcutt et al. 2021).
_MISTAKEN, _MISTAKEN_SPREAD, _TRIED = 0.03, 0.015, (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Serve at or above `threshold`; what that is expected to do, as shares of all requests."""

    threshold: float
    hits: float = 0.0
    errors: float = 0.0  # the upper estimate that was held against the promise
    similarity: float = 0.0  # nothing less alike is served, whatever its probability


@dataclass(frozen=True, slots=True)
class Caution:
    """How much room is left below the promise for what is not known."""

    margin: float = 0.93  # of the promised rate
    deviations: float = 1.25  # how many posterior standard deviations are added to the estimated errors
    least: float = 0.75  # calibrated probability below which nothing is served, however much the rate would allow
    calibrated_from: float = 0.5  # labels of at least this probability calibrate
    floor: float = 0.006  # of the hits: wrong however sure the model is; people themselves disagree about as many
    shift_spread: float = 0.7  # prior standard deviations of the calibration's shift and slope around 0 and 1
    slope_spread: float = 0.4
    taught: float = 0.5  # of the rate that is left, at most, for what people taught: as large a part as they gave


def choose(
    probability: Column,
    wrong: Column,
    weight: Column,
    *,
    recent: npt.NDArray[np.bool_],
    recent_requests: float,
    rate: float,
    noise: float | Column = 0.0,
    caution: Caution,
) -> OperatingPoint:
    """The lowest threshold whose expected errors per request stay below `rate`.

    Every label stands for `weight` requests: 1 for a miss, 1 over its chance for a hit that was checked
    (Horvitz and Thompson 1952). Which hits are checked depends on the probability alone, so that given the
    probability, labels are a fair sample: they calibrate it without weights (Platt 1999, with a prior on both
    parameters). The weights say how the recent requests are spread over the probabilities.

    Args:
        probability: cross-fitted, of being right.
        wrong: 1.0 where the candidate was wrong.
        weight: requests that the label stands for.
        recent: which labels are of the window that the next requests will look like.
        recent_requests: requests in that window, labelled or not.
        rate: errors per request that are allowed.
        noise: share of labels that are taken to say the opposite of the truth, as `label_noise` estimates it; one for
            all of them, or each its own.
        caution: see there.
    """
    if recent_requests <= 0 or not recent.any():
        return OperatingPoint(NEVER)
    z = np.log(probability + 1e-6) - np.log(1 - probability + 1e-6)
    sure = probability >= caution.calibrated_from
    each = np.broadcast_to(np.asarray(noise, np.float64), wrong.shape)
    centre, covariance = _platt(z[sure], 1 - wrong[sure], each[sure], caution)
    order = np.flatnonzero(recent)[np.argsort(-probability[recent], kind="stable")]
    design = np.column_stack([np.ones(len(order)), z[order]])
    told = 1 / (1 + np.exp(np.clip(design @ centre, -30, 30)))
    risk = caution.floor + (1 - caution.floor) * told
    share = weight[order] / recent_requests
    errors = np.cumsum(share * risk)
    slopes = np.cumsum((share * told * (1 - told))[:, None] * design, axis=0)  # of `errors`, by both parameters
    deviation = np.sqrt(np.maximum(0, np.einsum("ij,jk,ik->i", slopes, covariance, slopes)))
    upper = errors + caution.deviations * deviation
    of_one = np.append(np.diff(probability[order]) == 0, False)  # with the next: a threshold lets in both or neither
    within = np.flatnonzero((upper <= rate * caution.margin) & (risk <= 1 - caution.least) & ~of_one)
    if not len(within):
        return OperatingPoint(NEVER)
    last = within[-1]
    return OperatingPoint(float(probability[order[last]]), float(share[: last + 1].sum()), float(upper[last]))


def eased(point: OperatingPoint, before: OperatingPoint | None) -> OperatingPoint:
    """`point` after `before`: a lower threshold is approached by half (in log odds), a higher one holds at once.

    The lowest threshold that a rate allows is the luckiest of many estimates; what the next labels bear out comes
    soon enough.
    """
    if before is None or not point.threshold < before.threshold < 1:
        return point
    return replace(point, threshold=1 / (1 + math.exp(-(_log_odds(point) + _log_odds(before)) / 2)))


def stricter(one: OperatingPoint, other: OperatingPoint) -> OperatingPoint:
    """The one with the higher threshold."""
    return other if other.threshold > one.threshold else one


def _log_odds(point: OperatingPoint) -> float:
    p = min(max(point.threshold, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def label_noise(probability: Column, similarity: Column, wrong: Column) -> float:
    """The share of labels that say the opposite of the truth, as far as both ends of the scale agree on it.

    Nearly sure candidates that are labelled wrong are either errors or noise, and nearly unlike ones that are labelled
    right likewise; errors would not show at both ends alike. So the smaller share counts, less a little, and of either
    only what chance would not give in nine cases of ten: too much of it would excuse errors.
    """
    if len(probability) < _ENOUGH_FOR_NOISE:
        return 0.0
    few = max(50, len(probability) // 10)
    surest = np.argsort(-probability, kind="stable")[:few]
    unlike = np.argsort(similarity, kind="stable")[: max(50, len(probability) // 7)]
    shown = min(_at_least(wrong[surest]), _at_least(1 - wrong[unlike]))
    return min(_MOST_NOISE, _BELIEVED * max(0.0, shown - _LEAST_NOISE))


def reviewer_noise(
    probability: Column, wrong: Column, reviewed: Column, noise: float | Column, caution: Caution
) -> float:
    """The share of reviewers' labels that say the opposite of the truth: the likeliest, beside all other labels.

    A promise of few errors is a matter of a few in a hundred of the hits, and so are people's mistakes: believed to the
    letter, they would look like errors of the cache, and it would serve the less, the more of its hits were looked at.
    What the others say at the same probabilities tells the two apart, beside a prior of what people's mistakes usually
    come to.

    Args:
        probability: cross-fitted, of being right.
        wrong: 1.0 where the candidate was said to be wrong.
        reviewed: 1.0 where a reviewer says so.
        noise: of all other labels; one for all of them, or each its own.
        caution: see there.
    """
    sure = probability >= caution.calibrated_from
    told = reviewed[sure] > 0
    if not told.any():
        return 0.0
    z = np.log(probability[sure] + 1e-6) - np.log(1 - probability[sure] + 1e-6)
    right, others = 1 - wrong[sure], np.broadcast_to(np.asarray(noise, np.float64), wrong.shape)[sure]

    def height(tried: float) -> float:
        each = np.where(told, tried, others)
        (shift, slope), _ = _platt(z, right, each, caution)
        seen = each + (1 - 2 * each) / (1 + np.exp(-np.clip(shift + slope * z, -30, 30)))
        likely = np.where(right > 0, np.log(seen + 1e-12), np.log(1 - seen + 1e-12)).sum()
        far = (shift / caution.shift_spread, (slope - 1) / caution.slope_spread, (tried - _MISTAKEN) / _MISTAKEN_SPREAD)
        return float(likely - sum(each**2 for each in far) / 2)

    return max(_TRIED, key=height)


def _at_least(seen: Column) -> float:
    """The lower bound of a share (Wilson 1927)."""
    share, z2 = float(seen.mean()), _ONE_IN_TEN**2
    spread = _ONE_IN_TEN * math.sqrt((share * (1 - share) + z2 / (4 * len(seen))) / len(seen))
    return (share + z2 / (2 * len(seen)) - spread) / (1 + z2 / len(seen))


def _platt(
    z: Column, right: Column, noise: Column, caution: Caution
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Shift and slope of the calibrated log odds, maximum a posteriori, and their covariance (Laplace).

    A label is seen right with probability noise + (1 - 2 noise) sigmoid(shift + slope z).
    """
    design = np.column_stack([np.ones(len(z)), z])
    prior = np.array([0.0, 1.0])
    precision = np.diag([caution.shift_spread**-2, caution.slope_spread**-2])
    at = prior.copy()
    curvature = precision
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ at, -30, 30)))
        seen = noise + (1 - 2 * noise) * p
        slope, variance = (1 - 2 * noise) * p * (1 - p), seen * (1 - seen) + 1e-9
        gradient = design.T @ (slope * (right - seen) / variance) - precision @ (at - prior)
        curvature = (design.T * (slope * slope / variance)) @ design + precision  # Fisher's
        step = np.linalg.solve(curvature, gradient)
        at = at + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-4:
            break
    return at, np.linalg.inv(curvature)
