"""Is a cheaper model's answer good enough? Checks by name, each a yes or no on the answer alone. Pure.

None of them runs what an answer says. Where one cannot tell, the answer passes.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import orjson

from litellm_plugins.routing.answer_check import check
from litellm_plugins.routing.json_shape import keeps_to

_READ = 16_000  # characters
_OPENING = 400  # characters in which a refusal, or that one does not know, is said
_MOST_CODE = 20_000
_SHORT = 600  # an answer with more words than this has answered, however it began


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, as far as a check looks at it."""

    question: str = ""
    json: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, or the first part of it."""

    text: str = ""
    ending: str = "stop"  # stop, length, refused, calls; empty: it is not over, or broke off
    calls: bool = False  # it calls a tool
    whole: bool = True


_REFUSALS = re.compile(
    r"""(?ix)
    \b(?: i['’]?m\s+(?:very\s+|so\s+|really\s+)?sorry,?\s+(?:but\s+)?(?:i|we)\s+(?:can(?:no|['’])?t|am\s+(?:not\s+able|unable)|won['’]?t)
      | i(?:['’]m|\s+am)\s+(?:sorry,?\s+(?:but\s+)?)?(?:not\s+able|unable)\s+to\s+(?:help|assist|answer|provide|do|fulfil|complete|comply|discuss|give|create|generate|write)
      | i\s+(?:can(?:no|['’])t|can\s+not|won['’]t|will\s+not|must\s+decline\s+to)\s+(?:help|assist|answer|provide|do\s+that|fulfil|complete\s+th|comply|discuss|give\s+you|create|generate|write\s+th|engage|share|support)
      | as\s+an?\s+(?:ai|artificial\s+intelligence)(?:\s+language)?(?:\s+model|\s+assistant)?,?\s+i\s+(?:can(?:no|['’])t|am\s+(?:not|unable)|do\s+not|don['’]t)
      | lo\s+siento,?\s+(?:mucho,?\s+)?(?:pero\s+)?no\s+(?:puedo|podemos|me\s+es\s+posible|estoy)
      | no\s+(?:puedo|me\s+es\s+posible|estoy\s+en\s+condiciones\s+de)\s+(?:ayudar|ayudarte|ayudarle|responder|proporcionar|hacer\s+eso|cumplir|facilitar|dar|generar|crear|escribir|asistir)
      | como\s+(?:una\s+)?(?:ia|inteligencia\s+artificial|modelo\s+de\s+lenguaje),?\s+no\s+(?:puedo|tengo|soy)
    )"""  # noqa: RUF001, E501
)
_HEDGES = re.compile(
    r"""(?ix)
    \b(?: i(?:['’]m|\s+am)\s+(?:really\s+|honestly\s+)?not\s+(?:entirely\s+|completely\s+|quite\s+|really\s+|too\s+|very\s+|100\s?%\s+)?(?:sure|certain)(?!\s+(?:you|we|they)\s+(?:want|need|understand))
      | i\s+(?:do\s+not|don['’]t)\s+(?:actually\s+|really\s+)?(?:know|have\s+(?:enough|sufficient|any)\s+(?:information|context|details|knowledge))
      | i\s+(?:might|may|could)\s+be\s+(?:wrong|mistaken)
      | i(?:['’]m|\s+am)\s+(?:just\s+|only\s+)?guessing | (?:this|that|it)\s+is\s+(?:just|only)\s+(?:a|my)\s+guess
      | (?:it['’]?s|it\s+is)\s+(?:hard|difficult|impossible)\s+(?:for\s+me\s+)?to\s+(?:say|tell|know)\b
      | i\s+(?:can(?:no|['’])t|am\s+unable\s+to)\s+(?:say|determine|verify|be\s+(?:sure|certain))
      | there\s+is(?:\s+not|n['’]t)\s+enough\s+information
      | no\s+(?:estoy|estamos)\s+(?:(?:del\s+todo|completamente|muy|totalmente)\s+)?segur[oa]s?
      | no\s+(?:lo\s+)?s[eé]\s+(?:con\s+certeza|exactamente|bien|muy\s+bien|la\s+respuesta)
      | no\s+tengo\s+(?:suficiente|bastante)\s+(?:informaci[oó]n|contexto|datos) | no\s+tengo\s+(?:ni\s+)?(?:la\s+menor\s+)?idea
      | (?:puede|podr[ií]a)\s+que\s+me\s+equivoque | podr[ií]a\s+(?:estar\s+equivocad[oa]|equivocarme)
      | (?:es\s+)?(?:dif[ií]cil|imposible)\s+(?:de\s+)?(?:saber|decir)\s+con\s+(?:certeza|seguridad|exactitud)
      | no\s+hay\s+suficiente\s+informaci[oó]n
    )"""  # noqa: RUF001, E501
)
_OPENS = re.compile(r"```[ \t]*(\w*)")
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]{0,400}\"|“[^”\n]{0,400}”|«[^»\n]{0,400}»|^>[^\n]*", re.DOTALL | re.MULTILINE
)
# Every pattern here reads what a client can have a model write, on the loop that serves everybody: none may go over
# the same text again and again. Hence possessive quantifiers, and fences that are found line by line.
# Sums that are not worked out: with names in them, a remainder, or points and commas as in much of the world.
_NO_SUM = re.compile(
    r"""(?ix)
      [a-z_^]\s*[-+*/×÷][^=\n]{0,60}=\s*\S+ | [a-z_^]\d[^=\n]{0,60}=\s*\S+
    | ^[^\n]*\d(?:,\d{1,2}|\.\d{3})(?!\d)[^\n]*$
    | =\s*+\d++\s*+(?:,\s*+)?(?:(?:with|and|con|y)\s++(?:an?\s++|un\s++)?)?(?:remainder|resto|residuo|r\.?\s*+\d|left\b|sobra)
    """,  # noqa: E501, RUF001
    re.MULTILINE,
)
_AT_A_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.\s|[!%$]|In \[)", re.MULTILINE)


def _is_empty(wanted: Wanted, answer: Answer) -> bool:
    return answer.whole and not answer.text.strip() and not answer.calls


def _is_refusal(wanted: Wanted, answer: Answer) -> bool:
    if answer.ending == "refused":
        return True
    said = _QUOTED.sub(" ", answer.text[:_READ]).strip()
    return len(said) <= 2 * _SHORT and _REFUSALS.search(said[:_OPENING]) is not None


def _is_hedging(wanted: Wanted, answer: Answer) -> bool:
    said = _QUOTED.sub(" ", answer.text[:_READ]).strip()
    looked_at = said if len(said) <= _SHORT else said[:_OPENING]
    return _HEDGES.search(looked_at) is not None


def _is_cut_short(wanted: Wanted, answer: Answer) -> bool:
    return answer.whole and answer.ending in ("length", "")


def _breaks_its_schema(wanted: Wanted, answer: Answer) -> bool:
    if not answer.whole or answer.calls or not (wanted.json or wanted.schema is not None):
        return False
    try:
        value = orjson.loads(answer.text)
    except orjson.JSONDecodeError:
        return True
    return not keeps_to(value, wanted.schema) if wanted.schema is not None else not isinstance(value, dict | list)


def _has_a_wrong_sum(wanted: Wanted, answer: Answer) -> bool:
    if not answer.whole or answer.calls:
        return False
    told = _NO_SUM.sub(" ", _fences(answer.text[-_READ:])[1])
    return "wrong_step" in check(wanted.question, told).because


def _has_broken_python(wanted: Wanted, answer: Answer) -> bool:
    return answer.whole and any(map(_is_broken, _pythons(answer.text)))


def _pythons(text: str) -> Iterable[str]:
    return (
        body
        for language, body in _fences(text[:_MOST_CODE])[0]
        if language.lower() in ("python", "py", "python3") and not _AT_A_PROMPT.search(body)
    )


def _fences(text: str) -> tuple[list[tuple[str, str]], str]:
    """Language and body of each block between fences, and the text without them. A fence that is left open is text."""
    blocks, outside = list[tuple[str, str]](), list[str]()
    opened: re.Match[str] | None = None
    inside: list[str] = []
    for line in text.split("\n"):
        if opened is None:
            opened = _OPENS.match(line)
            (outside if opened is None else inside).append(line)
        elif line.startswith("```") and not line[3:].strip(" \t"):
            blocks.append((opened[1], "".join(f"{each}\n" for each in inside[1:])))
            outside.append(" ")
            opened, inside = None, []
        else:
            inside.append(line)
    return blocks, "\n".join([*outside, *inside])


def _is_broken(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(dedent(code))
    except SyntaxError:
        return True
    except (ValueError, RecursionError, MemoryError):  # it cannot be told
        return False
    return False


CHECKS: Mapping[str, Callable[[Wanted, Answer], bool]] = {
    "empty": _is_empty,
    "refusal": _is_refusal,
    "hedging": _is_hedging,
    "cut_short": _is_cut_short,
    "json_schema": _breaks_its_schema,
    "arithmetic": _has_a_wrong_sum,
    "python_syntax": _has_broken_python,
}


def fault_of(checks: Collection[str], wanted: Wanted, answer: Answer, *, doubt_from: float = 0.5) -> str | None:
    """The name of the first check, in the order of `CHECKS`, that the answer does not pass; None: it is good enough.

    `doubt` is last: the fitted checker's doubt (`answer_check`) is at least `doubt_from`.
    """
    for name, fires in CHECKS.items():
        if name in checks and fires(wanted, answer):
            return name
    doubts = "doubt" in checks and answer.whole and not answer.calls
    return "doubt" if doubts and check(wanted.question, answer.text).doubt >= doubt_from else None
