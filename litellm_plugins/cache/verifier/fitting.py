"""From labels to a fit: model, curve of its labels, state of the words. Pure; runs in a thread, never on the loop."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.verifier import logistic
from litellm_plugins.cache.verifier.labels import OF_REQUESTS, REVIEWER, SECOND_LOOK, Label
from litellm_plugins.cache.verifier.logistic import Model
from litellm_plugins.cache.verifier.operating_point import (
    Caution,
    Column,
    OperatingPoint,
    choose,
    label_noise,
    reviewer_noise,
    stricter,
)
from litellm_plugins.cache.verifier.pairwise import tempered

WINDOW = 2_000  # requests that the next ones are taken to resemble
_HASH_BYTES = 32
_RARELY, _ENOUGH_TO_SEE, _LEAST_SIMILARITY = 0.02, 50, 0.7
_OF_A_REVIEWER = 4.0  # labels of the usual kind that a reviewer's is worth: it was read, not compared by a machine
_ABOUT = 2.0  # how many times as likely, or as unlikely, to be wrong as what lies on the threshold
_MOST_POPULAR = 4_096  # answers whose count is kept in a fit


@dataclass(frozen=True)
class Curve:
    """The labels as the model sees them, without having seen them: what operating points are read from."""

    probability: Column
    similarity: Column
    wrong: Column
    weight: Column
    requests: Column  # that came with each label, the last labels being the newest
    reviewed: Column  # 1.0 where a reviewer says so
    looked_at: Column  # 1.0 where a person looked at what a fresh answer said

    @cached_property
    def recent(self) -> npt.NDArray[np.bool_]:
        """Which labels are of the last `WINDOW` requests."""
        after: npt.NDArray[np.float64] = np.cumsum(self.requests[::-1])[::-1] - self.requests
        return after < WINDOW

    def at(self, rate: float, caution: Caution) -> OperatingPoint:
        """Where to serve so that at most `rate` of the requests get a wrong answer.

        What people overruled was looked at for what it said: labels that say wrong, of sure matches. Taken at their
        word such looks only ever lower the estimate of errors (selection on the outcome). So they teach the model, and
        may make it stricter; how low the threshold may lie is held against what the fresh answers said, as well.

        What reviewers teach would all turn into more hits, up to the edge of what is promised. Part of it is to be
        fewer wrong answers: as large a share as they have in the evidence about the threshold, that much of `rate` is
        left as room, and half of it at most.
        """
        point = self._bolder(rate, caution)
        room = min(caution.taught, self._of_reviewers(point.threshold))
        if room > 0:
            point = self._bolder(rate * (1 - room), caution)
        return replace(point, similarity=self._least_similarity(point.threshold))

    def _bolder(self, rate: float, caution: Caution) -> OperatingPoint:
        """With all that was taught spent on hits."""
        point = self._point(rate, caution)
        overruled = (self.looked_at > 0) & (self.wrong == 0)
        if overruled.any():
            said = replace(
                self, wrong=np.where(overruled, 1.0, self.wrong), looked_at=np.where(overruled, 0.0, self.looked_at)
            )
            point = stricter(point, said._point(rate, caution))
        return point

    def _of_reviewers(self, threshold: float) -> float:
        """The share of reviewers' labels among those about as doubtful as what is just served."""
        if threshold >= 1:
            return 0.0
        doubt = (1 - self.probability) / (1 - threshold)
        about = (doubt >= 1 / _ABOUT) & (doubt <= _ABOUT)
        return float(self.reviewed[about].mean()) if about.any() else 0.0

    def _point(self, rate: float, caution: Caution) -> OperatingPoint:
        noise = np.where(self.looked_at > 0, 0.0, self.noise)
        of_reviewers = reviewer_noise(self.probability, self.wrong, self.reviewed, noise, caution)
        return choose(
            self.probability,
            self.wrong,
            self.weight,
            recent=self.recent,
            recent_requests=float(self.requests[self.recent].sum()),
            rate=rate,
            noise=np.where(self.reviewed > 0, of_reviewers, noise),
            caution=caution,
        )

    def _least_similarity(self, threshold: float) -> float:
        """Below which next to no right answer was ever served: past it the model guesses, whatever it says."""
        right = (self.wrong == 0) & (self.probability >= threshold)
        if right.sum() < _ENOUGH_TO_SEE:
            return _LEAST_SIMILARITY
        return min(_LEAST_SIMILARITY, float(np.quantile(self.similarity[right], _RARELY)))

    @property
    def checked(self) -> int:
        """How many of them are of hits that were checked, or judged by a reviewer, as far as not every one was."""
        return int(((self.weight > 1) | (self.reviewed > 0)).sum())

    @cached_property
    def noise(self) -> float:
        """The share of labels that are taken to be mistaken, but for those that a person has seen."""
        told = (self.reviewed == 0) & (self.looked_at == 0)
        return label_noise(self.probability[told], self.similarity[told], self.wrong[told])


