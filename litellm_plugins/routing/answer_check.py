"""Is a cheap model's answer to be trusted? Signs in its text, each with a weight: for a cascade that asks twice.

The checks look at the answer alone (and how much its question asks), never at a right answer. Arithmetic is worked
out again where the answer shows it; nothing is executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import exp, log1p

from litellm_plugins.routing.arithmetic import NotArithmetic, value_of
from litellm_plugins.routing.scorers.load import weigh

READ = 16_000
# A number is taken whole or not at all: tried in all its parts, one of 24 digits would take half a minute.
_STEP = re.compile(
    r"(?<!\d)(?<!\d,)((?:\$?\d[\d,]*+(?:\.\d++)?+|[-+*/×÷x() ]){3,60})=\s*\$?(-?\d[\d,]*(?:\.\d+)?)"  # noqa: RUF001
)
_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")
_HEDGE = re.compile(
    r"(?i)\b(?:however|assum\w+|cannot|can['’]t|not (?:enough|possible|clear|sure)|unclear|depends|sorry|mistake"  # noqa: RUF001
    r"|incorrect|actually|no puedo|no est[aá] claro|depende|lo siento)\b"
)
_CLOSED = re.compile(r"####|(?i:\b(?:therefore|answer is|in total|so,)\b)|[.!?)\]}`\"”]\s*$")
_TOLERANCE = 0.011

# Log odds of a wrong answer, as fitted on GSM8K's visible rows (five folds) and rounded.
_USUAL, _LOAD, _WRONG_STEP, _NO_STEP, _OPEN_END, _HEDGED, _ODD_RESULT, _QUANTITIES = (
    -0.65, 0.35, 1.35, 1.1, 1.6, 0.8, 2.3, 0.9,
)  # fmt: skip
_USUAL_QUANTITIES = 1.6  # log of one more than the numbers that a question usually holds


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with an answer."""

    doubt: float
    """In [0, 1]; higher should be asked again."""
    because: tuple[str, ...]
    """`empty`, `wrong_step`, `no_step`, `open_end`, `hedged`, `odd_result`."""


def check(question: str, answer: str) -> Checked:
    """How much an answer is to be doubted, and why."""
    if not answer.strip():
        return Checked(1.0, ("empty",))
    answer = answer[-READ:]
    quantities = _NUMBER.findall(question[:READ])
    found = {"hedged": (_HEDGED, bool(_HEDGE.search(answer))), "open_end": (_OPEN_END, not _CLOSED.search(answer))}
    if len(quantities) > 1:
        right, wrong = _steps(answer)
        found |= {
            "wrong_step": (_WRONG_STEP, wrong > 0),
            "no_step": (_NO_STEP, right + wrong == 0),
            "odd_result": (_ODD_RESULT, _odd_result(question, answer)),
        }
    odds = _USUAL + _LOAD * weigh(question).value + _QUANTITIES * (log1p(len(quantities)) - _USUAL_QUANTITIES)
    odds += sum(weight for weight, true in found.values() if true)
    because = sorted((name for name, (_, true) in found.items() if true), key=lambda name: -found[name][0])
    return Checked(1 / (1 + exp(-odds)), tuple(because))


def _steps(answer: str) -> tuple[int, int]:
    """Worked steps that come out, and those that do not."""
    right = wrong = 0
    for left, told in _STEP.findall(answer):
        try:
            worked = value_of(left)
        except NotArithmetic:
            continue
        result = float(told.replace(",", ""))
        if abs(worked - result) > _TOLERANCE * max(1.0, abs(result)):
            wrong += 1
        else:
            right += 1
    return right, wrong


def _odd_result(question: str, answer: str) -> bool:
    """A broken or negative number at the end, where the question has none and asks how many."""
    last = _NUMBER.findall(answer)
    if not last or re.search(r"\d\.\d", question):
        return False
    result = float(last[-1].replace("$", "").replace(",", ""))
    return result < 0 or not result.is_integer()
