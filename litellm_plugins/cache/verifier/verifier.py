"""The verifier as a worker uses it: assess a candidate, learn from every fresh answer, fit again now and then."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier import fitting, schedule
from litellm_plugins.cache.verifier.features import NAMES, Features, candidate
from litellm_plugins.cache.verifier.fitting import Fit
from litellm_plugins.cache.verifier.labels import REVIEWER, Label, LabelStore, domain_of
from litellm_plugins.cache.verifier.logistic import Model
from litellm_plugins.cache.verifier.operating_point import Caution, OperatingPoint, eased
from litellm_plugins.cache.verifier.pairwise import tempered
from litellm_plugins.cache.verifier.text import read
from litellm_plugins.cache.verifier.words import WordCounts
from litellm_plugins.errors import StoreUnavailable

_LOG = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Promoted = Callable[[str, Fit], Awaitable[None]]  # the domain, and the fit whose model takes over

_LABELS = 6_000  # the newest; a fit on more takes seconds of a core and gains nothing
_LOOK_FOR_FITS_S, _LOOK_FOR_TENANTS_S = 5.0, 30.0
_ANSWERS = 65_536  # whose popularity is counted
_HEAVIEST = 100.0  # requests that one label may stand for

# While too little is known: only what is all but the same question, and half of that is checked.
_COLD_SIMILARITY, _COLD_PROBABILITY, _COLD_CHECKS = 0.95, 0.9, 0.5
_POPULARITY = NAMES.index("log_popularity")
_MUST_NOT_DIFFER = tuple(
    NAMES.index(name) for name in ("numbers_differ", "negation_differs", "opposed", "codes_differ", "language_differs")
)

# How often a hit is checked: sqrt(1 - p) is the standard deviation of its error, to which optimal sampling is
# proportional (Neyman 1934); the fewer have been checked, the steeper, and never less than the floor.
_CHECK_FLOOR, _CHECK_SLOPE, _FIRST_SLOPES = 0.01, 0.1, 40


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the verifier says of one question and its neighbours."""

    candidate: Neighbour
    features: Features
    probability: float  # that the candidate's answer is right
    threshold: float
    accepted: bool  # it may be served
    checked: bool  # but is answered afresh this time, to learn from it
    weight: float
    contrasts: tuple[str, ...]  # what tells the two questions apart on their face

    @property
    def served(self) -> bool:
        """Whether the candidate is to be served now."""
        return self.accepted and not self.checked

    @property
    def given(self) -> int:
        """How often the candidate's answer had been given before, afresh or from the cache, as far as is known."""
        return round(math.expm1(float(self.features[_POPULARITY])))


