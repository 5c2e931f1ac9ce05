"""Which lines say nothing but when it is, or which request or session this is; English and Spanish. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 160  # characters of such a line
_DAY = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|tue|wed|thu|fri|sat|sun)"
    r"|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo)"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre"
    r"|octubre|noviembre|diciembre)"
)
_DATE = (  # the year in full: `10.1.25` may be a version
    rf"(?:{_DAY},? )?(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}}"
    rf"|(?:the |el )?\d{{1,2}}(?:st|nd|rd|th)?(?: of| de)? {_MONTH},?(?: del?)? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_ZONE = r"(?: ?(?:z|utc|gmt|cest|cet|[ecmp][sd]t)(?:[+-]\d{1,2}(?::?\d{2})?)?| ?[+-]\d{2}:?\d{2})"
_TIME = rf"\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d{{1,9}})?)?(?: ?[ap]\.?m\b\.?)?(?: ?h(?:oras)?\b)?{_ZONE}?"
_STAMP = rf"(?:{_DATE}(?:(?:t|,? (?:at |a las )?){_TIME})?|{_TIME}(?:,? (?:on |del |de )?{_DATE})?)"
_BARE = rf"{_DATE}(?:(?:t|,? (?:at |a las )?){_TIME})?"
_NOW = (
    r"(?:(?:the )?(?:current|today'?s|present|local|server|system)(?: (?:local|server|system|utc))?"
    r" (?:date(?: ?(?:and|&|/) ?time)?|time|datetime|day|timestamp)(?: is)?"
    r"|today(?: is)?|now(?: is)?|timestamp|it is(?: now| currently)?|the (?:date|time) is|generated(?: at| on)?"
    r"|(?:la |el )?(?:fecha|hora|d[ií]a)(?: y hora)?(?: actual| de hoy| local| del (?:servidor|sistema))"
    r"(?: es| son)?(?: las| el)?|hoy(?: es| estamos a)?(?: el)?|ahora(?: es| son)?(?: las| el)?|son las"
    r"|marca de tiempo)"
)
_WHICH = (
    r"(?:(?:(?:the|this|your|current) )?"
    r"(?:(?:request|session|conversation|trace|correlation|run|thread)[ _-](?:id|identifier)"
    r"|(?:request|session|trace)(?=:))"
    r"|(?:(?:el|la|tu) )?"
    r"(?:(?:id|identificador)(?: de(?: la)?)? (?:sesi[oó]n|petici[oó]n|solicitud|conversaci[oó]n|traza)"
    r"|(?:sesi[oó]n|petici[oó]n|solicitud|traza)(?=:)))"
)
_ID = r"(?=[^ ]*\d)[a-z0-9][a-z0-9_-]{5,127}"
_KINDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<value>{_BARE})\.?",
        rf"{_NOW}(?: ?: ?| )(?P<value>{_STAMP})\.?",
        rf"{_NOW}(?: ?: ?| )(?P<value>\d{{10}}(?:\d{{3}})?)\.?",
        rf"{_WHICH}(?: ?[:=] ?| (?:is|es) )(?P<value>{_ID})\.?",
    )
)
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A line's words, and what changes among them."""

    label: str  # the line without its value
    value: str


def stamp_of(line: str) -> Stamp | None:
    """None: it says something else, or something more. An indented line is none: it belongs to another."""
    bare = line.rstrip()
    if not bare or len(bare) > _LONGEST or bare[0].isspace() or _DIGIT.search(bare) is None:
        return None
    for kind in _KINDS:
        found = kind.fullmatch(bare)
        if found is not None:
            begin, end = found.span("value")
            return Stamp(f"{bare[:begin]}\0{bare[end:]}".casefold(), bare[begin:end])
    return None
