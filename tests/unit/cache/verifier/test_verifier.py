"""The verifier as a worker uses it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.backends import sqlite_labels
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.features import FEATURE_VERSION
from litellm_plugins.cache.verifier.labels import Label, LabelStore
from litellm_plugins.cache.verifier.logistic import Model
from litellm_plugins.cache.verifier.verifier import Assessment, Verifier, is_due
from litellm_plugins.cache.verifier.words import WordCounts
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.fakes import Clock
from tests.unit.cache.verifier.samples import by_similarity, drawn, labels, neighbour, sure

DOMAIN = f"fake:1/{FEATURE_VERSION}"
ASKED = "How do I cancel my order?"
AGAIN = "How do I cancel the order?"
FAR = neighbour("What is a webhook?", 0.2, "another")


@dataclass
class Deployment:
    """Workers on one label store. `chance` is what the next draw says; above every chance of a check at first."""

    store: LabelStore
    clock: Clock = field(default_factory=Clock)
    chance: float = 0.999

    def worker(self, prior: Model | None = None, space: str = "fake:1") -> Verifier:
        return Verifier(self.store, space=space, prior=prior, clock=self.clock, draw=lambda: self.chance)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LabelStore]:
    file = SqliteFile(tmp_path / "labels.db", schema=sqlite_labels.SCHEMA)
    yield sqlite_labels.SqliteLabelStore(file)
    await file.aclose()


@pytest.fixture
def deployment(store: LabelStore) -> Deployment:
    return Deployment(store)


async def assess(verifier: Verifier, *neighbours: Neighbour, asked: str = ASKED, **how: Any) -> Assessment:
    judged = await verifier.assess(asked, neighbours, **({"rate": 0.01} | how))
    assert judged is not None
    return judged


async def teach(verifier: Verifier, told: Sequence[Label]) -> None:
    """As if each had been a candidate that a fresh answer was compared with."""
    for label in told:
        verifier.saw_request()
        judged = Assessment(FAR, label.features, 0.5, 0.5, False, False, label.weight, ())
        await verifier.learn(judged, right=label.right)
        await verifier.settled()


def version_of(verifier: Verifier) -> int | None:
    """Of the fit in force."""
    return verifier.fit.version if verifier.fit else None


# Cold: nothing is known but the prior.


async def test_no_neighbour_is_no_assessment(deployment: Deployment) -> None:
    assert await deployment.worker(sure()).assess(ASKED, [], rate=0.01) is None


@pytest.mark.parametrize(("similarity", "accepted"), [(0.95, True), (0.9499, False), (0.99, True)])
async def test_cold_only_what_is_all_but_the_same_question_is_served(
    deployment: Deployment, similarity: float, accepted: bool
) -> None:
    judged = await assess(deployment.worker(sure()), neighbour(AGAIN, similarity), FAR)
    assert judged.accepted is judged.served is accepted
    assert judged.threshold == 0.9


@pytest.mark.parametrize(("odds", "accepted"), [(2.3, True), (2.1, False)])
async def test_cold_the_prior_has_to_be_nine_tenths_sure(deployment: Deployment, odds: float, accepted: bool) -> None:
    judged = await assess(deployment.worker(sure(odds)), neighbour(AGAIN, 0.99), FAR)
    assert judged.accepted is accepted
    assert (judged.probability >= 0.9) is accepted


@pytest.mark.parametrize(
    ("cached", "contrast"),
    [
        ("How do I cancel my order 2?", "numbers_differ"),
        ("How do I not cancel my order?", "negation_differs"),
        ("How do I cancel my C++ order?", "codes_differ"),
        ("¿Cómo cancelo mi pedido?", "language_differs"),
    ],
)
async def test_cold_nothing_may_differ_however_sure_the_prior_is(
    deployment: Deployment, cached: str, contrast: str
) -> None:
    judged = await assess(deployment.worker(sure(20)), neighbour(cached, 0.999), FAR)
    assert judged.probability > 0.99
    assert not judged.accepted
    assert contrast in judged.contrasts


async def test_cold_opposites_are_refused_too(deployment: Deployment) -> None:
    asked, cached = "How do I lock my card?", "How do I unlock my card?"
    judged = await assess(deployment.worker(sure(20)), neighbour(cached, 0.999), FAR, asked=asked)
    assert not judged.accepted
    assert judged.contrasts == ("opposed",)


async def test_without_a_prior_nothing_is_served_until_labels_decide(deployment: Deployment) -> None:
    """An embedder that no weights are shipped for: its cosines may mean anything."""
    judged = await assess(deployment.worker(None), neighbour(ASKED, 1.0), FAR)
    assert (judged.probability, judged.accepted) == (0.0, False)


async def test_a_lone_neighbour_has_to_convince_by_itself(deployment: Deployment) -> None:
    """With nothing around it, a prior made of neighbourhoods has nothing to go by."""
    verifier = deployment.worker(sure(20))
    assert not (await assess(verifier, neighbour(AGAIN, 0.95))).accepted
    assert (await assess(verifier, neighbour(AGAIN, 0.95), FAR)).accepted


async def test_cold_half_of_what_could_be_served_is_checked_and_counts_for_two(deployment: Deployment) -> None:
    verifier = deployment.worker(sure())
    seen = {}
    for deployment.chance in (0.0, 0.49, 0.51, 0.99):
        judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
        seen[deployment.chance] = (judged.accepted, judged.checked, judged.served, judged.weight)
    checked, served = (True, True, False, 2.0), (True, False, True, 1.0)
    assert seen == {0.0: checked, 0.49: checked, 0.51: served, 0.99: served}


# Checks.


async def test_what_is_not_accepted_is_never_a_check_and_counts_for_itself(deployment: Deployment) -> None:
    deployment.chance = 0.0
    judged = await assess(deployment.worker(sure()), neighbour(AGAIN, 0.5), FAR)
    assert (judged.accepted, judged.checked, judged.weight) == (False, False, 1.0)


async def test_where_checks_are_not_wanted_none_is_made(deployment: Deployment) -> None:
    deployment.chance = 0.0
    judged = await assess(deployment.worker(sure()), neighbour(AGAIN, 0.99), FAR, checks=False)
    assert judged.served


async def test_a_larger_share_of_checks_than_its_own_holds_and_changes_the_weights(deployment: Deployment) -> None:
    deployment.chance = 0.79
    verifier = deployment.worker(sure())
    judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR, check_share=0.8)
    assert (judged.checked, judged.weight) == (True, 1.25)
    assert (await assess(verifier, neighbour(AGAIN, 0.99), FAR, check_share=0.1)).served
    deployment.chance = 0.9999
    everything = await assess(verifier, neighbour(AGAIN, 0.99), FAR, check_share=1.0)
    assert (everything.checked, everything.weight) == (True, 1.0)


async def warm(deployment: Deployment, model: Model, *, version: int = 2_000, checked: int = 0) -> Verifier:
    """A worker that starts from a stored fit of `model`, and a curve of which nearly all may be served."""
    words = WordCounts()
    told = [replace(label, weight=1.01) if n < checked else label for n, label in enumerate(labels(500))]
    made = fitting.fit(told, version=version, prior=None, word_counts=words.counts, questions=0, popularity={})
    await deployment.store.save_fit(DOMAIN, version, replace(made, model=model).to_bytes())
    return deployment.worker(sure())


async def test_a_worker_s_first_checks_come_often_and_the_later_ones_rarely(deployment: Deployment) -> None:
    """A new fit is looked at closely before it is trusted; how closely is tuned."""
    verifier = await warm(deployment, sure(25))
    deployment.chance = 0.5
    checked = 0
    for _ in range(60):
        judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
        assert judged.accepted
        if not judged.checked:
            break
        checked += 1
        await verifier.learn(judged, right=True)
    assert 5 <= checked <= 40
    deployment.chance = 0.999
    assert (await assess(verifier, neighbour(AGAIN, 0.99), FAR)).served


async def chance_of_check(deployment: Deployment, odds: float, version: int) -> float:
    """By the weight of one that is checked, long after the first ones."""
    verifier = await warm(deployment, sure(odds), version=version)
    verifier._checked = 10**9
    deployment.chance = 0.0
    judged = await assess(verifier, neighbour(AGAIN, 0.99), neighbour("Cancel my order", 0.95), FAR, rate=0.2)
    assert judged.checked
    return 1 / judged.weight


async def test_the_doubtful_are_checked_more_often_than_the_sure(deployment: Deployment) -> None:
    """By the standard deviation of the error, and never less than one in a hundred: something must be noticed."""
    assert await chance_of_check(deployment, 40.0, 1_000) == pytest.approx(0.01, abs=1e-4)
    assert await chance_of_check(deployment, 3.0, 2_000) == pytest.approx(0.01 + 0.1 * 0.2178, abs=1e-4)


async def test_a_worker_that_starts_again_does_not_check_as_if_nothing_had_been_checked(deployment: Deployment) -> None:
    verifier = await warm(deployment, sure(3.0), checked=400)
    deployment.chance = 0.15
    assert (await assess(verifier, neighbour(AGAIN, 0.99), neighbour("Cancel my order", 0.95), FAR, rate=0.2)).served


# Fits.


def test_fits_are_due_at_a_hundred_labels_then_every_eight_hundredths_more() -> None:
    due = [count for count in range(1, 10_000) if is_due(count)]
    assert due[:4] == [100, 125, 150, 175]
    later = [(b - a) / a for a, b in itertools.pairwise(due) if a > 1_000]
    assert all(0.075 <= growth <= 0.08 for growth in later)


async def test_the_first_fit_is_made_at_the_hundredth_label_and_decides_from_then_on(deployment: Deployment) -> None:
    verifier = deployment.worker(by_similarity(even=0.6))
    told = labels(100)
    await teach(verifier, told[:99])
    assert version_of(verifier) is None
    assert (await assess(verifier, neighbour(AGAIN, 0.9), FAR)).threshold == 0.9
    await teach(verifier, told[99:])
    assert version_of(verifier) == 100
    stored = await deployment.store.newest_fit(DOMAIN, above=0)
    assert stored is not None
    assert stored[0] == 100


async def test_a_verifier_learns_to_serve_what_it_would_not_have_served_cold(deployment: Deployment) -> None:
    """Below 0.95, once labels say that it is right; and still not what labels say is wrong."""
    verifier = deployment.worker(by_similarity())
    near, far = neighbour(AGAIN, 0.93), neighbour(AGAIN, 0.7)
    assert not (await assess(verifier, near, FAR)).accepted
    rows, right = drawn(900, steepness=80)
    shown = await assess(verifier, near, FAR)
    told = []
    for x, y in zip(rows, right, strict=True):
        full = shown.features.copy()
        full[:2] = x[:2]
        told.append(Label(full, bool(y), 1.0, 1, 0.0))
    await teach(verifier, told)
    assert (await assess(verifier, near, FAR)).accepted
    assert not (await assess(verifier, far, FAR)).accepted


async def test_a_stricter_promise_serves_less(deployment: Deployment) -> None:
    verifier = deployment.worker()
    await teach(verifier, labels(500, steepness=15))
    thresholds = [(await assess(verifier, FAR, rate=rate)).threshold for rate in (0.1, 0.05, 0.02)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


async def test_a_new_fit_brings_a_new_threshold(deployment: Deployment) -> None:
    """It is worked out once for each fit and rate, and not kept longer."""
    verifier = deployment.worker()
    await teach(verifier, labels(150, steepness=60))
    before = (await assess(verifier, FAR, rate=0.05)).threshold
    await teach(verifier, labels(25, seed=1, steepness=-60))
    assert version_of(verifier) == 175
    assert (await assess(verifier, FAR, rate=0.05)).threshold > before


async def test_every_label_says_how_many_requests_came_with_it(deployment: Deployment) -> None:
    """The promise counts requests, and most bring no label."""
    verifier = deployment.worker(sure())
    judged = await assess(verifier, neighbour(AGAIN, 0.5), FAR)
    for _ in range(7):
        verifier.saw_request()
    await verifier.learn(judged, right=False)
    verifier.saw_request()
    await verifier.learn(judged, right=True)
    await verifier.learn(judged, right=True)
    kept = await deployment.store.newest_labels(DOMAIN, 9)
    assert [(label.right, label.requests, label.created_at) for label in kept] == [
        (False, 7, deployment.clock.now),
        (True, 1, deployment.clock.now),
        (True, 1, deployment.clock.now),
    ]
    assert kept[0].features == pytest.approx(judged.features, abs=1e-6)


async def test_a_fit_that_explains_the_newest_labels_no_better_leaves_the_old_model_in_force(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recalibrated and saved under the new version, so that every worker goes on from there."""
    verifier = deployment.worker()
    await teach(verifier, labels(100))
    old = verifier.fit
    assert old is not None
    monkeypatch.setattr(fitting, "beats", lambda *_: False)
    await teach(verifier, labels(25, seed=1))
    assert verifier.fit is not None
    assert verifier.fit.model is old.model
    assert (verifier.fit.version, len(verifier.fit.curve.wrong)) == (125, 125)
    monkeypatch.setattr(fitting, "beats", lambda *_: True)
    await teach(verifier, labels(25, seed=2))
    assert verifier.fit.model is not old.model


