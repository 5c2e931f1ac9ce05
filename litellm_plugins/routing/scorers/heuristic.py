"""Rules that a user can read: how much there is to read, and the words of `heuristic_words`. Nothing is learned."""

from __future__ import annotations

from math import exp, log1p
from typing import TYPE_CHECKING

from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.scorers import heuristic_words as table
from litellm_plugins.routing.scorers.reading import Reading, read
from litellm_plugins.routing.scoring import Score

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

_MIDDLE, _WIDTH = 4.6, 0.9  # the weight at which the value is one half, and how quickly it changes there
_SIGNS, _CONTENT = 0.5, 0.5  # what a sign and a word of content weigh, each by its logarithm
_SHORT = 14  # words up to which a prompt may be a lookup, or lean on what was said before
_REACH = 12  # turns back in which a short turn looks for what it leans on
_PLAN_SIGNS = 400  # an assistant's length says little: answers are long by nature


class Heuristic:
    """Judges the last user turn; where that only says "go on", what it goes on with. The system prompt has no say."""

    name = "heuristic"
    needs_embedding = False

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        """Below a millisecond, however long the prompt is."""
        reading = read(conversation.question)
        parts = _weigh(reading)
        if _leans_back(reading) and (carried := _carried(conversation)):
            carried["follow_up"] = 0.0
            parts = max(parts, carried, key=_total)
        if conversation.tools:
            parts["tools"] = 0.2
        if conversation.json_schema:
            parts["json_schema"] = 0.1
        return Score(1.0 / (1.0 + exp((_MIDDLE - _total(parts)) / _WIDTH)), _because(parts))


def subject_of(conversation: Conversation) -> str:
    """What the last user turn is about: itself, or, where it only says "go on", the user's turn it goes on with."""
    question = conversation.question
    if _leans_back(read(question)):
        for turn in reversed(conversation.context[-_REACH:]):
            if turn.role == "user" and not _leans_back(read(turn.text)):
                return turn.text
    return question


def _weigh(reading: Reading, most_signs: float = 1e9) -> dict[str, float]:
    """The weight of each rule that says anything."""
    share = min(1.0, most_signs / reading.signs) if reading.signs else 1.0
    parts = {
        "length": _SIGNS * log1p(reading.signs * share) + _CONTENT * log1p(reading.content_words * share),
        "names": 0.3 * log1p(reading.capitals * share),
        "clauses": 0.2 * log1p(reading.clauses * share),
        "maths": 0.35 * log1p(reading.maths),
        "code": 0.4 * log1p(reading.code),
    }
    for rule, hits in zip(table.RULES, reading.hits, strict=True):
        parts[rule.name] = rule.weight * log1p(hits)
    if reading.words <= _SHORT and not parts["demanding"]:
        if reading.words <= 6 and reading.vocabulary & table.SMALL_TALK:
            parts["small_talk"] = -1.0
        elif reading.first in table.LOOKUP_BEGINS:
            parts["lookup"] = -0.3
    return parts


def _leans_back(reading: Reading) -> bool:
    if reading.words > _SHORT or reading.vocabulary & table.SMALL_TALK:
        return False
    if reading.first in table.CONTINUES or reading.words <= 2:
        return True
    return reading.content_words <= 4 and bool(reading.vocabulary & table.POINTS_BACK)


def _carried(conversation: Conversation) -> dict[str, float] | None:
    """The weight of what a short turn leans on: the last user turn that stands by itself, or the plan after it."""
    heaviest: dict[str, float] | None = None
    plan_read = False
    for turn in reversed(conversation.context[-_REACH:]):
        if turn.role == "assistant" and not plan_read:
            plan_read = True
            heaviest = _heavier(heaviest, _weigh(read(turn.text), _PLAN_SIGNS))
        elif turn.role == "user":
            reading = read(turn.text)
            heaviest = _heavier(heaviest, _weigh(reading))
            if not _leans_back(reading):
                break
    return heaviest


def _heavier(one: dict[str, float] | None, other: dict[str, float]) -> dict[str, float]:
    return other if one is None else max(one, other, key=_total)


def _total(parts: dict[str, float]) -> float:
    return sum(parts.values())


def _because(parts: dict[str, float]) -> tuple[str, ...]:
    """What moved it most; `short` or `long` for a length that is far from the usual."""
    length = parts["length"]
    said = {name: abs(weight) for name, weight in parts.items() if name != "length" and abs(weight) >= 0.2}
    if length > 4.6:
        said["long"] = length - 4.0
    elif length < 3.2:
        said["short"] = 4.0 - length
    if "follow_up" in parts:
        said["follow_up"] = 9.0
    return tuple(sorted(said, key=lambda name: -said[name])[:4]) or ("ordinary",)