@dataclass(frozen=True)
class Fit:
    """What a worker needs to decide, and what it hands to the others."""

    version: int  # the number of labels it was made after
    model: Model
    curve: Curve
    word_counts: npt.NDArray[np.uint32]
    questions: int
    popularity: Mapping[bytes, int]
    log_loss: float  # per label, of labels that the model had not seen

    def probabilities(self, features: npt.NDArray[np.float64]) -> Column:
        """Of being right, shape (rows,), for features of shape (rows, features)."""
        return tempered(self.model.probabilities(features), features)

    def to_bytes(self) -> bytes:
        """As an npz archive behind its own hash; holds neither code nor text."""
        out = io.BytesIO()
        popular = sorted(self.popularity.items(), key=lambda item: -item[1])[:_MOST_POPULAR]
        np.savez_compressed(
            out,
            version=self.version,
            mean=self.model.mean,
            scale=self.model.scale,
            weights=self.model.weights,
            probability=self.curve.probability,
            similarity=self.curve.similarity,
            wrong=self.curve.wrong,
            weight=self.curve.weight,
            requests=self.curve.requests,
            reviewed=self.curve.reviewed,
            looked_at=self.curve.looked_at,
            word_counts=self.word_counts,
            questions=self.questions,
            answers=np.frombuffer(b"".join(answer for answer, _ in popular), np.uint8),
            counts=np.array([count for _, count in popular], np.int64),
            log_loss=self.log_loss,
        )
        return _hash(out.getvalue()) + out.getvalue()

    @classmethod
    def from_bytes(cls, blob: bytes) -> Fit:
        """Raises: ValueError, or KeyError, where `blob` is no fit."""
        archive = blob[_HASH_BYTES:]
        if _hash(archive) != blob[:_HASH_BYTES]:  # numpy has a different error for every way to be damaged
            raise ValueError("damaged")
        with np.load(io.BytesIO(archive), allow_pickle=False) as f:
            counts = f["counts"]
            answers = f["answers"].tobytes()
            size = len(answers) // len(counts) if len(counts) else 0
            popularity = {answers[i * size : (i + 1) * size]: int(n) for i, n in enumerate(counts)}
            return cls(
                version=int(f["version"]),
                model=Model(f["mean"], f["scale"], f["weights"]),
                curve=Curve(
                    f["probability"],
                    f["similarity"],
                    f["wrong"],
                    f["weight"],
                    f["requests"],
                    f["reviewed"] if "reviewed" in f else np.zeros(len(f["requests"])),
                    f["looked_at"] if "looked_at" in f else np.zeros(len(f["requests"])),
                ),
                word_counts=f["word_counts"],
                questions=int(f["questions"]),
                popularity=popularity,
                log_loss=float(f["log_loss"]),
            )