# Sharing.


async def test_workers_on_one_store_share_labels_and_see_each_other_s_fit(deployment: Deployment) -> None:
    one, other = deployment.worker(), deployment.worker()
    await teach(one, labels(60))
    await teach(other, labels(40, seed=1))
    assert (version_of(one), version_of(other)) == (None, 100)
    deployment.clock.now += 5.0
    await assess(one, FAR)
    assert version_of(one) == version_of(other) == 100


async def test_a_worker_looks_for_newer_fits_every_five_seconds_and_not_at_every_request(
    deployment: Deployment,
) -> None:
    one, other = deployment.worker(), deployment.worker()
    await assess(one, FAR)
    await teach(other, labels(100))
    deployment.clock.now += 4.9
    await assess(one, FAR)
    assert version_of(one) is None
    deployment.clock.now += 0.1
    await assess(one, FAR)
    assert version_of(one) == 100


async def test_a_restarted_worker_knows_what_was_learnt_words_and_popularity_too(deployment: Deployment) -> None:
    before = deployment.worker()
    for _ in range(50):
        before.saw_question("How do I cancel it?")
        before.saw_answer(b"popular")
    await teach(before, labels(100))
    after = deployment.worker()
    near = neighbour(AGAIN, 0.9, "popular")
    one, other = await assess(before, near, FAR), await assess(after, near, FAR)
    assert (one.features == other.features).all()
    assert (one.probability, one.threshold) == (other.probability, other.threshold)
    blank = await assess(Deployment(deployment.store).worker(space="fake:2"), near, FAR)
    assert not (one.features == blank.features).all()


