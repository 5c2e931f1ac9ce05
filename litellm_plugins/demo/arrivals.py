"""Who asks what, in which order: a pure function of the questions, the number of requests and a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from litellm_plugins.demo.questions import Question

# Share of the requests. The ids are also what the teams' keys are made for.
TEAMS = {"support": 0.5, "mobile": 0.3, "branches": 0.2}

# Computed ahead, one request at a time, for the seeds 0 to 39: 1 to 37 semantic hits in 400 requests. This one has
# the median, 14, and one of them is wrong, as in one seed out of five, so that a reader sees what that looks like.
SEED = 7
_STREAMED = 0.2
# Popularity falls off like rank to the power of minus this, as support questions' does; see Zipf's law.
_INTENT_SKEW = 1.0
_QUESTION_SKEW = 0.5


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to come."""

    number: int
    team: str
    question: Question
    stream: bool


def draw(questions: Sequence[Question], count: int, *, seed: int = SEED) -> tuple[Ask, ...]:
    """`count` requests: first the intent is drawn, then the question. Popular ones recur word for word."""
    dice = random.Random(seed)  # noqa: S311 - repeatable is the point, secrecy is not
    by_intent: dict[str, list[Question]] = {}
    for question in questions:
        by_intent.setdefault(question.intent, []).append(question)
    intents = sorted(by_intent)
    dice.shuffle(intents)
    asks = []
    for number in range(count):
        intent = dice.choices(intents, _zipf(len(intents), _INTENT_SKEW))[0]
        known = by_intent[intent]
        question = dice.choices(known, _zipf(len(known), _QUESTION_SKEW))[0]
        team = dice.choices(list(TEAMS), list(TEAMS.values()))[0]
        asks.append(Ask(number, team, question, stream=dice.random() < _STREAMED))
    return tuple(asks)


def _zipf(count: int, skew: float) -> list[float]:
    return [1 / (rank + 1) ** skew for rank in range(count)]
