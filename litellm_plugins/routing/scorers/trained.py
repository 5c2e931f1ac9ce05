"""The trained scorer: a question's readable load, moved by what models made of questions near it. Pure numpy."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from litellm_plugins.errors import PluginError
from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.outcomes import marks
from litellm_plugins.routing.scorers.load import Load, weigh
from litellm_plugins.routing.scoring import Score

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

Floats = npt.NDArray[np.float64]
ARTEFACT = Path(__file__).parent / "artefact"
FILE, _SUMS = "trained.npz", "SHA256SUMS"
_SPACE_OF_OLD = "local:all-MiniLM-L6-v2-int8:a33e8974"  # of the shipped artefact, and of those that do not say
QUANTILES = 60
"""Parts that `score_quantiles` cuts scores into: 2 to 6 tiers of equal size can be made of them."""
_NAMED = 3
_MOST_ODDS = 30.0  # of the logarithm of the odds
_SHORT = 60  # characters of a reply that may stand for what was asked before it: "yes, do it"
_NEAR = 0.02  # gain that questions nearby add or take before it is worth a word


class ArtefactUnusable(PluginError):
    """The weights are not there, or not those that SHA256SUMS names."""

    code = "routing_artefact_unusable"
    http_status = 503


@dataclass(frozen=True)
class TrainedScorer:
    """A `Scorer`: the calibrated probability that the strong model does better than the weak one.

    Expected gain = `bias` + `slope` times the load + a sum over `landmarks` of `weights` times their nearness,
    exp(-`narrowness` times the squared distance). A logistic line, `calibration`, makes a probability of it.
    """

    bias: float
    slope: float
    narrowness: float
    landmarks: npt.NDArray[np.float16]
    """Embeddings of questions, shape (landmarks, dimensions)."""
    weights: npt.NDArray[np.float32]
    calibration: tuple[float, float]
    """Intercept and slope of the log odds; a slope is above zero, so that it never changes an order."""
    seen: npt.NDArray[np.uint64]
    """Fingerprints of the questions that it was fitted on, sorted."""
    about: Mapping[str, Any]
    """Where it is from: sets, licences, rows, what was measured."""

    @property
    def name(self) -> str:
        return "trained"

    @property
    def needs_embedding(self) -> bool:
        return True

    @property
    def space(self) -> str:
        """`model_id` of the embedder whose vectors it was fitted to; any other's mean nothing to it."""
        return str(self.about.get("embedder") or _SPACE_OF_OLD)

    def thresholds(self, tiers: int) -> tuple[float, ...]:
        """As in `KnowsItsScores`; as far apart as can be, where it was fitted before that was kept."""
        known = self.about.get("score_quantiles") or ()
        if len(known) != QUANTILES - 1:
            return tuple(number / tiers for number in range(1, tiers))
        return tuple(float(known[QUANTILES * number // tiers - 1]) for number in range(1, tiers))

    def probabilities(self, gains: Floats) -> Floats:
        """What `score` makes of expected gains."""
        odds = np.clip(self.calibration[0] + self.calibration[1] * gains, -_MOST_ODDS, _MOST_ODDS)
        out: Floats = 1 / (1 + np.exp(-odds))
        return out

    @cached_property
    def _near(self) -> npt.NDArray[np.float32]:
        return self.landmarks.astype(np.float32)

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        """As in `Scorer`. Without an embedding the load alone judges."""
        load = _load(conversation)
        nearby = 0.0
        if embedding is not None and len(embedding) == self.landmarks.shape[1]:  # of another model's space: no help
            nearby = float(self.of_vectors(np.asarray(embedding)[None])[0])
        gain = self.bias + self.slope * load.value + nearby
        odds = self.calibration[0] + self.calibration[1] * gain
        return Score(1 / (1 + exp(-max(-_MOST_ODDS, min(_MOST_ODDS, odds)))), _because(load, nearby))

    def gains(self, texts: Iterable[str], vectors: Floats) -> Floats:
        """Expected gains of many bare prompts, not calibrated; `vectors` has shape (texts, dimensions)."""
        loads = np.array([weigh(text).value for text in texts])
        return self.bias + self.slope * loads + self.of_vectors(vectors)

    def of_vectors(self, vectors: npt.NDArray[Any]) -> Floats:
        """What the questions nearby add, of unit vectors of shape (n, dimensions)."""
        if not len(self.weights):
            return np.zeros(len(vectors))
        cosines = vectors.astype(np.float32) @ self._near.T
        out: Floats = (np.exp(-2 * self.narrowness * (1 - cosines)) @ self.weights).astype(np.float64)
        return out

    def by_load(self) -> TrainedScorer:
        """The same without what it learnt of questions: for rows that it was fitted on."""
        return replace(self, landmarks=self.landmarks[:0], weights=self.weights[:0], seen=self.seen[:0])

    def has_seen(self, prompt: str) -> bool:
        """Whether it was fitted on this question, in these words or with other options."""
        prints = fingerprints(prompt)
        at = np.searchsorted(self.seen, prints)
        inside = at < len(self.seen)
        return bool(np.any(self.seen[at[inside]] == prints[inside]))


def fingerprints(prompt: str) -> npt.NDArray[np.uint64]:
    """What a question is known by, in eight bytes each; the question cannot be read back from them."""
    digests = [hashlib.sha256(mark.encode("utf-8", "surrogatepass")).digest()[:8] for mark in marks(prompt)]
    return np.array(sorted(int.from_bytes(digest) for digest in digests), dtype=np.uint64)


def shipped(folder: Path = ARTEFACT) -> TrainedScorer:
    """The scorer of the pack. Raises: ArtefactUnusable."""
    try:
        content = (folder / FILE).read_bytes()
        named = (folder / _SUMS).read_text().split()[0]
    except (OSError, IndexError) as exc:
        raise ArtefactUnusable(str(exc)) from exc
    if hashlib.sha256(content).hexdigest() != named:
        raise ArtefactUnusable(f"{folder / FILE} is not the file that {_SUMS} names")
    return loads(content)


def write(scorer: TrainedScorer, folder: Path) -> None:
    """Put a scorer where `shipped` finds it."""
    content = dumps(scorer)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(content)
    (folder / _SUMS).write_text(f"{hashlib.sha256(content).hexdigest()}  {FILE}\n")


def dumps(scorer: TrainedScorer) -> bytes:
    """The same scorer gives the same bytes."""
    numbers = [scorer.bias, scorer.slope, scorer.narrowness, *scorer.calibration]
    about = np.frombuffer(json.dumps(dict(scorer.about), sort_keys=True).encode(), dtype=np.uint8)
    out = io.BytesIO()
    np.savez(
        out,
        numbers=np.array(numbers),
        landmarks=scorer.landmarks,
        weights=scorer.weights,
        seen=scorer.seen,
        about=about,
    )
    return out.getvalue()


def loads(content: bytes) -> TrainedScorer:
    """Raises: ArtefactUnusable."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            bias, slope, narrowness, intercept, steepness = (float(number) for number in held["numbers"])
            return TrainedScorer(
                bias=bias,
                slope=slope,
                narrowness=narrowness,
                landmarks=held["landmarks"],
                weights=held["weights"],
                calibration=(intercept, steepness),
                seen=held["seen"],
                about=json.loads(held["about"].tobytes()),
            )
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as exc:
        raise ArtefactUnusable(f"not a trained scorer: {exc}") from exc


def _load(conversation: Conversation) -> Load:
    """That of the question; of what it answers, where it is a short word in a conversation and that weighs more."""
    question = conversation.question
    load = weigh(question)
    if len(question) > _SHORT:
        return load
    earlier = next((turn.text for turn in reversed(conversation.context) if turn.role == "user"), None)
    return load if earlier is None else max(load, weigh(earlier), key=lambda one: one.value)


def _because(load: Load, nearby: float) -> tuple[str, ...]:
    parts = sorted((part for part in load.parts if abs(part[1]) > 0.2), key=lambda part: -abs(part[1]))
    words = [_word(name, weight) for name, weight in parts[:_NAMED]]
    if abs(nearby) > _NEAR:
        words.insert(0, "near_hard_questions" if nearby > 0 else "near_easy_questions")
    return tuple(words[:_NAMED]) or ("plain_question",)


def _word(name: str, weight: float) -> str:
    if name == "length":
        return "long" if weight > 0 else "short"
    return name