async def test_another_vector_space_learns_by_itself(deployment: Deployment) -> None:
    await teach(deployment.worker(), labels(100))
    other = deployment.worker(space="fake:2")
    await assess(other, FAR)
    assert version_of(other) is None


async def test_answers_counted_last_are_remembered_and_those_long_ago_forgotten(deployment: Deployment) -> None:
    """Memory has an end: 65,536 answers."""
    verifier = deployment.worker()
    for number in range(65_536 + 1):
        verifier.saw_answer(number.to_bytes(16))
    assert len(verifier._popularity) == 65_536
    assert (0).to_bytes(16) not in verifier._popularity


# When something fails.


class Failing:
    """A label store that cannot be reached while `down`, around one that can."""

    def __init__(self, store: LabelStore) -> None:
        self._store, self.down = store, False

    def _reach(self) -> LabelStore:
        if self.down:
            raise StoreUnavailable("store_busy")
        return self._store

    async def add_label(self, domain: str, label: Label) -> int:
        return await self._reach().add_label(domain, label)

    async def count_labels(self, domain: str) -> int:
        return await self._reach().count_labels(domain)

    async def newest_labels(self, domain: str, limit: int) -> list[Label]:
        return await self._reach().newest_labels(domain, limit)

    async def save_fit(self, domain: str, version: int, fit: bytes) -> None:
        await self._reach().save_fit(domain, version, fit)

    async def newest_fit(self, domain: str, *, above: int) -> tuple[int, bytes] | None:
        return await self._reach().newest_fit(domain, above=above)


