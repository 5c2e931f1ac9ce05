"""What a prompt asks for: code, something creative, a fact, maths, or an extraction. Rules that can be read. Pure.

English and Spanish. Each sign counts once, however often it stands there; the intent with the most points has it, if
it has enough of them. Signs of two intents that are as heavy are decided by the order of `INTENTS`.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

Intent = Literal["code", "maths", "extraction", "creative", "factual"]
INTENTS: tuple[Intent, ...] = get_args(Intent)
_ENOUGH = 2
_HEAD, _TAIL = 1_000, 300  # characters that are read
_MOST_OF_A_FACT = 160  # characters: a longer prompt asks for more than a fact


def _words(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b")


_ASKS_TO_MAKE = (
    r"writ(?:e|ing)|create|compose|make|give me|generate|craft|draft|tell me|invent"
    r"|escrib[ea]|escribir|escríbeme|crea|crear|compón|haz|genera|redacta|inventa|cuéntame"
)
_CODE_THINGS = (
    r"function|script|class|method|program|regex|regular expression|query|endpoint|unit tests?|algorithm|component"
    r"|code|snippet|api|loop|compiler|dockerfile|bash|css|html"
    r"|función|clase|método|programa|expresión regular|consulta|código|bucle|algoritmo|componente"
)
_CREATIVE_THINGS = (
    r"poems?|haiku|limerick|sonnet|stor(?:y|ies)|lyrics|songs?|jokes?|slogans?|taglines?|novel|fairy ?tale|dialogue"
    r"|screenplay|role-?play|blog post|short film|brand names?"
    r"|poemas?|cuentos?|historias?|letra|canción|chistes?|esl[oó]gan(?:es)?|novela|diálogo|guion|guión|relato|soneto"
)
_SIGNS: tuple[tuple[Intent, int, re.Pattern[str]], ...] = (
    (
        "code",
        3,
        re.compile(r"```|^\s{0,20}(?:def|class|import|from|#include|function|public|select)\s\S", re.MULTILINE),
    ),
    ("code", 2, re.compile(r"=>|==|\(\)|\{\n|;\n|</\w|\bself\.|console\.log|print\(|std::|traceback")),
    (
        "code",
        2,
        _words(
            r"python|javascript|typescript|java|golang|rust|kotlin|php|ruby|sql|bash|powershell|c\+\+|django|react"
            r"|node\.?js|pandas|numpy|kubernetes|docker|git|regex|pytest|json schema"
        ),
    ),
    ("code", 2, _words(rf"(?:{_ASKS_TO_MAKE}|implement|implementa)[\s\w]{{0,24}}\s(?:{_CODE_THINGS})")),
    (
        "code",
        2,
        _words(
            r"refactor|debug|compile|stack trace|segfault|null pointer|unit tests?|syntax error|code review"
            r"|refactoriza|depura|compila|pruebas unitarias|error de sintaxis|implement|implementa"
        ),
    ),
    ("code", 1, _words(_CODE_THINGS)),
    (
        "maths",
        2,
        _words(
            r"solve|prove|integral|derivative|differentiate|equation|theorem|matrix|eigenvalues?|polynomial|probability"
            r"|percent(?:age)?|square root|factori[sz]e|modulo|group of order|ring|vector space|isomorphic"
            r"|resuelve|demuestra|derivada|ecuación|teorema|matriz|polinomio|probabilidad|porcentaje|raíz cuadrada"
        ),
    ),
    (
        "maths",
        2,
        _words(
            r"how (?:many|much|long|far|old)[^?\n]{0,80}(?:total|left|altogether|each|more|does|did|will|is|are|need)"
            r"|cuánt[oa]s?[^?\n]{0,80}(?:total|quedan?|cada|más|tiene|tienen|necesita)"
        ),
    ),
    ("maths", 2, re.compile(r"\d\s?[+*/\u00d7\u00f7^=]\s?\d|\bx\s?[\^=+]|\\frac|∫|∑|√|\bf\(x\)|\$[^$\n]{1,80}\$")),
    ("maths", 1, _words(r"calculate|compute|sum|average|times|twice|half|calcula|suma|promedio|veces|doble|mitad")),
    ("maths", 1, re.compile(r"(?:\d[^\d]{1,80}){3}\d")),
    (
        "extraction",
        3,
        _words(
            r"extract|extrae|extraer|classify|clasifica|clasificar|label (?:each|the|this)|parse the|pull out|redact"
            r"|list (?:all|every) (?:the )?\w{1,24} (?:mentioned|named|in)"
            r"|convert (?:this|the following)[\s\w]{0,24} (?:to|into) (?:json|csv|a table|yaml)"
            r"|summari[sz]e (?:this|the following)|resume (?:este|esta|el siguiente|la siguiente)|named entit(?:y|ies)"
            r"|enumera (?:todos|todas)|convierte (?:este|esta|el siguiente|lo siguiente)[\s\w]{0,24} (?:a|en)"
        ),
    ),
    ("extraction", 1, _words(r"json|csv|fields?|entities|sentiment|campos?|entidades|sentimiento|following text")),
    ("creative", 3, _words(rf"(?:{_ASKS_TO_MAKE})[\s\w]{{0,40}}\s(?:{_CREATIVE_THINGS})")),
    (
        "creative",
        2,
        _words(
            r"brainstorm|in the style of|rhym(?:e|es|ing)|imagine that"
            r"|lluvia de ideas|al estilo de|que rime|imagina que"
        ),
    ),
    ("creative", 1, _words(_CREATIVE_THINGS)),
)
_FACT = re.compile(
    r"\W{0,3}(?:what(?:'s| is| are| was| were)|who(?:'s| is| are| was| were| \w{3,12})|when |where |which |in which"
    r"|what year|how (?:tall|old|far|big|deep|long) |is it true|define |"
    r"qué (?:es|son|fue|año|significa)|cuál(?:es)? |quién(?:es)? |cuándo |dónde |en qué |define )"
)


def intent_of(prompt: str) -> Intent | None:
    """The one with the most points; None where none has enough."""
    prompt = prompt.lower()
    text = prompt if len(prompt) <= _HEAD + _TAIL else f"{prompt[:_HEAD]}\n{prompt[-_TAIL:]}"
    points = dict.fromkeys(INTENTS, 0)
    for intent, weight, sign in _SIGNS:
        if sign.search(text):
            points[intent] += weight
    if len(prompt) <= _MOST_OF_A_FACT and _FACT.match(prompt):
        points["factual"] = _ENOUGH
    best = max(INTENTS, key=lambda intent: points[intent])
    return best if points[best] >= _ENOUGH else None
