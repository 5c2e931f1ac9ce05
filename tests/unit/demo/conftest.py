"""Outcomes by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from litellm_plugins.demo.arrivals import Ask
from litellm_plugins.demo.questions import Question
from litellm_plugins.demo.traffic import Outcome
from litellm_plugins.model import Layer
from litellm_plugins.simulator import reference

MakeOutcome = Callable[..., Outcome]


@pytest.fixture
def outcome() -> MakeOutcome:
    """`outcome(question, layer, ...)`: one request after the other, each answered for itself if not told otherwise."""
    numbers = count()

    def make(
        question: Question,
        layer: Layer | None,
        *,
        answer_for: Question | None = None,
        team: str = "support",
        stream: bool = False,
        started_s: float | None = None,
        ended_s: float | None = None,
        **others: object,
    ) -> Outcome:
        number = next(numbers)
        started_s = float(number) if started_s is None else started_s
        return Outcome(
            Ask(number, team, question, stream),
            layer,
            started_s=started_s,
            ended_s=started_s + 0.5 if ended_s is None else ended_s,
            answered=reference((answer_for or question).text) if layer else None,
            **others,  # type: ignore[arg-type]
        )

    return make
