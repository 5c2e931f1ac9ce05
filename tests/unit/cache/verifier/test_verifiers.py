"""A tenant's own labels decide for it once they are enough, and say more than everybody's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.verifier import Assessment, Verifier
from litellm_plugins.cache.verifier.verifiers import TenantVerifier, Verifiers
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.verifier.samples import by_similarity, labels, neighbour, sure
from tests.unit.cache.verifier.workers import AGAIN, ASKED, DOMAIN, FAR, Deployment, teach, version_of, warm


def own_of(verifiers: Verifiers, tenant: str) -> Verifier:
    own = verifiers.of(tenant).own
    assert own is not None
    return own


async def threshold_for(verifier: TenantVerifier) -> float:
    judged = await verifier.assess(ASKED, [neighbour(AGAIN, 0.9), FAR], rate=0.01)
    assert judged is not None
    return judged.threshold


def domain_of(verifier: Verifier) -> str:
    return verifier._domain


async def save(deployment: Deployment, domain: str, version: int, even: float) -> None:
    """A fit that serves from about `even` on."""
    told = [replace(label, created_at=0.0) for label in labels(500, even=even)]
    made = fitting.fit(told, version=version, prior=None, word_counts=WordCounts().counts, questions=0, popularity={})
    await deployment.store.save_fit(domain, version, made.to_bytes())


async def test_one_tenant_alone_has_no_verifier_beside_the_common_one(deployment: Deployment) -> None:
    verifiers = Verifiers(deployment.worker(sure()))
    for _ in range(3):
        assert verifiers.of("a").own is None
    await verifiers.of("a").learn(Assessment(FAR, labels(1)[0].features, 0.5, 0.5, False, False, 1.0, ()), right=True)
    assert await deployment.store.count_labels(DOMAIN) == 1


async def test_once_there_are_two_each_label_is_everybodys_and_its_tenants(deployment: Deployment) -> None:
    verifiers = Verifiers(deployment.worker(sure()))
    verifiers.of("a"), verifiers.of("b")
    told = labels(5)
    for tenant, label in zip("aabba", told, strict=True):
        judged = Assessment(FAR, label.features, 0.5, 0.5, False, False, label.weight, ())
        await verifiers.of(tenant).learn(judged, right=label.right)
    counts = [await deployment.store.count_labels(domain_of(own_of(verifiers, tenant))) for tenant in "ab"]
    assert (await deployment.store.count_labels(DOMAIN), counts) == (5, [3, 2])


async def test_everybodys_fit_decides_for_a_tenant_until_it_has_its_own(deployment: Deployment) -> None:
    await save(deployment, DOMAIN, 2_000, even=0.6)
    verifiers = Verifiers(deployment.worker(sure()))
    verifiers.of("a")
    common = await threshold_for(verifiers.of("b"))
    await save(deployment, domain_of(own_of(verifiers, "b")), 1_500, even=0.8)
    assert await threshold_for(verifiers.of("b")) == common, "the store is not asked for every request"
    deployment.clock.now += 60
    assert await threshold_for(verifiers.of("b")) != common
    assert await threshold_for(verifiers.of("a")) == common
    assert (version_of(own_of(verifiers, "a")), version_of(own_of(verifiers, "b"))) == (None, 1_500)


@pytest.mark.parametrize(("even", "better"), [(0.5, True), (0.8, False)])
async def test_a_tenants_first_fit_is_made_of_enough_labels_and_has_to_explain_them_better(
    deployment: Deployment, even: float, better: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's is what labels follow whose odds are even at a cosine of 0.8."""
    monkeypatch.setattr("litellm_plugins.cache.verifier.schedule.FIRST_OF_TENANT", 400)
    common = await warm(deployment, by_similarity(even=0.8))
    assert await common.has_fit()
    own = common.for_tenant("b")
    told = labels(400, seed=3, even=even, low=0.3)
    await teach(own, told[:399])
    assert version_of(own) is None
    await teach(own, told[399:])
    assert version_of(own) == (400 if better else None)


async def test_tenants_count_words_and_answers_together(deployment: Deployment) -> None:
    """Else a label of one verifier would mean something else to the other."""
    verifiers = Verifiers(deployment.worker(sure()))
    verifiers.of("a"), verifiers.of("b")
    verifiers.of("a").saw_question("Where is my card?")
    verifiers.of("b").saw_answer(b"answer")
    own = own_of(verifiers, "b")
    assert own._words.questions == 1
    assert own._popularity == {b"answer": 1}
    await save(deployment, DOMAIN, 100, even=0.8)
    deployment.clock.now += 60
    assert await own._common.has_fit() if own._common else False
    assert own._words is verifiers.of("a").common._words, "also after a worker took up a stored fit"


async def test_a_tenants_name_is_not_in_the_store(deployment: Deployment) -> None:
    verifiers = Verifiers(deployment.worker(sure()))
    verifiers.of("a")
    own = own_of(verifiers, "team-of-somebody")
    assert "somebody" not in domain_of(own)
    assert domain_of(own) != domain_of(own_of(verifiers, "team-of-another"))


async def test_a_tenants_fit_holds_no_second_copy_of_what_everybody_asked(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of counts in each of up to 256 fits, in memory and in the store, that no tenant's verifier reads."""
    monkeypatch.setattr("litellm_plugins.cache.verifier.schedule.FIRST_OF_TENANT", 400)
    common = await warm(deployment, by_similarity(even=0.8))
    common.saw_answer(b"a" * 16)
    own = common.for_tenant("b")
    await teach(own, labels(400, seed=3, even=0.5, low=0.3))
    assert own.fit is not None
    assert (own.fit.word_counts.size, own.fit.popularity) == (0, {})
    again = common.for_tenant("b")
    assert await again.has_fit(), "what was stored can be read back"
    assert again._popularity == {b"a" * 16: 1}
