"""Text cut into sentences: every character is in exactly one of them, and in its place."""

from __future__ import annotations

import re
from itertools import pairwise

# Where a sentence may end: behind its sign, closing quotes and footnote marks, with the white space that follows.
# The scripts without spaces end theirs anywhere.
_END = re.compile(
    r"""
      (?<![.!?…]) [.!?…]++ [")\]'”’»]*+ (?:\[[^\]\s]{1,4}\])*+ (?=\s)  # Latin and its like: white space has to follow
    | [。！？｡]++ [”’」』）】》"]*+                              # Chinese, Japanese
    | [।॥؟۔]++ (?=\s|$)                                     # Devanagari, Arabic, Urdu
    | \n (?= [^\S\n]{0,9} \n )                              # a blank line
    | \n (?= [^\S\n]{0,9} (?: [-*•·–|#>] | \d{1,3}[.)] ) )  # a list's item, a table's row, a heading
    """,  # noqa: RUF001 - the signs of many scripts
    re.VERBOSE,
)
_AFTER = re.compile(r"\s*")
# Nothing is cut inside these.
_WHOLE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`|\$\$.+?\$\$", re.DOTALL)
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘«¿¡]+\Z")  # noqa: RUF001 - opening quotes
# English and Spanish; lower case, without the last point.
_ABBREVIATED = """
mr mrs ms dr prof rev hon gen col lt sgt capt cmdr gov sen rep pres st mt ft vs approx ca cf viz inc ltd corp bros jr sr
dept univ assn e.g i.e a.m p.m u.s u.k u.n ph.d m.d b.a m.a d.c
sra srta dra ud uds vd lic ing arq avda av tel p.ej ee uu ee.uu cía s.a gral cnel tte excmo ntra sto sta aprox máx mín
"""
# Words of their own, or ends of sentences, where no number follows.
_BEFORE_NUMBERS = """
no nos fig figs eq sec ch vol pp p v ed est jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun
art arts núm pág págs cap ej ene abr ago dic fol c al
"""
_ALWAYS, _NUMBERING = frozenset(_ABBREVIATED.split()), frozenset(_BEFORE_NUMBERS.split())
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]\Z")
_NUMBERED = re.compile(r"(?:^|\n)\s*\(?(?:\d{1,3}|[ivxIVX]{1,4})\Z")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, each with the white space before it; joined they are `text`.

    Abbreviations, initials, decimal numbers, URLs and dotted names are not cut, nor is code between backticks. A line
    break alone ends nothing, a blank line does, and so does one before a list's item or a table's row.
    """
    whole = [match.span() for match in _WHOLE.finditer(text)] if "`" in text or "$$" in text or "~~~" in text else []
    cuts, at = [0], 0
    for match in _END.finditer(text):
        end = match.end()
        while at < len(whole) and whole[at][1] <= end:
            at += 1
        if at < len(whole) and whole[at][0] < end:
            continue
        if _ends_a_sentence(text, match.start(), end):
            cuts.append(end)
    cuts.append(len(text))
    found = [text[start:end] for start, end in pairwise(cuts) if start < end]
    return _joined(found)


def _ends_a_sentence(text: str, sign: int, end: int) -> bool:
    """Whether what was found at `sign`, and ends at `end`, is the end of a sentence."""
    if text[sign] not in ".!?…":
        return True
    following = _AFTER.match(text, end)
    at = following.end() if following else end
    if at >= len(text):
        return True
    if "\n\n" in text[end:at]:
        return True
    if text[at].islower():  # "Yahoo! is", "approx. five"
        return False
    if text[sign] != "." or text[sign : sign + 2] == "..":
        return True
    before = text[max(0, sign - 24) : sign]
    word = _LAST_WORD.search(before)
    if word is None:
        return True
    last = word[0].lower()
    if last in _NUMBERING and text[at].isdigit():
        return False
    return not (last in _ALWAYS or _INITIAL.match(word[0]) or _NUMBERED.search(before))


def _joined(found: list[str]) -> list[str]:
    """White space, or a lone sign, that stands for itself belongs to what comes before it."""
    sentences: list[list[str]] = []
    for part in found:
        if sentences and not any(character.isalnum() for character in part):
            sentences[-1].append(part)
        else:
            sentences.append([part])
    return ["".join(parts) for parts in sentences]
