"""An administrator's patterns: compiled at boot, and none among them that a prompt could keep busy.

A backtracking engine tries every way in which a pattern can match at a place. That number is worked out beforehand:
`.{0,40}` has 41 ways, `(a|b){2}` has 4, `(a+)+` has no end. A pattern with more than `_MOST_WAYS` is refused.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from re import _constants, _parser  # type: ignore[attr-defined]  # private, but the only true reading of a pattern
from typing import Any

MOST_PATTERNS = 100  # of one class
_LONGEST = 200  # characters
_MOST_WAYS = 1_000
_ACCENTS = str.maketrans("áéíóúüñÁÉÍÓÚÜÑ", "aeiouunAEIOUUN")
_WORDS = re.compile(r"[\w' -]+")
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


@lru_cache(maxsize=4_096)
def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression, or words that must stand there as such; neither case nor accents count.

    Raises: ValueError saying what is wrong with it.
    """
    if not pattern.strip():
        raise ValueError("an empty pattern would match every prompt")
    if len(pattern) > _LONGEST:
        raise ValueError(f"a pattern may have {_LONGEST} characters, this one has {len(pattern)}")
    plain = pattern.translate(_ACCENTS)
    if _WORDS.fullmatch(plain):
        words = r"\s+".join(map(re.escape, plain.split()))
        return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
    try:
        ways = _ways(_parser.parse(plain, re.IGNORECASE))
        found = re.compile(plain, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"{pattern!r} is no regular expression: {exc}") from exc
    if ways > _MOST_WAYS:
        raise ValueError(
            f"{pattern!r} could keep a request waiting: write {{0,40}} for * and +, and repeat no group that repeats"
        )
    if found.search(""):
        raise ValueError(f"{pattern!r} matches every prompt")
    return found


def _ways(parsed: Any) -> float:  # noqa: ANN401 - the parser's own type is private
    return math.prod(_ways_of(kind, value) for kind, value in parsed)


def _ways_of(kind: Any, value: Any) -> float:  # noqa: ANN401 - likewise
    if kind in _REPEATS:
        least, most, inner = value
        if most is _constants.MAXREPEAT:
            return math.inf
        each = _ways(inner)
        return float(sum(each**times for times in range(least, most + 1))) if most <= _MOST_WAYS else math.inf
    if kind is _constants.BRANCH:
        return sum(map(_ways, value[1]))
    if kind is _constants.SUBPATTERN:
        return _ways(value[3])
    if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
        return _ways(value[1])
    if kind is _constants.ATOMIC_GROUP:
        return _ways(value)
    if kind in (_constants.GROUPREF, _constants.GROUPREF_EXISTS):
        return math.inf
    return 1.0
