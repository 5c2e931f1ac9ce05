"""Text as terms to be compared: words without their endings, pairs of characters where a script has no spaces."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

# Words and numbers ("3,141.5" is one), and runs of scripts that are written without spaces.
_NO_SPACES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
# A longer one is cut: stems are remembered, and what is remembered has to be small.
_TERM = re.compile(rf"\d{{1,40}}(?:[.,]\d{{1,40}}){{0,3}}|[{_NO_SPACES}]+|[^\W\d_{_NO_SPACES}]{{1,40}}")
_RUN = re.compile(rf"[{_NO_SPACES}]")

# What a question is made of, whatever it is about. English and Spanish, without accents.
_STOP = """
a an the this that these those it its he she they them his her their him we us our you your i me my of in on at to from
by with without for as into onto over under about between during before after and or but not no nor if then than so is
are was were be been being am do does did done has have had having can could will would shall should may might must who
whom whose what which when where why how many much s t d ll re ve m there here also any some all each other only one
such more most very just name tell call called
el la los las un una unos unas de del al y o u e que en por para con sin sobre entre es son era eran fue fueron ser sido
esta estan hay ha han haber se su sus lo le les nos mi tu ya si no como cuando donde quien quienes cual cuales cuanto
cuanta cuantos cuantas este estos estas ese esa esos esas aquel mas muy
的 了 是 在 吗 什么 谁 哪 哪里 多少 怎么 为什么
"""
STOP = frozenset(_STOP.split())
# These are stop words with any ending ("tells"). Else what a stem falls together with by chance is none: "theme" is not
# "them", "note" not "not", "mayor" not "may"; it is told apart by a sign.
_STOP_STEMS = frozenset({"tell", "call", "name", "one", "being"})
_ENDINGS = (
    ("ization", "ize"), ("ational", "ate"), ("fulness", "ful"), ("iveness", "ive"), ("ousness", "ous"),
    ("ements", ""), ("ement", ""), ("ments", ""), ("ment", ""), ("ations", "ate"), ("ation", "ate"),
    ("ciones", "cion"), ("mente", ""), ("ings", ""), ("ing", ""), ("ies", "y"), ("ied", "y"), ("ers", ""),
    ("edly", ""), ("ed", ""), ("ly", ""), ("er", ""), ("or", ""), ("ors", ""), ("es", ""), ("s", ""), ("e", ""),
)  # fmt: skip
_IRREGULAR = {
    "won": "win", "winner": "win", "wrote": "write", "written": "write", "writer": "write", "sang": "sing",
    "sung": "sing", "song": "sing", "began": "begin", "begun": "begin", "born": "birth", "died": "die", "dies": "die",
    "death": "die", "dead": "die", "made": "make", "maker": "make", "took": "take", "taken": "take", "gave": "give",
    "given": "give", "came": "come", "went": "go", "gone": "go", "held": "hold", "led": "lead", "lost": "lose",
    "met": "meet", "said": "say", "sold": "sell", "sent": "send", "spent": "spend", "built": "build",
    "founded": "found", "founder": "found", "known": "know", "knew": "know", "grew": "grow", "grown": "grow",
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "left": "leave",
    "spoke": "speak", "spoken": "speak", "chose": "choose", "chosen": "choose", "fought": "fight", "ran": "run",
    "told": "tell", "thought": "think", "bought": "buy", "brought": "bring", "caught": "catch", "taught": "teach",
    "films": "movie", "film": "movie", "portrayed": "play", "portray": "play",
    "used": "use", "uses": "use", "using": "use",
    "starring": "star", "stars": "star", "located": "locate", "location": "locate",
}  # fmt: skip
_MIN_STEM = 3


def terms(text: str) -> list[str]:
    """The terms of `text` in their order, stop words included: lower case, no accents, no endings."""
    found: list[str] = []
    for word in _TERM.findall(text):
        if _RUN.match(word):
            found += [word] if len(word) == 1 else map("".join, pairwise(word))
        else:
            found.append(_stem(word))
    return found


@lru_cache(65_536)
def _stem(word: str) -> str:
    """A light stemmer of our own: related forms should meet, and what they meet in need not be a word."""
    lower = word.lower()
    if not lower.isascii():
        lower = "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
    lower = _IRREGULAR.get(lower, lower)
    if lower in STOP or len(lower) <= _MIN_STEM or lower[0].isdigit():
        return lower
    for ending, instead in _ENDINGS:
        if lower.endswith(ending) and len(lower) - len(ending) >= _MIN_STEM:
            lower = lower[: -len(ending)] + instead
            break
    if len(lower) > _MIN_STEM and lower[-1] == lower[-2] and lower[-1] not in "ls":
        lower = lower[:-1]  # "running" and "run"
    stem = lower[:-1] if lower.endswith(("e", "y", "i")) and len(lower) > _MIN_STEM else lower
    return f"{stem}+" if stem in STOP and stem not in _STOP_STEMS else stem