class Verifier:
    """Decides for one embedding space; its state is in `labels`, shared with the other workers.

    Args:
        labels: where labels and fits are kept.
        space: the embedder's id.
        prior: shipped weights for that embedder; None where there are none: then nothing but labels decides.
        caution: see there.
        clock: UNIX seconds.
        draw: uniform in [0, 1), for choosing what is checked.
        promoted: is told, once over all workers, of each model that takes over; it does not raise.
    """

    def __init__(
        self,
        labels: LabelStore,
        *,
        space: str,
        prior: Model | None,
        caution: Caution | None = None,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
        promoted: Promoted | None = None,
    ) -> None:
        self._labels, self._prior, self._space = labels, prior, space
        self._domain = domain_of(space)
        self._common: Verifier | None = None  # of a tenant's own: everybody's
        self._caution = caution or Caution()
        self._clock, self._draw, self._promoted = clock, draw, promoted
        self._words = WordCounts()
        self._popularity: OrderedDict[bytes, int] = OrderedDict()
        self._fit: Fit | None = None
        self._points: dict[float, OperatingPoint] = {}  # by promised rate
        self._earlier: dict[float, OperatingPoint] = {}  # of the fits before
        self._read: dict[float, OperatingPoint] = {}  # off the curve of the fit in force, before they are eased
        self._looked_at = -math.inf
        self._unlabelled = 0  # requests since the last label
        self._checked = 0  # hits
        self._fitting: asyncio.Task[None] | None = None

    @property
    def fit(self) -> Fit | None:
        """The fit in force."""
        return self._fit

    def for_tenant(self, name: str) -> Verifier:
        """One that learns from a tenant's requests alone, beside this one, and counts words and answers with it."""
        own = Verifier(
            self._labels,
            space=self._space,
            prior=self._prior,
            caution=self._caution,
            clock=self._clock,
            draw=self._draw,
            promoted=self._promoted,
        )
        own._domain = f"{self._domain}/tenant/{name}"
        own._common, own._words, own._popularity = self, self._words, self._popularity
        return own

    async def has_fit(self) -> bool:
        """Whether there is one by now, here or in the store."""
        await self._take_newer_fit()
        return self._fit is not None

    async def assess(
        self,
        question: str,
        neighbours: Sequence[Neighbour],
        *,
        rate: float,
        checks: bool = True,
        check_share: float = 0.0,
    ) -> Assessment | None:
        """What is to be thought of the neighbours' best answer; None where there is no neighbour.

        Args:
            question: as asked.
            neighbours: the nearest entries of the partition.
            rate: promised errors per request.
            checks: whether some that are accepted may be answered afresh.
            check_share: how many of them at least; 1 checks every one.
        """
        await self._take_newer_fit()
        found = candidate(question, neighbours, self._words, self._popularity)
        if found is None:
            return None
        probability, point = self._probability(found.features, len(neighbours)), self._point(rate)
        accepted = probability >= point.threshold and found.neighbour.similarity >= point.similarity
        accepted = accepted and (self._fit is not None or self._acceptable_cold(found.features))
        chance = max(check_share, self._chance_of_check(probability)) if accepted and checks else 0.0
        checked = accepted and self._draw() < chance
        return Assessment(
            candidate=found.neighbour,
            features=found.features,
            probability=probability,
            threshold=point.threshold,
            accepted=accepted,
            checked=checked,
            weight=min(_HEAVIEST, 1 / chance) if checked else 1.0,
            contrasts=_contrasts(found.features),
        )

    def saw_request(self) -> None:
        """Count one request, whatever becomes of it: the promise is about errors per request."""
        self._unlabelled += 1

    def saw_answer(self, answer_id: bytes) -> None:
        """Count that this answer was given, from the cache or afresh."""
        self._popularity[answer_id] = self._popularity.get(answer_id, 0) + 1
        self._popularity.move_to_end(answer_id)
        if len(self._popularity) > _ANSWERS:
            self._popularity.popitem(last=False)

    def saw_question(self, question: str) -> None:
        """Count the words of a question that was stored."""
        self._words.add(read(question).word_set)

    async def learn(self, assessment: Assessment, *, right: bool) -> None:
        """Take in what a fresh answer says of the candidate. Raises: StoreUnavailable."""
        requests, self._unlabelled = max(1, self._unlabelled), 0
        self._checked += assessment.checked
        label = Label(assessment.features, right, assessment.weight, requests, self._clock())
        await self._keep(label)

    async def told(self, features: Features, *, right: bool, by: str) -> None:
        """Take in what a person says of a hit: it stands for no requests but itself. Raises: StoreUnavailable.

        A hit that a reviewer has judged need not be answered afresh to learn as much: it counts among the checked ones.
        """
        await self._keep(Label(features, right, 0.0, 0, self._clock(), by))
        self._checked += by == REVIEWER

    async def _keep(self, label: Label) -> None:
        count = await self._labels.add_label(self._domain, label)
        # Whoever brings the label that a fit is due at makes it: the others find it in the store.
        first = schedule.FIRST_FIT if self._common is None else schedule.FIRST_OF_TENANT
        if schedule.is_due(count, first) and (self._fitting is None or self._fitting.done()):
            self._fitting = asyncio.create_task(self._refit(count))

    async def settled(self) -> None:
        """Wait for a fit that is being made."""
        if self._fitting is not None:
            await self._fitting

    async def aclose(self) -> None:
        """Give up a fit that is being made."""
        if self._fitting is not None:
            self._fitting.cancel()
            await asyncio.gather(self._fitting, return_exceptions=True)

    def _probability(self, features: Features, neighbours: int) -> float:
        if self._fit is not None:
            return float(self._fit.probabilities(features[None])[0])
        if self._prior is None:
            return 0.0
        probability = self._prior.probabilities(features[None])
        return float((tempered(probability, features[None]) if neighbours == 1 else probability)[0])

    def _point(self, rate: float) -> OperatingPoint:
        if self._fit is None:
            return OperatingPoint(_COLD_PROBABILITY, similarity=_COLD_SIMILARITY)
        if rate not in self._points:
            read = self._read.get(rate) or self._fit.curve.at(rate, self._caution)
            self._points[rate] = eased(read, self._earlier.get(rate))
        return self._points[rate]

    def _acceptable_cold(self, features: Features) -> bool:
        return self._prior is not None and not features[list(_MUST_NOT_DIFFER)].any()

    def _chance_of_check(self, probability: float) -> float:
        if self._fit is None:
            return _COLD_CHECKS
        slope = max(_CHECK_SLOPE, _FIRST_SLOPES / (self._checked + 1))
        return min(1.0, _CHECK_FLOOR + slope * math.sqrt(max(0.0, 1 - probability)))

    async def _take_newer_fit(self) -> None:
        now = self._clock()
        if now - self._looked_at < (_LOOK_FOR_FITS_S if self._common is None else _LOOK_FOR_TENANTS_S):
            return
        self._looked_at = now
        try:
            newer = await self._labels.newest_fit(self._domain, above=self._fit.version if self._fit else 0)
        except StoreUnavailable:
            return  # what is known goes on holding
        if newer is None:
            return
        try:
            fit = await asyncio.to_thread(Fit.from_bytes, newer[1])
        except (ValueError, KeyError) as exc:
            _LOG.warning("the stored fit %d of the verifier cannot be read and is left alone: %s", newer[0], exc)
            return
        await self._adopt(fit)

    async def _adopt(self, fit: Fit) -> None:
        """Go by `fit`, unless a newer one has come meanwhile. What takes milliseconds is done beside the event loop."""
        rates = {**self._earlier, **self._points, **(self._common._points if self._common is not None else {})}
        read = await asyncio.to_thread(_on_one_core, _read_off, fit, tuple(rates), self._caution)
        if self._fit is not None and self._fit.version >= fit.version:
            return
        if self._common is not None:
            self._earlier = self._earlier or self._common._earlier | self._common._points
        elif self._fit is None:  # a worker that has just started knows no words yet
            self._words.take(fit.word_counts, fit.questions)
            for answer, count in sorted(fit.popularity.items(), key=lambda item: item[1]):
                self._popularity.setdefault(answer, count)
        self._fit = fit
        self._checked = max(self._checked, fit.curve.checked)
        self._earlier, self._points, self._read = self._earlier | self._points, {}, read

    async def _refit(self, version: int) -> None:
        try:
            labels = await self._labels.newest_labels(self._domain, _LABELS)
            old = self._fit
            others = self._common.fit if self._common is not None and old is None else None
            words, popularity = self._words.counts.copy(), dict(self._popularity)
            if self._common is not None:  # which keeps them for all: megabytes that nobody would read here
                words, popularity = words[:0], {}
            new = await asyncio.to_thread(
                _on_one_core,
                fitting.fit,
                labels,
                version=version,
                prior=self._prior,
                word_counts=words,
                questions=self._words.questions,
                popularity=popularity,
            )
            if others is not None and not await asyncio.to_thread(fitting.explains_better, new, others, labels):
                return  # everybody's labels serve this tenant as well as its own do
            takes_over = old is None or await asyncio.to_thread(fitting.beats, new, old, labels)
            if old is not None and not takes_over:
                _LOG.info("verifier: a fit to %d labels explains the newest ones no better; the old one stays", version)
                new = await asyncio.to_thread(fitting.recalibrated, old, labels, version=version)
                new = replace(new, word_counts=words, questions=self._words.questions, popularity=popularity)
            await self._labels.save_fit(self._domain, version, await asyncio.to_thread(new.to_bytes))
            await self._adopt(new)
            if takes_over and self._promoted is not None:
                await self._promoted(self._domain, new)
        except (StoreUnavailable, np.linalg.LinAlgError) as exc:
            _LOG.warning("verifier: no fit after %d labels: %s", version, exc)


def _on_one_core(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` with single-threaded linear algebra: on matrices this small, more threads are ten times slower."""
    with threadpool_limits(limits=1, user_api="blas"):
        return work(*args, **kwargs)


def _read_off(fit: Fit, rates: Sequence[float], caution: Caution) -> dict[float, OperatingPoint]:
    return {rate: fit.curve.at(rate, caution) for rate in rates}


def _contrasts(features: Features) -> tuple[str, ...]:
    return tuple(
        name for name in ("numbers_differ", "negation_differs", "opposed", "codes_differ", "language_differs",
                          "names_differ", "question_differs")
        if features[NAMES.index(name)]
    )  # fmt: skip