def fit(
    labels: Sequence[Label],
    *,
    version: int,
    prior: Model | None,
    word_counts: npt.NDArray[np.uint32],
    questions: int,
    popularity: Mapping[bytes, int],
) -> Fit:
    """A fit to `labels`, oldest first."""
    features, right = _columns(labels)
    worth = np.array([_OF_A_REVIEWER if label.by == REVIEWER else 1.0 for label in labels], np.float64)
    probability = tempered(logistic.cross_fitted(features, right, towards=prior, weight=worth), features)
    curve = _curve(labels, features, probability)
    return Fit(
        version=version,
        model=logistic.fit(features, right, towards=prior, weight=worth),
        curve=curve,
        word_counts=word_counts,
        questions=questions,
        popularity=popularity,
        log_loss=_log_loss(probability, right),
    )


def beats(new: Fit, old: Fit, labels: Sequence[Label]) -> bool:
    """Whether `new` explains the labels that `old` has not seen at least as well, itself not having seen them."""
    unseen = _unseen(new.version, old, labels)
    if not unseen:
        return True
    features, right = _columns(unseen)
    weight = _weights(unseen)
    new_loss = _log_loss(new.curve.probability[-len(unseen) :], right, weight)
    return new_loss <= _log_loss(old.probabilities(features), right, weight)


def explains_better(new: Fit, other: Fit, labels: Sequence[Label]) -> bool:
    """Whether `new`, not having seen them, explains the labels better than one that was made of others as well."""
    features, right = _columns(labels)
    weight = _weights(labels)
    return _log_loss(new.curve.probability, right, weight) < _log_loss(other.probabilities(features), right, weight)


def recalibrated(old: Fit, labels: Sequence[Label], *, version: int) -> Fit:
    """The old model with an operating point that has seen the newest labels, which the model has not."""
    unseen = _unseen(version, old, labels)
    if not unseen:
        return old
    features, _ = _columns(unseen)
    later = _curve(unseen, features, old.probabilities(features))
    both = {f.name: np.concatenate([getattr(old.curve, f.name), getattr(later, f.name)])[-len(labels) :]
            for f in fields(Curve)}  # fmt: skip
    return replace(old, version=version, curve=Curve(**both))


def _hash(archive: bytes) -> bytes:
    return hashlib.sha256(archive).digest()


def _unseen(version: int, old: Fit, labels: Sequence[Label]) -> Sequence[Label]:
    count = min(len(labels), version - old.version)
    return labels[-count:] if count > 0 else ()


def _columns(labels: Sequence[Label]) -> tuple[npt.NDArray[np.float64], Column]:
    return np.array([label.features for label in labels]), np.array(_settled(labels), np.float64)


def _weights(labels: Sequence[Label]) -> Column:
    """Of a person's word, which stands for no requests, one."""
    return np.array([label.weight if label.by in OF_REQUESTS else 1.0 for label in labels], np.float64)


def _settled(labels: Sequence[Label]) -> list[bool]:
    """Whether each is right, as whoever looked last says: of one hit, a verdict may change, or overrule a user's."""
    last: dict[bytes, bool] = {}
    told = [
        label.right if label.by in OF_REQUESTS else last.setdefault(label.packed(), label.right)
        for label in reversed(labels)
    ]
    return told[::-1]


def _curve(labels: Sequence[Label], features: npt.NDArray[np.float64], probability: Column) -> Curve:
    return Curve(
        probability=probability,
        similarity=features[:, 0],
        wrong=1 - np.array(_settled(labels), np.float64),
        weight=np.array([label.weight for label in labels], np.float64),
        requests=np.array([label.requests for label in labels], np.float64),
        reviewed=np.array([label.by == REVIEWER for label in labels], np.float64),
        looked_at=np.array([label.by == SECOND_LOOK for label in labels], np.float64),
    )


def _log_loss(probability: Column, right: Column, weight: Column | None = None) -> float:
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(np.average(-(right * np.log(p) + (1 - right) * np.log(1 - p)), weights=weight))
