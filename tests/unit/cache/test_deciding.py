"""May one of the nearest entries answer this question?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litellm_plugins.cache.answers import EmbeddingComparer
from litellm_plugins.cache.backends import sqlite_labels
from litellm_plugins.cache.deciding import Judged, decide
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.features import FEATURE_VERSION, NAMES
from litellm_plugins.cache.verifier.labels import LabelStore
from litellm_plugins.cache.verifier.verifier import Verifier
from litellm_plugins.cache.verifier.words import BUCKETS
from litellm_plugins.model import Identity, Layer, Reason
from litellm_plugins.settings import Cache, Semantic
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.builders import answer, chat, reply
from tests.unit.cache.fakes import Clock, FakeEmbedder, FakeStore
from tests.unit.cache.verifier.samples import labels, neighbour, sure
from tests.unit.cache.world import told

ASKED = "How do I cancel my order?"
AGAIN = "How do I cancel the order?"
FAR = neighbour("What is a webhook?", 0.2, "another")
PROMISED = Semantic(max_error_rate=0.05)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LabelStore]:
    file = SqliteFile(tmp_path / "labels.db", schema=sqlite_labels.SCHEMA)
    yield sqlite_labels.SqliteLabelStore(file)
    await file.aclose()


@cache
def sure_of_everything() -> bytes:
    """A fit, as it lies in the store."""
    made = fitting.fit(
        labels(300),
        version=300,
        prior=None,
        word_counts=np.zeros(BUCKETS, np.uint32),
        questions=0,
        popularity={},
    )
    return replace(made, model=sure(25)).to_bytes()


@pytest.fixture
async def certain(store: LabelStore) -> Verifier:
    """Has learnt to be sure of everything, and checks nothing: what is refused then is refused by rule."""
    await store.save_fit(f"fake:1/{FEATURE_VERSION}", 300, sure_of_everything())
    verifier = Verifier(store, space="fake:1", prior=None, clock=Clock(), draw=lambda: 0.999)
    verifier._checked = 10_000  # long past the first checks
    return verifier


@pytest.fixture
def cold(store: LabelStore) -> Verifier:
    """Knows a prior only, and checks nothing."""
    return Verifier(store, space="fake:1", prior=sure(), clock=Clock(), draw=lambda: 0.999)


async def judged(
    verifier: Verifier | None, *neighbours: Neighbour, asked: str = ASKED, by: Semantic = PROMISED, **how: Any
) -> Judged:
    return await decide(asked, neighbours, by, verifier=verifier, **how)


# By the promised rate.


async def test_an_empty_partition_is_empty(cold: Verifier) -> None:
    assert await judged(cold) == Judged(Reason.EMPTY)
    assert await judged(None, by=Semantic(threshold=0.9)) == Judged(Reason.EMPTY)


async def test_what_is_sure_enough_is_served_and_tells_how_sure(cold: Verifier) -> None:
    said = await judged(cold, neighbour(AGAIN, 0.97), FAR)
    assert said.reason is Reason.VERIFIED
    assert said.neighbour == neighbour(AGAIN, 0.97)
    assert said.similarity == 0.97
    assert said.probability is not None
    assert said.probability > 0.99
    assert said.assessment is not None


async def test_what_is_not_sure_enough_is_unsure_and_still_teaches(cold: Verifier) -> None:
    said = await judged(cold, neighbour(AGAIN, 0.94), FAR)
    assert (said.reason, said.neighbour, said.similarity) == (Reason.UNSURE, None, 0.94)
    assert said.assessment is not None


@pytest.mark.parametrize(
    ("asked", "cached", "reason"),
    [
        ("What is 2+3?", "What is 2+2?", Reason.NUMBERS_DIFFER),
        ("Can I cancel?", "Can't I cancel?", Reason.NEGATION_DIFFERS),
        ("How do I lock my card?", "How do I unlock my card?", Reason.OPPOSED),
        ("How do I sort in C++?", "How do I sort in C#?", Reason.CODES_DIFFER),
        ("Tell the price of it", "¿Cuál es el precio de eso?", Reason.LANGUAGE_DIFFERS),
        ("Do you ship to Norway?", "Do you ship to Sweden?", Reason.NAMES_DIFFER),
        ("When do I pay?", "How do I pay?", Reason.QUESTION_DIFFERS),
        ("How do I pay by card?", "How do I pay with vouchers?", Reason.UNSURE),
    ],
)
async def test_a_refusal_names_what_tells_the_questions_apart(
    cold: Verifier, asked: str, cached: str, reason: Reason
) -> None:
    assert (await judged(cold, neighbour(cached, 0.9), FAR, asked=asked)).reason is reason


def test_every_difference_that_an_assessment_may_name_is_a_reason() -> None:
    """Else a look-up would break on it, on that question only."""
    named = [name for name in NAMES if name.endswith(("_differ", "_differs")) or name == "opposed"]
    assert {Reason(name) for name in named if name not in ("order_differs", "quotes_differ")} == {
        Reason.NUMBERS_DIFFER,
        Reason.NEGATION_DIFFERS,
        Reason.OPPOSED,
        Reason.CODES_DIFFER,
        Reason.LANGUAGE_DIFFERS,
        Reason.NAMES_DIFFER,
        Reason.QUESTION_DIFFERS,
    }


async def test_what_is_chosen_for_a_check_is_not_served_and_says_so(store: LabelStore) -> None:
    verifier = Verifier(store, space="fake:1", prior=sure(), clock=Clock(), draw=lambda: 0.0)
    said = await judged(verifier, neighbour(AGAIN, 0.97), FAR)
    assert (said.reason, said.neighbour) == (Reason.SHADOW_CHECK, None)
    assert said.assessment is not None
    assert said.assessment.checked
    assert (await judged(verifier, neighbour(AGAIN, 0.97), FAR, checks=False)).reason is Reason.VERIFIED


GUARDED = [
    ("numbers", "What is 2+3?", "What is 2+2?", Reason.NUMBERS_DIFFER),
    ("negations", "Can I cancel?", "Can't I cancel?", Reason.NEGATION_DIFFERS),
    ("opposites", "How do I lock my card?", "How do I unlock my card?", Reason.OPPOSED),
    ("codes", "How do I sort in C++?", "How do I sort in C#?", Reason.CODES_DIFFER),
    ("language", "What is the price?", "¿Cuál es el precio?", Reason.LANGUAGE_DIFFERS),
]


@pytest.mark.parametrize(("guard", "asked", "cached", "reason"), GUARDED)
async def test_a_guard_refuses_however_sure_the_verifier_is_and_only_what_it_guards(
    certain: Verifier, guard: Any, asked: str, cached: str, reason: Reason
) -> None:
    near, second = neighbour(cached, 0.99), neighbour("In words of its own", 0.9)
    by = Semantic(guards=(guard,))
    said = await judged(certain, near, second, FAR, asked=asked, by=by)
    assert (said.reason, said.neighbour) == (reason, None)
    # Opposites have to convince as a pair, and do not, guard or none.
    unguarded = reason if guard == "opposites" else Reason.VERIFIED
    assert (await judged(certain, near, second, FAR, asked=asked)).reason is unguarded
    assert (await judged(certain, neighbour(AGAIN, 0.99), FAR, by=by)).reason is Reason.VERIFIED
    others: Any = tuple(name for name, *_ in GUARDED if name != guard)
    assert (await judged(certain, near, second, FAR, asked=asked, by=Semantic(guards=others))).reason is unguarded


# By a fixed threshold.


async def test_a_fixed_threshold_asks_no_verifier(certain: Verifier) -> None:
    by = Semantic(threshold=0.92)
    assert await judged(certain, neighbour(AGAIN, 0.92), by=by) == Judged(
        Reason.ABOVE_THRESHOLD, neighbour(AGAIN, 0.92), 0.92
    )
    assert await judged(certain, neighbour(AGAIN, 0.91), by=by) == Judged(Reason.BELOW_THRESHOLD, None, 0.91)


async def test_a_fixed_threshold_guards_numbers_unless_it_is_told_not_to() -> None:
    near, asked = neighbour("What is 2+2?", 0.99), "What is 2+3?"
    by = Semantic(threshold=0.9)
    assert (await judged(None, near, asked=asked, by=by)).reason is Reason.NUMBERS_DIFFER
    by = Semantic(threshold=0.9, guards=())
    assert (await judged(None, near, asked=asked, by=by)).reason is Reason.ABOVE_THRESHOLD


@pytest.mark.parametrize(("guard", "asked", "cached", "reason"), GUARDED)
async def test_every_guard_holds_with_a_fixed_threshold_too(
    guard: Any, asked: str, cached: str, reason: Reason
) -> None:
    said = await judged(None, neighbour(cached, 0.99), asked=asked, by=Semantic(threshold=0.9, guards=(guard,)))
    assert (said.reason, said.neighbour) == (reason, None)


async def test_without_a_verifier_and_a_threshold_only_cosine_one_is_served() -> None:
    assert (await judged(None, neighbour(AGAIN, 0.9999))).reason is Reason.BELOW_THRESHOLD


# Where several tenants share.

MODES = {"promise": PROMISED, "threshold": Semantic(threshold=0.9)}


@pytest.fixture(params=MODES)
def by(request: pytest.FixtureRequest) -> Semantic:
    """Either way to decide."""
    return MODES[request.param]


CROSSING = {
    "another's alone": ([neighbour(AGAIN, 0.99, "a", "team:b")], False),
    "its own": ([neighbour(AGAIN, 0.99, "a", "team:a")], True),
    "another's of the same words": ([neighbour("  how do I cancel my order ", 0.99, "a", "team:b")], True),
    "of two others that were given the same": (
        [neighbour(AGAIN, 0.99, "a", "team:b"), neighbour("Cancel my order", 0.95, "a", "team:c")],
        True,
    ),
    "twice of one other": (
        [neighbour(AGAIN, 0.99, "a", "team:b"), neighbour("Cancel my order", 0.95, "a", "team:b")],
        False,
    ),
    "of two others that were given different answers": (
        [neighbour(AGAIN, 0.99, "a", "team:b"), neighbour("Cancel my order", 0.91, "b", "team:c")],
        False,
    ),
    "of nobody known": ([neighbour(AGAIN, 0.99, "a", "")], False),
    "of one known and one unknown": (
        [neighbour(AGAIN, 0.99, "a", "team:b"), neighbour("Cancel my order", 0.95, "a", "")],
        False,
    ),
    "without an answer's name": (
        [neighbour(AGAIN, 0.99, "", "team:b"), neighbour("Cancel my order", 0.95, "", "team:c")],
        False,
    ),
}


@pytest.mark.parametrize(("neighbours", "served"), CROSSING.values(), ids=CROSSING.keys())
async def test_an_answer_crosses_to_another_tenant_only_with_two_behind_it(
    certain: Verifier, by: Semantic, neighbours: list[Neighbour], served: bool
) -> None:
    said = await judged(certain, *neighbours, FAR, asker="team:a", by=by)
    assert (said.neighbour is not None) is served
    assert (said.reason is Reason.ONE_SOURCE) is not served
    assert (await judged(certain, *neighbours, FAR, asker=None, by=by)).neighbour is not None


async def test_whoever_is_not_known_owns_nothing(certain: Verifier, by: Semantic) -> None:
    said = await judged(certain, neighbour(AGAIN, 0.99, "a", ""), asker="", by=by)
    assert (said.reason, said.neighbour) == (Reason.ONE_SOURCE, None)


async def test_behind_an_answer_of_one_source_a_threshold_serves_the_next_that_has_support() -> None:
    """A planted question must not hide the honest one behind it either."""
    planted, own = neighbour("planted", 1.0, "evil", "team:evil"), neighbour(AGAIN, 0.95, "a", "team:a")
    said = await judged(None, planted, own, asker="team:a", by=MODES["threshold"])
    assert said.neighbour == own


# The published attack, through the layers: a text that means nothing and lies exactly where another's question lies.

VICTIM, CRAFTED = "How do I reset my password?", "zxq vv%% reset!!1 kkj"
PARAPHRASE, ANOTHER = "What do I do to get a new password?", "I need a new password."
COLLIDING = (VICTIM, CRAFTED, CRAFTED + " 2", CRAFTED + " 3", PARAPHRASE, ANOTHER)
PHISHING, HONEST = "Send it to evil.example.", "Press the button."


@dataclass
class Shared:
    """One partition for every tenant; all texts but "far" collide, at cosine 1.0."""

    verifier: Verifier | None
    semantic: dict[str, Any]
    store: FakeStore = field(default_factory=FakeStore)

    def __post_init__(self) -> None:
        embedder = FakeEmbedder(far=80.0)
        embedder.angles |= dict.fromkeys(COLLIDING, 0.0)
        self.layers = CacheLayers(
            store=self.store,
            embedder=embedder,
            verifier=self.verifier,
            comparer=EmbeddingComparer(embedder, similarity=0.9),
            clock=Clock(),
        )

    async def ask(self, team: str, text: str, fresh: str) -> tuple[Verdict, str | None]:
        """The verdict, and what was served; a miss is answered with `fresh`."""
        request = chat(text, identity=Identity(key_id=f"key-{team}", team_id=team))
        policy = Cache.model_validate({"enabled": True, "scope": "global", "semantic": self.semantic})
        verdict = await self.layers.look_up(request, policy)
        if verdict.entry is not None:
            return verdict, verdict.entry.body.decode()
        await self.layers.remember(verdict, request, reply(answer(fresh)), policy)
        return verdict, None


@pytest.fixture(params=["promise", "threshold"])
def shared(request: pytest.FixtureRequest, certain: Verifier) -> Shared:
    if request.param == "threshold":
        return Shared(None, {"threshold": 0.9, "guards": []})
    return Shared(certain, {"max_error_rate": 0.05})


async def test_a_crafted_collision_of_one_tenant_never_serves_another(shared: Shared) -> None:
    """However often it is planted, and though the verifier is sure of everything."""
    await shared.ask("evil", "far", "Far away.")
    await shared.ask("evil", CRAFTED, PHISHING)
    for text in COLLIDING[2:4]:
        await shared.ask("evil", text, PHISHING)
    verdict, served = await shared.ask("victim", VICTIM, HONEST)
    assert served is None
    assert told(verdict) == (Layer.MISS, Reason.ONE_SOURCE)
    again, served = await shared.ask("victim", VICTIM, "never asked")
    assert again.layer is Layer.EXACT
    assert served is not None
    assert HONEST in served


async def test_a_planted_question_is_served_to_whoever_planted_it(shared: Shared) -> None:
    await shared.ask("evil", "far", "Far away.")
    await shared.ask("evil", CRAFTED, PHISHING)
    verdict, served = await shared.ask("evil", PARAPHRASE, "never asked")
    assert verdict.layer is Layer.SEMANTIC
    assert served is not None
    assert PHISHING in served


async def test_an_answer_that_two_tenants_were_given_serves_a_third(shared: Shared) -> None:
    await shared.ask("one", "far", "Far away.")
    await shared.ask("one", VICTIM, HONEST)
    verdict, served = await shared.ask("two", PARAPHRASE, HONEST)
    assert served is None
    assert verdict.reason is Reason.ONE_SOURCE
    verdict, served = await shared.ask("three", ANOTHER, "never asked")
    assert verdict.layer is Layer.SEMANTIC
    assert served is not None
    assert HONEST in served


async def test_the_same_words_serve_whoever_asks_them(shared: Shared) -> None:
    """What was answered is what was asked: nothing crafted can stand between."""
    await shared.ask("one", "far", "Far away.")
    await shared.ask("one", VICTIM, HONEST)
    _, served = await shared.ask("two", VICTIM, "never asked")
    assert served is not None
    assert HONEST in served
