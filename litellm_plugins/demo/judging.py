"""Was a cached answer written for a question that means the same, and did this team pay for it? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litellm_plugins.demo.questions import Question
from litellm_plugins.demo.traffic import Outcome
from litellm_plugins.simulator import reference


@dataclass(frozen=True, slots=True)
class Judged:
    """`written_for` is None where the answer names no question that the demo asked.

    `wrong`: a hit whose answer was written for another intent. `crossed`: one that this team never paid for.
    `stray`: an answer that did not come from the cache, and yet was written for something else.
    """

    outcome: Outcome
    written_for: Question | None
    wrong: bool = False
    crossed: bool = False
    stray: bool = False


def judge(outcomes: Sequence[Outcome]) -> list[Judged]:
    """One verdict for each outcome that is not an error.

    A team paid for an answer if it asked that very question, missed, and had begun to before the hit came.
    An entry of the cache (by its id) belongs to one team: served to a second one, it has crossed.
    """
    asked = {reference(each.ask.question.text): each.ask.question for each in outcomes}
    paid: dict[tuple[str, str], float] = {}
    for each in outcomes:
        bought = (each.ask.team, reference(each.ask.question.text))
        if each.error is None and not each.is_hit and each.answered == bought[1]:
            paid[bought] = min(each.started_s, paid.get(bought, each.started_s))
    owners: dict[str, str] = {}
    return [_judge(each, asked, paid, owners) for each in outcomes if each.error is None]


def _judge(
    outcome: Outcome,
    asked: Mapping[str, Question],
    paid: Mapping[tuple[str, str], float],
    owners: dict[str, str],
) -> Judged:
    ask, answered = outcome.ask, outcome.answered or ""
    written_for = asked.get(answered)
    if not outcome.is_hit:
        return Judged(outcome, written_for, stray=written_for != ask.question)
    paid_s = paid.get((ask.team, answered))
    foreign = outcome.cache_id is not None and owners.setdefault(outcome.cache_id, ask.team) != ask.team
    return Judged(
        outcome,
        written_for,
        wrong=written_for is None or written_for.intent != ask.question.intent,
        crossed=foreign or paid_s is None or paid_s >= outcome.ended_s,
    )