async def test_what_is_known_goes_on_holding_while_the_store_is_away(store: LabelStore) -> None:
    failing = Failing(store)
    deployment = Deployment(failing)
    verifier = deployment.worker()
    await teach(verifier, labels(100))
    before = await assess(verifier, neighbour(AGAIN, 0.9), FAR)
    failing.down = True
    deployment.clock.now += 60
    after = await assess(verifier, neighbour(AGAIN, 0.9), FAR)
    assert (after.probability, after.threshold) == (before.probability, before.threshold)
    with pytest.raises(StoreUnavailable):
        await verifier.learn(after, right=True)


async def test_a_fit_that_fails_leaves_the_old_one_and_the_next_one_is_made(
    store: LabelStore, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(store)
    verifier = Deployment(failing).worker()
    told = labels(125)
    await teach(verifier, told[:99])
    verifier.saw_request()
    judged = Assessment(FAR, told[99].features, 0.5, 0.5, False, False, 1.0, ())
    await verifier.learn(judged, right=told[99].right)
    failing.down = True
    with caplog.at_level(logging.WARNING):
        await verifier.settled()
    assert version_of(verifier) is None
    assert "no fit after 100 labels" in caplog.text
    failing.down = False
    await teach(verifier, told[100:])
    assert version_of(verifier) == 125


@pytest.mark.parametrize("blob", [b"", b"garbage", b"PK\x03\x04" + bytes(200)])
async def test_a_broken_stored_fit_is_left_alone_and_told_of(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, blob: bytes
) -> None:
    await deployment.store.save_fit(DOMAIN, 7, blob)
    verifier = deployment.worker(sure())
    with caplog.at_level(logging.WARNING):
        judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
    assert version_of(verifier) is None
    assert judged.served
    assert "fit 7" in caplog.text


async def test_a_fit_is_replaced_by_the_next_where_the_stored_one_is_broken(deployment: Deployment) -> None:
    await deployment.store.save_fit(DOMAIN, 7, b"garbage")
    await teach(deployment.worker(), labels(100))
    other = deployment.worker()
    await assess(other, FAR)
    assert version_of(other) == 100


async def test_a_fit_never_blocks_the_loop(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, requests are assessed meanwhile, and a second one is not begun."""
    begun = 0
    real = fitting.fit

    def slow(*given: Any, **more: Any) -> fitting.Fit:
        nonlocal begun
        begun += 1
        time.sleep(0.5)  # as a worker's core would be busy
        return real(*given, **more)

    monkeypatch.setattr(fitting, "fit", slow)
    verifier = deployment.worker(sure())
    told = labels(125)
    judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
    for label in told[:100]:
        await verifier.learn(Assessment(FAR, label.features, 0.5, 0.5, False, False, 1.0, ()), right=label.right)
    start = time.perf_counter()
    longest, assessed = 0.0, 0
    while verifier.fit is None:
        at = time.perf_counter()
        judged = await assess(verifier, neighbour(AGAIN, 0.99), FAR)
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - at)
        assessed += 1
    assert time.perf_counter() - start >= 0.45
    assert assessed > 20
    assert longest < 0.25
    assert judged.candidate.question == AGAIN
    assert begun == 1


async def test_closing_gives_up_a_fit_that_is_being_made(deployment: Deployment) -> None:
    verifier = deployment.worker()
    for label in labels(100):
        await verifier.learn(Assessment(FAR, label.features, 0.5, 0.5, False, False, 1.0, ()), right=label.right)
    await verifier.aclose()
    assert version_of(verifier) is None
    await verifier.aclose()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir()).lower()


async def test_no_text_is_kept_with_labels_and_fits(deployment: Deployment, tmp_path: Path) -> None:
    """The file as it lies on the disk."""
    verifier = deployment.worker(sure())
    secret = "Zanzibarquux Wolpertinger?"
    for _ in range(5):
        verifier.saw_question(secret)
        verifier.saw_answer(b"0123456789abcdef")
    judged = await assess(verifier, neighbour(secret, 0.5), FAR, asked=secret)
    await verifier.learn(judged, right=True)
    await teach(verifier, labels(99))
    assert verifier.fit is not None
    held = on_disk(tmp_path)
    assert DOMAIN.encode() in held
    for word in (b"zanzibar", b"wolpertinger"):
        assert word not in held
