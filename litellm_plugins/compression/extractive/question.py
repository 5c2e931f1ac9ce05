"""What a question asks for: its terms, which of them stand side by side, and the kind of answer it wants."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, islice, pairwise

from litellm_plugins.compression.extractive.words import STOP, terms

_YEAR = re.compile(r"(?<!\d)(?:1\d|20)\d\d(?!\d)|[一二]?[零〇一二三四五六七八九]{3,4}年")
_DATE = re.compile(
    r"(?<!\d)(?:1\d|20)\d\d(?!\d)|\d{1,2}[./月]\d{1,2}|\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\b"
    r"|\b(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)\b"
)
_NUMBER = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|fifty|hundred|thousand"
    r"|million|billion|once|twice|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|veinte|cien|mil|millones)\b"
    r"|[两二三四五六七八九十百千万亿]",
    re.IGNORECASE,
)
# A capitalised word that does not begin its sentence.
_NAME = re.compile(r"(?<=[\w,][\s'’(])[^\W\d_a-z][^\W\d_]*[a-záéíóúñü]")  # noqa: RUF001 - an apostrophe

# A kind of answer counts as one more term of the question: `#year` stands in every sentence with a year in it, and
# weighs the more the fewer such sentences there are.
_MONEY = re.compile(r"[$€£¥₹元]|\b(?:dollars?|euros?|pounds?|pesos?|dólares|percent)\b|%", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:in|at|near|from|to|en|cerca de|desde) (?:the |el |la |los |las )?[^\W\d_a-z]")
_KINDS: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (name, re.compile(wanted, re.IGNORECASE), found)
    for name, wanted, found in (
        ("#year", r"\b(?:years?|when|decade|century|cuándo|cuando|año|años)\b|哪年|哪一年|什么时候", _YEAR),
        ("#date", r"\b(?:when|dates?|day|month|cuándo|cuando|fecha|día|mes)\b|哪天|几月|什么时候", _DATE),
        ("#number", r"\bhow (?:many|much|long|old|far|tall|high|big|often|large|deep)\b|\bcuánt[oa]s?\b|多少", _NUMBER),
        ("#money", r"\b(?:how much|costs?|price|salary|revenue|paid|pay|worth|percent|cuánto|precio)\b|多少钱", _MONEY),
        ("#name", r"\b(?:whom?|whose|quién|quiénes)\b|谁", _NAME),
        ("#place", r"\b(?:where|city|country|venue|located?|location|dónde|ciudad|país)\b|哪里|在哪", _PLACE),
    )
)


# Words with capitals that stand together: what is called "Most Valuable Player" here may be "MVP" there.
_CAPITALISED = r"[^\W\d_a-z][^\W\d_]*+"
_NAMED = re.compile(rf"\b{_CAPITALISED}(?:[ -](?:(?:of|the|for|and|de|del|la|y) ){{0,2}}{_CAPITALISED}){{1,5}}")
_SHORTEST = 3  # letters of an acronym
_MOST = 32  # acronyms of one question: each is looked for in every sentence


@dataclass(frozen=True, slots=True)
class Question:
    """A question, ready to be compared with sentences."""

    terms: tuple[str, ...]
    """Without repetition, without stop words unless it has nothing else."""
    pairs: frozenset[tuple[str, str]]
    """Terms that stand side by side in it, stop words left out."""
    kinds: tuple[tuple[str, Callable[[str], object]], ...]
    """The kinds of answer it wants: a name, and what says whether a sentence has one."""


def asked(text: str) -> Question:
    """What `text` asks for."""
    every = terms(text)
    content = [term for term in every if term not in STOP]
    kinds = tuple((name, found.search) for name, wanted, found in _KINDS if wanted.search(text))
    named = islice((term for term in _acronyms(text) if term not in STOP), _MOST)
    return Question(tuple(dict.fromkeys([*(content or every), *named])), frozenset(pairwise(content)), kinds)


def _acronyms(text: str) -> Iterator[str]:
    """The initials of every run of names in `text`, "mvp" for "Most Valuable Player"."""
    for found in _NAMED.findall(text):
        if found.isupper():  # nothing but capitals: no names
            continue
        words = re.split(r"[ -]", found)
        for first, last in combinations(range(len(words) + 1), 2):
            initials = "".join(word[0] for word in words[first:last])
            big = "".join(filter(str.isupper, initials))
            if len(big) >= _SHORTEST and initials[0].isupper() and initials[-1].isupper():
                yield from (initials.lower(), big.lower())
