"""The verifier as a worker uses it: cold, then fitted, then shared."""

from __future__ import annotations

import itertools

import pytest

from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.labels import Label
from litellm_plugins.cache.verifier.schedule import is_due
from tests.unit.cache.verifier.samples import by_similarity, drawn, labels, neighbour, sure
from tests.unit.cache.verifier.workers import AGAIN, ASKED, DOMAIN, FAR, Deployment, assess, teach, version_of

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
