"""Rules and scorers with their embeddings: the cache's where it made one, and what happens where none comes."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litellm_plugins.cache.keys import Keys
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.embedding.local import LocalEmbedder
from litellm_plugins.embedding.onnx_model import DIMENSIONS
from litellm_plugins.errors import SettingsError
from litellm_plugins.model import Identity, Layer, Reason
from litellm_plugins.proxy.routing.scoring import Asking, HostScoring, Weighed, adapted
from litellm_plugins.proxy.routing.vectors import RouteEmbedder, route_embedder
from litellm_plugins.routing.conversation import of_text
from litellm_plugins.routing.outcomes import Labelled
from litellm_plugins.routing.policy import Candidate, Ladder, Rung
from litellm_plugins.routing.scorers.trained import dumps, shipped
from litellm_plugins.routing.training import fit
from litellm_plugins.settings import parse
from litellm_plugins.telemetry.events import Event, StageFailed, Telemetry

BUNDLED_SPACE = LocalEmbedder().model_id
LADDER = Ladder((Rung("small", (Candidate("nano"),)), Rung("strong", (Candidate("max"),))), (0.5,))
QUESTION = "Why does the sea look blue from above?"


def unit(text: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector))


@dataclass
class Embedder:
    """Each text has a vector of its own; counts, and waits where told to."""

    asked: list[str] = field(default_factory=list)
    delay_s: float = 0.0
    broken: bool = False
    model_id: str = BUNDLED_SPACE
    dimensions: int = DIMENSIONS

    async def embed(self, text: str) -> Embedding:
        self.asked.append(text)
        await asyncio.sleep(self.delay_s)
        if self.broken:
            raise EmbedderUnavailable("files_missing")
        return Embedding(unit(text), partial=False)

    async def aclose(self) -> None:
        self.broken = True


@dataclass
class Desk:
    """A scoring with one router, and what it told."""

    scoring: HostScoring
    events: list[Event]
    embedder: Embedder

    async def weigh(self, prompt: str = QUESTION, verdict: Verdict | None = None) -> Weighed:
        return await self.scoring.weigh(Asking("auto", LADDER, of_text(prompt), Identity(), verdict))

    @property
    def failures(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, StageFailed)]


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def desk(embedder: Embedder, *rules: dict[str, Any], scorer: str = "trained") -> Desk:
    tiers = [{"name": "small", "models": ["nano"]}, {"name": "strong", "models": ["max"]}]
    settings = parse({"routing": {"scorer": scorer, "routers": {"auto": {"tiers": tiers, "rules": list(rules)}}}})
    told = Told()
    telemetry = Telemetry([told])
    vectors = RouteEmbedder(embedder, telemetry, timeout_s=0.05, is_cache_s=True)
    return Desk(HostScoring(settings, telemetry, embedder=vectors, judge=None), told.events, embedder)


def looked_up(question: str, vector: np.ndarray) -> Verdict:
    keys = Keys("team:t", b"p", b"e", question, None)
    return Verdict(Layer.MISS, Reason.EMPTY, keys=keys, embedding=Embedding(vector, partial=False))


@pytest.mark.parametrize(("scorer", "parts"), [("trained", shipped().thresholds(3)), ("heuristic", (1 / 3, 2 / 3))])
def test_where_no_thresholds_are_given_the_scorer_in_force_has_its_own(scorer: str, parts: tuple[float, ...]) -> None:
    tiers = [{"name": name, "models": [name]} for name in ("small", "standard", "strong")]
    routers = {
        "auto": {"tiers": tiers},
        "calibrated": {"tiers": tiers, "thresholds": [0.1, 0.3]},
        "readable": {"tiers": tiers, "scorer": "heuristic"},
    }
    settings = parse({"routing": {"scorer": scorer, "routers": routers}})
    scoring = HostScoring(settings, Telemetry([]), embedder=None, judge=None)
    assert scoring.thresholds == {"auto": parts, "calibrated": (0.1, 0.3), "readable": (1 / 3, 2 / 3)}


async def test_the_cache_s_embedding_is_taken_and_none_is_made() -> None:
    at = desk(Embedder())
    shared = await at.weigh(verdict=looked_up(QUESTION, unit(QUESTION)))
    assert at.embedder.asked == []
    assert shared == await at.weigh()
    assert at.embedder.asked == [QUESTION]
    assert shared.scorer == "trained"


async def test_the_embedding_of_another_text_is_not_taken_for_it() -> None:
    at = desk(Embedder())
    await at.weigh(verdict=looked_up("What was asked before?", unit("other")))
    assert at.embedder.asked == [QUESTION]


@pytest.mark.parametrize(
    ("embedder", "why"),
    [(Embedder(delay_s=5), "embedding_late"), (Embedder(broken=True), "embedding_unavailable")],
)
async def test_without_an_embedding_the_question_s_load_judges_and_says_so(embedder: Embedder, why: str) -> None:
    at = desk(embedder)
    found = await at.weigh()
    assert found.score.because[0] == why
    assert 0 < found.score.value < 1
    assert at.failures == [why]


async def test_vectors_of_another_model_are_not_scored_and_that_is_said_once() -> None:
    """They may have as many numbers, and mean nothing to the scorer."""
    other, none = desk(Embedder(model_id="hosted:all-like-it")), desk(Embedder(broken=True))
    found, unknown = await other.weigh(), await none.weigh()
    assert found.score.value == unknown.score.value
    assert found.score.because[0] == "embedding_of_another_model"
    await other.weigh("Who wrote Faust?")
    assert other.failures == ["embedding_of_another_model"]
    assert other.embedder.asked == []


def test_the_shipped_scorer_knows_the_bundled_models_space() -> None:
    assert shipped().space == BUNDLED_SPACE


async def test_a_rule_by_likeness_holds_for_what_is_near_and_shares_the_question_s_embedding() -> None:
    like = {"name": "sea", "match": {"like": [QUESTION], "similarity": 0.9}, "then": {"tier": "strong"}}
    at = desk(Embedder(), like)
    near, far = await at.weigh(), await at.weigh("Who wrote Faust?")
    assert (near.rule and near.rule.rule, near.scorer) == ("sea", "heuristic")
    assert (far.rule, far.scorer) == (None, "trained")
    assert at.embedder.asked.count("Who wrote Faust?") == 1


async def test_a_rule_by_likeness_that_cannot_be_asked_does_not_hold() -> None:
    like = {"name": "sea", "match": {"like": [QUESTION]}, "then": {"tier": "strong"}}
    at = desk(Embedder(broken=True), like, scorer="heuristic")
    assert (await at.weigh()).rule is None
    assert "embedding_unavailable" in at.failures


async def test_a_rule_after_the_score_leaves_the_score_to_the_scorer() -> None:
    after = {"name": "sea", "when": "after", "match": {"keywords": "sea"}, "then": {"at_least": "strong"}}
    found = await desk(Embedder(), after).weigh()
    assert found.rule is not None
    assert (found.rule.rule, found.scorer) == ("sea", "trained")


async def test_where_the_cache_has_no_such_embeddings_one_is_made_here() -> None:
    """By the bundled model: the cache's own is a hosted one, or there is none."""
    tiers = [{"name": "small", "models": ["nano"]}, {"name": "strong", "models": ["max"]}]
    routing = {"scorer": "trained", "routers": {"auto": {"tiers": tiers}}, "embed_timeout_ms": 10_000}
    hosted = {"enabled": True, "semantic": {"embedder": "text-embedding-3-small"}}
    for of_cache, cache in ((None, {}), (Embedder(), hosted)):
        own = route_embedder(parse({"routing": routing, "cache": cache}), of_cache, Telemetry([]))
        assert own is not None
        vector = await own.of_request(looked_up(QUESTION, unit(QUESTION))).of(QUESTION)
        assert vector is not None
        assert not np.allclose(vector, unit(QUESTION))
        await own.aclose()
        assert of_cache is None or not of_cache.broken


