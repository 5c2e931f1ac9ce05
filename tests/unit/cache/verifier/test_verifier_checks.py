"""Which hits are answered afresh to learn from them, and what they count for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litellm_plugins.cache.verifier.fitting import fit
from litellm_plugins.cache.verifier.labels import REVIEWER, USER
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.verifier.samples import features, labels, neighbour, sure
from tests.unit.cache.verifier.workers import AGAIN, DOMAIN, FAR, Deployment, assess, warm


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


async def test_hits_that_a_reviewer_judged_need_not_be_checked_as_well(deployment: Deployment) -> None:
    """Nobody's thumb counts so: only where something was wrong does it come down."""
    verifier, near = (
        await warm(deployment, sure(3.0)),
        (neighbour(AGAIN, 0.99), neighbour("Cancel my order", 0.95), FAR),
    )
    deployment.chance = 0.2
    checked = [(await assess(verifier, *near, rate=0.2)).checked]
    for by in (USER, REVIEWER):
        for _ in range(45):  # too few for another fit
            await verifier.told(features(similarity=0.99), right=by == REVIEWER, by=by)
        checked.append((await assess(verifier, *near, rate=0.2)).checked)

    assert checked == [True, True, False]


async def test_nor_by_a_worker_that_starts_later(deployment: Deployment) -> None:
    told = [*labels(500), *(replace(each, weight=0.0, requests=0, by=REVIEWER) for each in labels(100, seed=1))]
    made = fit(told, version=2_000, prior=None, word_counts=WordCounts().counts, questions=0, popularity={})
    await deployment.store.save_fit(DOMAIN, 2_000, replace(made, model=sure(3.0)).to_bytes())
    deployment.chance = 0.2

    near = (neighbour(AGAIN, 0.99), neighbour("Cancel my order", 0.95), FAR)
    assert (await assess(deployment.worker(sure()), *near, rate=0.2)).served


async def test_an_assessment_tells_how_often_its_answer_had_been_given(deployment: Deployment) -> None:
    verifier = deployment.worker(sure())
    first = await assess(verifier, neighbour(AGAIN, 0.99))
    for _ in range(3):
        verifier.saw_answer(b"answer")

    assert (first.given, (await assess(verifier, neighbour(AGAIN, 0.99))).given) == (0, 3)
