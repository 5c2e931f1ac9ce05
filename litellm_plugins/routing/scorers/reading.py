"""A text in numbers, at a cost that does not grow with it: only its head and tail are read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from litellm_plugins.routing.scorers import heuristic_words as table

_SPAN = 800  # characters of the head, and of the tail, that are read
# A word is what stands between these; an apostrophe and a hyphen are inside of words.
_BETWEEN = str.maketrans(
    dict.fromkeys('!"#$%&()*+,./:;<=>?@[\\]^_`{|}~¿¡«»“”„…。、，！？：；（）「」،؛؟।', " ")  # noqa: RUF001
    | {"\u2019": "'"}
)
# Written without spaces: a sign says about what three Latin letters do.
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f]")
# Counted by str.count, which takes a microsecond where one pattern of them all takes hundreds.
_MATHS = tuple("=+*/^<>\\%√∑∫≤≥±×÷∞∂∈∀∃→")  # noqa: RUF001
_COMMAS = tuple(",;，、،；")  # noqa: RUF001
_CODE = ("```", "{\n", "}\n", ";\n", "()", "=>", "==", "def ", "class ", "return ", "import ", "SELECT ", "#include")
_ENDS = ",.;:!?"
_CLAUSES = re.compile(r"[^,.;:!?\n()\u2014¿¡]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted in a text; counts of a long one are scaled up from what was read of it."""

    signs: float
    """Characters, those of dense scripts as the three they stand for."""
    words: float
    content_words: float
    capitals: float
    """Words that begin with a capital; as many as are usual in scripts that have none."""
    clauses: float
    """Commas and semicolons."""
    maths: float
    code: float
    hits: tuple[float, ...]
    """By rule of the table."""
    first: str
    """The first word, in lower case."""
    vocabulary: frozenset[str]


def read(text: str) -> Reading:
    """Count in `text`, without what it says of routing."""
    text = text.strip()
    whole = len(text)
    text = _window(text)
    plain = without_orders(text)
    scale = whole / len(text) if text else 1.0
    dense = 0 if plain.isascii() else len(_DENSE.findall(plain))
    found = plain.translate(_BETWEEN).split()
    lowered = [word.lower() for word in found]
    hits = [0] * len(table.RULES)
    content = 0
    rule_of_word = table.RULE_OF_WORD.get
    for word in lowered:
        if (number := rule_of_word(word)) is not None:
            hits[number] += 1
        if len(word) > 3 and word not in table.STOP_WORDS:
            content += 1
    if dense:
        hits[_DEMANDING] += sum(sign in plain for sign in table.DEMANDING_IN_CJK)
    words = len(found) + dense / 2
    return Reading(
        signs=(len(plain) + 2 * dense) * scale,
        words=words * scale,
        content_words=(content + dense / 3) * scale,
        capitals=_capitals(found, words) * scale,
        clauses=_count(plain, _COMMAS) * scale,
        maths=_count(plain, _MATHS) * scale,
        code=_count(plain, _CODE) * scale,
        hits=tuple(hit * scale for hit in hits),
        first=lowered[0] if lowered else "",
        vocabulary=frozenset(lowered[:64]),
    )


_DEMANDING = next(number for number, rule in enumerate(table.RULES) if rule.name == "demanding")


def _count(text: str, marks: tuple[str, ...]) -> int:
    return sum(map(text.count, marks))


def _window(text: str) -> str:
    return text if len(text) <= 2 * _SPAN else f"{text[:_SPAN]}\n{text[-_SPAN:]}"


def _capitals(found: list[str], words: float) -> float:
    """No more than two words in five: German writes every noun so, and a shout every word."""
    capitals = sum(word[0].isupper() for word in found)
    if not capitals and not any(word[0].islower() for word in found):
        return words / 8
    return min(capitals, 0.4 * words)


def without_orders(text: str) -> str:
    """Less the clauses that tell which model to use, or how hard the asker thinks it is."""
    lowered = text.lower()
    if not any(word in lowered for word in _MARKS):
        return text
    kept = []
    end = 0
    for clause in _CLAUSES.finditer(text):
        if _is_order(clause.group().lower().translate(_BETWEEN).split()):
            kept.append(text[end : clause.start()])
            end = clause.end()
            while end < len(text) and text[end] in _ENDS:
                end += 1
    return ("".join(kept) + text[end:]).strip()


_MARKS = ("model", "tier", "llm", "nivel", "router", "enrut", "clasif", "classif", *sorted(table.RATING_WORDS))


def _is_order(words: list[str]) -> bool:
    said = set(words)
    if said and said <= table.POLITE_WORDS:
        return True
    sized = said & table.SIZE_WORDS
    if said & table.MODEL_WORDS and sized and len(words) <= 16:
        return bool(said & table.ORDER_WORDS) or len(words) <= 5
    return len(words) <= 8 and words[:1] != [] and words[0] in table.RATING_BEGINS and bool(said & table.RATING_WORDS)
