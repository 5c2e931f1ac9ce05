"""Lines of a system prompt that may stand at its end as well as where they are. When in doubt, none may. Pure."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from litellm_plugins.prompt_caching.stamps import Stamp, stamp_of

_MOST_LINES = 20_000  # of a longer prompt nothing is moved


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"\w+")
_STAMPS = _words("""
    date dates time times datetime day today timestamp clock moment id ids identifier session request trace line value
    fecha fechas hora horas día dia hoy momento identificador sesión sesion petición peticion solicitud traza línea
    linea valor dato
""")
_NOUNS = _STAMPS | _words("it this that info information context header información informacion contexto encabezado")
_PLACES = _words("""
    above below aforementioned aforesaid preceding preceded previous earlier following next first second third top
    beginning arriba abajo anterior anteriores anteriormente precedente siguiente primer primera primero segunda segundo
    principio mencionado mencionada
""")
_POINTERS = _words("""
    this that these those said such same este esta ese esa dicho dicha mismo misma aquel aquella
""")
_THIS_DATE = re.compile(rf"\b(?:{'|'.join(sorted(_POINTERS))}) (?:{'|'.join(sorted(_STAMPS))})\b", re.IGNORECASE)
_NUMBERED = re.compile(r"\b(?:line|l[ií]nea) \d", re.IGNORECASE)
_GOES_ON = re.compile(
    r"(?:it|this|that|these|those|he|she|they|so|therefore|thus|hence|then|which|accordingly|eso|esto|por|as[ií]|entonces)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(
    r"\s*(?:[-*+\u2022\u2013>|]|\d{1,3}[.)]\s|[a-z][.)]\s)", re.IGNORECASE
)  # of a list, a table, a quotation
_SPEAKER = re.compile(
    r"\W*(?:user|human|assistant|system|ai|customer|agent|q|a|question|answer|input|output|example|from|to|subject|usuario"
    r"|asistente|cliente|agente|pregunta|respuesta|ejemplo|entrada|salida|de|para|asunto)\b[^:]{0,20}:",
    re.IGNORECASE,
)
_KEY = re.compile(r"[^:]{1,60}:(?:\s|$)")
_ENDS = (".", "!", "?", "…")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*)(?:\s[^<>]*)?(/?)>")
_RULE = re.compile(r"\s*(?:-{3,}|={3,}|\*{3,}|_{3,}|#{3,})\s*")
_PAIRS = (("{", "}"), ("[", "]"), ("“", "”"), ("«", "»"))
_SIGNS = ('"', "`", "'''", *(sign for pair in _PAIRS for sign in pair))


@dataclass(frozen=True, slots=True)
class Line:
    """One that may be moved: where it stands, and a hash of what changes in it."""

    text: int  # of the system prompt's texts
    at: int  # from 0
    value: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """`form` is a hash of all that a system prompt says beside those values, in its order."""

    form: bytes
    lines: tuple[Line, ...]
    doubtful: int = 0  # lines that are volatile, and stay


def read(texts: Sequence[str]) -> Reading:
    """A system prompt, as its texts."""
    places = [(at, number, line) for at, text in enumerate(texts) for number, line in enumerate(text.split("\n"))]
    if len(places) > _MOST_LINES:
        return Reading(b"", ())
    stamps = [stamp_of(line) for _, _, line in places]
    found = [at for at, stamp in enumerate(stamps) if stamp is not None]
    if not found:
        return Reading(b"", ())
    fit = _fit([line for _, _, line in places], stamps, found)
    lines = tuple(Line(places[at][0], places[at][1], _hash(_value(stamps[at]))) for at in sorted(fit))
    form = (f"{place}/{_label(stamps[at]) if at in fit else line}" for at, (place, _, line) in enumerate(places))
    return Reading(_hash("\n".join(form)), lines, len(found) - len(fit))


def apart(texts: Sequence[str], lines: Sequence[Line]) -> tuple[list[str | None], str]:
    """What is left of each text (None: nothing was taken from it), and the lines, in their order."""
    taken = {(line.text, line.at) for line in lines}
    left, tail = list[str | None](), list[str]()
    for number, text in enumerate(texts):
        given = text.split("\n")
        rest = [line for at, line in enumerate(given) if (number, at) not in taken]
        tail += [line for at, line in enumerate(given) if (number, at) in taken]
        left.append("\n".join(rest) if len(rest) < len(given) else None)
    return left, "\n".join(tail)


def _fit(lines: Sequence[str], stamps: Sequence[Stamp | None], found: Sequence[int]) -> set[int]:
    if any(stamp is None and _refers(line) for line, stamp in zip(lines, stamps, strict=True)):
        return set()
    free = _outside(lines)
    if not free[-1]:  # at the end something is open still: they would get into it
        return set()
    labels = Counter(_label(stamps[at]) for at in found)
    others = [at for at, stamp in enumerate(stamps) if stamp is None and lines[at].strip()]
    last = others[-1] if others else -1
    return {
        at for at in found if free[at] and labels[_label(stamps[at])] == 1
        and (at > last or _stands_alone(lines, others, at))
    }  # fmt: skip


def _refers(line: str) -> bool:
    """To a line by where it stands, or to what it has said."""
    words = set(_WORD.findall(line.casefold()))
    if words.isdisjoint(_NOUNS):
        return False
    if not words.isdisjoint(_PLACES):
        return True
    return bool(_NUMBERED.search(line) or (not words.isdisjoint(_POINTERS) and _THIS_DATE.search(line)))


def _stands_alone(lines: Sequence[str], others: Sequence[int], at: int) -> bool:
    """Before it a sentence has ended, and after it another begins that does not hang on it."""
    behind = bisect(others, at)
    before = lines[others[behind - 1]] if behind else None
    after = lines[others[behind]]
    if before is not None and not (before.rstrip().endswith(_ENDS) and _is_prose(before)):
        return False
    begins = after[0]
    is_key = _KEY.match(after) is not None and not after.rstrip().endswith(_ENDS)
    return (begins.isupper() or begins in "#¿¡") and _is_prose(after) and not is_key and _GOES_ON.match(after) is None


def _is_prose(line: str) -> bool:
    return _ITEM.match(line) is None and _SPEAKER.match(line) is None and not line[0].isspace()


def _outside(lines: Sequence[str]) -> list[bool]:
    """For each line whether nothing is open above it: code, JSON, tags, quotations, rules. One more for the end."""
    open_tags, uneven_tags, counts, fenced, free = Counter[str](), set[str](), Counter[str](), False, list[bool]()
    for line in lines:
        free.append(not (fenced or uneven_tags or _is_open(counts)))
        if _FENCE.match(line):
            fenced = not fenced
        counts["rules"] += _RULE.fullmatch(line) is not None
        counts.update({sign: line.count(sign) for sign in _SIGNS if sign in line})
        for closing, name, alone in _TAG.findall(line):
            if not alone:
                open_tags[name] += -1 if closing else 1
                (uneven_tags.add if open_tags[name] else uneven_tags.discard)(name)
    return [*free, not (fenced or uneven_tags or _is_open(counts))]


def _is_open(counts: Counter[str]) -> bool:
    uneven = any(counts[sign] % 2 for sign in ('"', "`", "'''", "rules"))
    return uneven or any(counts[begin] != counts[end] for begin, end in _PAIRS)


def _label(stamp: Stamp | None) -> str:
    return "" if stamp is None else stamp.label


def _value(stamp: Stamp | None) -> str:
    return "" if stamp is None else stamp.value


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
