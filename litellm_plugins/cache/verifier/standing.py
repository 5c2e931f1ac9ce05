"""How far the verifier has come, as the store knows it: for people who look after the cache."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litellm_plugins.cache.verifier.fitting import Fit
from litellm_plugins.cache.verifier.labels import domain_of
from litellm_plugins.cache.verifier.operating_point import NEVER, Caution

if TYPE_CHECKING:
    from litellm_plugins.cache.verifier.labels import LabelStore


@dataclass(frozen=True, slots=True)
class Promise:
    """What a promised rate comes to, by the labels of the last requests."""

    threshold: float | None  # probability from which an answer is served; None: none is
    hit_rate: float = 0.0  # expected, as shares of all requests that were looked up by meaning
    error_rate: float = 0.0  # the upper estimate that is held against the promise


@dataclass(frozen=True, slots=True)
class Standing:
    """`fit` is the number of labels that the fit in force was made after; None before the first."""

    labels: int
    fit: int | None = None
    label_noise: float = 0.0  # share of the labels that are taken to be mistaken
    promises: Mapping[str, Promise] = field(default_factory=dict)  # by the promised rate


async def standing(labels: LabelStore, *, space: str, rates: Sequence[float], tenant: str = "") -> Standing:
    """What is known in an embedding space, and what it means for `rates`; from one tenant's own labels, if it is named.

    Raises: StoreUnavailable.
    """
    domain = domain_of(space, tenant)
    count, newest = await labels.count_labels(domain), await labels.newest_fit(domain, above=0)
    if newest is None:
        return Standing(count)
    return await asyncio.to_thread(_standing, count, newest[1], rates)


def _standing(count: int, blob: bytes, rates: Sequence[float]) -> Standing:
    try:
        fit = Fit.from_bytes(blob)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return Standing(count)
    return Standing(count, fit.version, fit.curve.noise, {f"{rate:g}": _promise(fit, rate) for rate in rates})


def _promise(fit: Fit, rate: float) -> Promise:
    point = fit.curve.at(rate, Caution())
    return Promise(None if point.threshold >= NEVER else point.threshold, point.hits, point.errors)