def fitted(tmp_path: Path, dimensions: int) -> Path:
    rng = np.random.default_rng(0)
    vectors = [row / np.linalg.norm(row) for row in rng.normal(size=(40, dimensions)).astype(np.float32)]
    rows = [Labelled(f"question {number}", float(number % 2), 1.0, "") for number in range(40)]
    path = tmp_path / "mine.npz"
    path.write_bytes(dumps(fit(rows, vectors)))
    return path


def test_a_fitted_scorer_is_read_from_its_file(tmp_path: Path) -> None:
    scorer = adapted(fitted(tmp_path, DIMENSIONS))
    assert 0 < scorer.score(of_text(QUESTION), unit(QUESTION)).value < 1


def test_what_is_no_fitted_scorer_of_ours_is_refused_at_boot(tmp_path: Path) -> None:
    other, good = fitted(tmp_path, 16), tmp_path / "good"
    with pytest.raises(SettingsError, match=r"vectors of \(16,\) numbers"):
        adapted(other)
    with pytest.raises(SettingsError, match=r"routing\.adapted"):
        adapted(good)
    good.write_bytes(b"not a scorer")
    with pytest.raises(SettingsError, match=r"routing\.adapted"):
        adapted(good)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  good\n")
    with pytest.raises(SettingsError, match="is not the file that"):
        adapted(good)
