"""Which class a prompt is of: how long its answer holds, and for whom. Pure.

Single words are looked for first, and only clauses that hold one of them are read by the rules: that is what keeps
this to microseconds for a long prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litellm_plugins.cache.volatility import personal, timebound
from litellm_plugins.cache.volatility.folding import clauses, clauses_with, fold, shortened, words
from litellm_plugins.cache.volatility.lasting import LONGEST, is_archival, is_static
from litellm_plugins.model import Volatility

MAX_CHARS = 800  # what is inspected of a conversation; of a long turn its head and its tail, half each


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say. A prompt may be both: "what is my balance right now?"."""

    volatility: Volatility | None  # None: no rule knows it
    personal: bool = False


_READ = personal.WORDS | timebound.WORDS | timebound.ABOUT_CODE


def inspected(turns: Sequence[str]) -> str:
    """What is read of a conversation's user turns, the newest first."""
    texts: list[str] = []
    left = MAX_CHARS
    for turn in turns:
        if left <= 0:
            break
        texts.append(shortened(turn, left))
        left -= len(texts[-1])
    return fold("\n".join(texts))


def classify(folded: str, *, alone: bool = True) -> Judged:
    """What the rules say of a text from `inspected`; `alone`: it is a single turn.

    Earlier turns count too: "and in Madrid?" after "what is the weather in Paris?" asks for the weather.
    """
    said = words(folded)
    found = _READ.intersection(said)
    is_personal = personal.names_a_person(folded)
    if found:
        about_code = not found.isdisjoint(timebound.ABOUT_CODE)
        time_bound = False
        for clause, here in clauses_with(said, found - timebound.ABOUT_CODE):
            is_personal = is_personal or personal.is_personal(clause, here)
            time_bound = time_bound or timebound.is_time_bound(clause, here, about_code=about_code)
        if time_bound:
            return Judged(Volatility.REALTIME, is_personal)
    if is_personal:
        return Judged(Volatility.USER_SPECIFIC, personal=True)
    return Judged(_lasting(said) if alone and len(folded) <= LONGEST else None)


def _lasting(said: Sequence[str]) -> Volatility | None:
    parts = clauses(said)
    if len(parts) != 1:
        return None
    if is_archival(parts[0]):
        return Volatility.ARCHIVAL
    return Volatility.STATIC if is_static(parts[0]) else None
