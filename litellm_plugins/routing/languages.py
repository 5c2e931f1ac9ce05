"""In which language a text is, by its script or its commonest words. Pure; "" where that does not tell."""

from __future__ import annotations

import re

_READ = 1_000
_LETTERS = re.compile(r"[^\W\d_]+")
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3040-\u30ff]")),  # before Chinese, whose signs Japanese uses too
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)
_SCRIPT_SHARE = 0.3  # of the letters
_WORDS = {
    "en": "the and is are was of to in what how why which with that this for it you your i my can do does please write",
    "es": "el la los las un una y es son de del que en con por para como cómo qué cuál quién dónde mi tu su lo se no"
    " más está puedes escribe hay me al",
    "fr": "le la les un une et est sont de du des que qui en avec pour dans comment quel quelle pourquoi je mon vous"
    " votre ce cette il pas plus",
    "de": "der die das und ist sind ein eine den dem von zu mit für wie was warum ich mein du bitte nicht auf im wird",
    "pt": "o a os as um uma e é são de do da dos das que em com por para como qual quem onde meu seu não mais você"
    " isso",
    "it": "il lo la gli le un una e è sono di del della che in con per come quale chi dove mio tuo non più questo",
}
_LANGUAGE_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
LANGUAGES = (*_WORDS, *(language for language, _ in _SCRIPTS))


def language_of(text: str) -> str:
    """The code of one of `LANGUAGES`, or "": too short, another one, or two that are as likely."""
    letters = _LETTERS.findall(text[:_READ])
    whole = "".join(letters)
    if not whole:
        return ""
    for language, script in _SCRIPTS:
        if len(script.findall(whole)) >= _SCRIPT_SHARE * len(whole):
            return language
    words = [word.lower() for word in letters]
    found = {language: sum(word in known for word in words) for language, known in _LANGUAGE_WORDS.items()}
    ranked = sorted(found, key=lambda language: -found[language])
    first, second = ranked[0], ranked[1]
    return first if found[first] > found[second] else ""
