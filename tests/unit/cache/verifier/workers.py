"""Workers on one label store, and what tests do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.features import FEATURE_VERSION
from litellm_plugins.cache.verifier.labels import Label, LabelStore
from litellm_plugins.cache.verifier.logistic import Model
from litellm_plugins.cache.verifier.verifier import Assessment, Verifier
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.fakes import Clock
from tests.unit.cache.verifier.samples import labels, neighbour, sure

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


async def warm(deployment: Deployment, model: Model, *, version: int = 2_000, checked: int = 0) -> Verifier:
    """A worker that starts from a stored fit of `model`, and a curve of which nearly all may be served."""
    words = WordCounts()
    told = [replace(label, weight=1.01) if n < checked else label for n, label in enumerate(labels(500))]
    made = fitting.fit(told, version=version, prior=None, word_counts=words.counts, questions=0, popularity={})
    await deployment.store.save_fit(DOMAIN, version, replace(made, model=model).to_bytes())
    return deployment.worker(sure())
