"""One served answer that may be judged, and how its review stands. Frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PENDING = "pending"  # in the place of effects: they were not all seen to
IN_HAND = "in_hand"  # beside that: somebody is at it, unless that was so long ago


class Kind(StrEnum):
    """What there is to judge in it."""

    HIT = "hit"
    ROUTE = "route"  # the answer of a tier that a router chose
    COMPRESSION = "compression"  # the answer to a prompt that went out shorter
    COMPARISON = "comparison"  # whether an answer that was not served would have done: a fresh one seemed to differ
    ANSWER = "answer"  # none of these


class Why(StrEnum):
    """Why it is worth a reviewer's minute; the same word in queue, log and metric."""

    NONE = ""  # it is kept so that it can be spoken of
    CONTROL = "control"
    NEAR = "near_operating_point"
    DOUBTFUL_LABEL = "doubtful_label"
    OLD = "old_answer"
    LOW_CHECK = "low_check"
    COMPRESSED = "compressed"
    THUMB_DOWN = "thumb_down"
    COMPLAINT = "complaint"
    ANOMALY = "anomaly"
    SECOND_OPINION = "second_opinion"  # of an item that was judged, until somebody has judged it again


COMPLAINED = frozenset({Why.THUMB_DOWN, Why.COMPLAINT, Why.ANOMALY})  # somebody pointed at it: no chance was in play


class Second(StrEnum):
    """Whether a second verdict is asked for."""

    NO = ""
    ASKED = "asked"
    GIVEN = "given"


class Verdict(StrEnum):
    """What a reviewer says of an answer."""

    RIGHT = "right"
    WRONG = "wrong"


class Source(StrEnum):
    """Where a verdict comes from."""

    HUMAN = "human"
    JUDGE = "judge"  # a model's opinion: kept beside, and without effects
    LANGFUSE = "langfuse"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class State:
    """What changes of an item."""

    why: Why = Why.NONE
    verdict: Verdict | None = None
    by: str = ""
    source: Source | None = None
    comment: str = ""
    judged_at_s: float = 0.0
    effects: tuple[str, ...] = ()
    thumb: str = ""  # of an end user: up or down, the last word
    thumb_effects: tuple[str, ...] = ()
    opinion: Verdict | None = None  # a judge model's
    opinion_by: str = ""
    second: Second = Second.NO
    thumb_at_s: float = 0.0
    taken: bool = False  # the verdict is another item's, of the same question and answer
    more: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)  # a newer version's words

    @property
    def worth(self) -> int:
        """What it is kept for: 0 to be spoken of, 1 to be judged (a second time, too), 2 it was."""
        if self.second is Second.ASKED:
            return 1
        return 2 if self.verdict is not None else int(self.why is not Why.NONE)


@dataclass(frozen=True, slots=True)
class Item:
    """One served answer. Texts are cut, and empty where they are not kept."""

    id: str  # 32 hex digits
    kind: Kind
    at_s: float
    tenant: str  # whose traffic it was
    team: str  # its name, or id; "" of a key without one
    trace_id: str
    call_id: str
    pair: str  # the same for the same question and answer: 32 hex digits
    draw: float  # by chance, in [0, 1)
    control: bool
    layer: str
    reason: str = ""
    key: str = ""  # its alias
    feature: str = ""
    model_group: str = ""  # as asked
    model: str = ""  # that answered
    route: str = ""  # router/tier, router/tier/experiment:arm
    tier: str = ""
    arm: str = ""  # experiment:arm
    check: str = ""  # the check that a cheap tier's answer did not pass
    methods: str = ""  # by which its prompt was made shorter
    cache_id: str = ""
    similarity: float | None = None
    probability: float | None = None
    room: float | None = None  # by how much it was above what a hit needs
    given: int | None = None  # how often the cached answer had been given before, to whatever question
    age_s: float | None = None  # of the cached answer
    promised: float | None = None  # wrong answers per request, to whoever asked; None: by no rate it was decided
    hit: str = ""  # what undoing it and learning from it take, as JSON
    question: str = ""
    matched_question: str = ""
    answer: str = ""
    state: State = field(default_factory=State)
    served: int = 1  # how often that answer was given to that question, as far as is known


def drawn(word: str) -> float:
    """A number in [0, 1) by the hash of a word, even over all words."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=7, person=b"review").digest()) / 2**56


def id_of(word: str) -> str:
    """The id of the item of a request."""
    return hashlib.blake2b(word.encode(), digest_size=16, person=b"review-item").hexdigest()


def pair_of(*parts: str) -> str:
    """The same for the same parts."""
    told = b"".join(len(each := part.encode("utf-8", "surrogatepass")).to_bytes(4, "big") + each for part in parts)
    return hashlib.blake2b(told, digest_size=16, person=b"review-pair").hexdigest()
