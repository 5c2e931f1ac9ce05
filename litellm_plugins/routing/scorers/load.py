"""How much a question asks the answerer to keep in mind: readable counts, each with a weight that a person gave it.

Length stands for most of it. Beside it, parts that are judged one by one, relations between things and people, and
tasks of code and proof add to the load; bare arithmetic, which the cheap model does as well or both do badly, takes
from it. The weights are not blind: see `docs/routing-model-card.md` for what had been seen when they were chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log1p

READ = 8_000
"""Characters that are read: of a longer question its first and last half as many, which bounds the time."""

_OPTION = re.compile(r"(?m)^[ \t]*\(?[A-J][.):][ \t]+(.*)$")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")  # noqa: RUF001 - as people type it
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CODE_TASK = re.compile(
    r"(?i)\b(?:write|implement|create|fix|debug|refactor|escrib[ea]|implementa)\b[^.\n]{0,40}"
    r"\b(?:function|method|class|script|program|query|code|regex|python|java|sql|api|funci[oó]n|programa|c[oó]digo)\b"
)
_MATHS = tuple("=+*/^√∫∑π≤≥≠∞×÷±<>")  # noqa: RUF001
_CODE = ("```", "def ", "class ", "return ", "import ", "SELECT ", "=>", "->", "()", ";\n", "{\n", "</")


@dataclass(frozen=True, slots=True)
class _Count:
    """A rule, what one unit of log(1 + count) weighs, and the count's cap in those units."""

    name: str
    pattern: re.Pattern[str]
    weight: float
    cap: float


def _count(name: str, pattern: str, weight: float, cap: float) -> _Count:
    return _Count(name, re.compile(pattern), weight, cap)


# In a lower-case text without its options.
_COUNTS = (
    _count("several_statements", r"\b(?:statement|scenario|enunciado)s?\s*(?:\d|[ivx]+\b)|\|", 1.19, 1.05),
    _count("which", r"\b(?:which|cu[aá]l(?:es)?)\b", 0.75, 1.52),
    _count("who_where_when", r"\b(?:who|whom|whose|where|when|qui[eé]n|d[oó]nde|cu[aá]ndo)\b", 0.5, 1.79),
    _count(
        "number_words",
        r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|fifty|hundred|thousand"
        r"|million|half|third|quarter|twice|thrice|double|triple"
        r"|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|veinte|cien|mil|mitad|doble|triple)\b",
        0.42,
        1.56,
    ),
    _count(
        "comparison",
        r"\b(?:more|less|fewer|greater|larger|smaller|higher|lower|older|younger|than|times as"
        r"|m[aá]s|menos|mayor|menor)\b",
        0.82,
        1.31,
    ),
    _count(
        "rate",
        r"\b(?:each|every|per|apiece|average|rate|ratio|percent|percentage|fraction|proportion|cada|por ciento)\b|%",
        -0.37,
        1.82,
    ),
    _count("how_many", r"\b(?:how (?:many|much|long|far|old|often)|cu[aá]nt[oa]s?)\b", -1.0, 0.86),
    _count(
        "proof",
        r"\b(?:prove|proof|show that|theorem|lemma|demuestra|teorema|i[sz]omorphi\w+|homomorphi\w+"
        r"|integral|derivative|matrix|eigen\w+)\b",
        1.84,
        0.33,
    ),
)
_LENGTH, _NAMES, _DECIMALS, _OPTIONS, _CODE_ASKED, _CODE_SHOWN, _SIGNS = 1.33, 2.24, -0.79, -0.71, 1.6, 0.37, 0.15
_USUAL_LENGTH = 5.6  # log of the characters of a question of average load


@dataclass(frozen=True, slots=True)
class Load:
    """The sum, zero for a plain question of usual length, and what it is the sum of."""

    value: float
    parts: tuple[tuple[str, float], ...]


def weigh(text: str) -> Load:
    """The load of a question."""
    text = text.strip()
    length = len(text)
    if length > READ:
        text = f"{text[: READ // 2]}\n{text[-READ // 2 :]}"
    options = list(_OPTION.finditer(text))
    stem = text[: options[0].start()].strip() if len(options) > 1 else text
    if len(stem) < 8:
        stem, options = text, []
    lower = stem.lower()
    words = _WORD.findall(stem)
    capitals = sum(word[0].isupper() for word in words[1:]) / max(len(words), 1)
    numeric = sum(bool(_NUMBER.search(option[1])) for option in options) / max(len(options), 1)
    decimals = sum("." in number for number in _NUMBER.findall(stem))
    parts = [(count.name, count.weight * min(log1p(len(count.pattern.findall(lower))), count.cap)) for count in _COUNTS]
    parts += [
        ("length", _LENGTH * (log1p(length) - _USUAL_LENGTH)),
        ("names", _NAMES * min(capitals, 0.43)),
        ("decimals", _DECIMALS * min(log1p(decimals), 1.65)),
        ("numeric_options", _OPTIONS * numeric),
        ("code_task", _CODE_ASKED * bool(_CODE_TASK.search(stem))),
        ("code", _CODE_SHOWN * min(log1p(sum(map(stem.count, _CODE))), 1.74)),
        ("maths", _SIGNS * min(log1p(sum(map(stem.count, _MATHS))), 3.0)),
    ]
    return Load(sum(part for _, part in parts), tuple(parts))
