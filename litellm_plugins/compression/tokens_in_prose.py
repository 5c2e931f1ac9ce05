"""Names that machines gave (paths, ids, identifiers) and plain formulas, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from litellm_plugins.compression.spans import Kind, Span

_WORD = re.compile(r"[^\s\u3000-\u303f\uff00-\uffef\u201c\u201d«»]+")
_ASCII = re.compile(r"[!-~]+")
_AROUND = "\"'`.,;:!?()[]{}<>*\u2019\u2018\u2026\u2013\u2014"
_BEFORE = "\"'`,;:!?([{<*\u2018\u2019\u2026\u2014"
_RELATION = frozenset("=≤≥≠≈±\u00d7÷∑∏∫√∈∉∀∃∂⊂⊆\u222a∩⇒⇔→^<>²³∞≡∝∇")
_HAS_RELATION = re.compile("[" + "".join(re.escape(sign) for sign in sorted(_RELATION)) + "]")
_OPERATORS = frozenset("+-*/=<>^·\u2212|()[]%!&.") | _RELATION
_SHORT_WORD = re.compile(
    "a|i|is|of|in|to|or|as|at|by|an|no|we|it|if|on|he|so|be|do|us|me|my|up|am|go"
    "|y|o|e|u|de|la|el|en|un|es|se|lo|al|su|si|ya|te|le|os|mi|tu"
)
_REACH = 20  # words on each side of a relation that may belong to its formula


def tokens(text: str) -> Iterator[Span]:
    """All of them; they may overlap."""
    words = [(found.start(), found[0]) for found in _WORD.finditer(text)]
    done = 0
    for at, (start, word) in enumerate(words):
        if word.isalpha() and word.isascii():
            if not (word[1:].islower() or word.isupper() or len(word) == 1):
                yield Span(Kind.ID, start, start + len(word))
            continue
        if not word.isascii():
            yield from _within(word, start)
        elif found := _named(word, start):
            yield found
        if at >= done and _HAS_RELATION.search(word) and "://" not in word:
            first, last = _formula(words, at, done)
            done = last + 1
            if last > first or len(word) > 2:
                yield Span(Kind.MATHS, words[first][0], words[last][0] + len(words[last][1]))


def _within(word: str, start: int) -> Iterator[Span]:
    """Names in a word of another script: Chinese puts no spaces around them. `résumé.pdf` is one as a whole."""
    core = word.strip(_AROUND)
    if ("/" in core or "\\" in core or "_" in core) and any(sign.isascii() and sign.isalpha() for sign in core):
        yield Span(Kind.PATH, start, start + len(word))
        return
    for run in _ASCII.finditer(word):
        if found := _named(run[0], start + run.start()):
            yield found


def _named(word: str, start: int) -> Span | None:
    lead = len(word) - len(word.lstrip(_BEFORE))
    core = (
        word.strip(_AROUND)
        if word[lead : lead + 1] not in ("-", ".", "/", "~", "$", "@", "#")
        else word[lead:].rstrip(_AROUND)
    )
    kind = _kind(core, word)
    if kind is None:
        return None
    begin = start + word.find(core)
    end = begin + len(core)
    if kind is Kind.CODE or word[end - start : end - start + 2] == "()":
        end = start + len(word.rstrip(".,;:!?"))
    return Span(kind, begin, end)


def _kind(core: str, word: str) -> Kind | None:
    """What a word is that is not made of letters alone; None for an ordinary one."""
    if not core or not any(map(str.isalnum, core)):
        return None
    if "/" in core or "\\" in core:
        return Kind.PATH
    if core[0] == "$" and core[1:2].isdigit():
        return None
    if "::" in core or "->" in core or "=" in core.strip("=") or "()" in word or core.startswith(("--", "$", "%")):
        return Kind.CODE
    if "_" in core or core[0] in "@#" or (core[0] == "-" and core[1:2].isalpha() and len(core) <= 3):
        return Kind.ID
    letters = core.replace("-", "").replace("'", "")
    if letters.isalpha():
        return None if _is_word(letters) else Kind.ID
    has_letter = any(map(str.isalpha, core))
    if has_letter and (any(map(str.isdigit, core)) or "." in core or ":" in core or "@" in core or "~" in core):
        return Kind.ID
    return None


def _is_word(letters: str) -> bool:
    """Not `camelCase`, `McMahon` being taken for one."""
    return letters.islower() or letters.isupper() or letters[1:].islower() or letters.istitle()


def _formula(words: list[tuple[int, str]], at: int, done: int) -> tuple[int, int]:
    """First and last word of the formula around the relation in word `at`."""
    first = last = at
    while first > max(done, at - _REACH) and _may_be_term(words[first - 1][1]) and _adjoins(words, first):
        first -= 1
    while last + 1 < min(len(words), at + _REACH) and _may_be_term(words[last + 1][1]) and _adjoins(words, last + 1):
        last += 1
    return first, last


def _adjoins(words: list[tuple[int, str]], at: int) -> bool:
    start, word = words[at - 1]
    return words[at][0] - start - len(word) <= 1 and not word.endswith((";", ":", "?", "!"))


def _may_be_term(word: str) -> bool:
    core = word.strip(".,;:")
    if not core:
        return False
    if any(map(str.isdigit, core)) or all(sign in _OPERATORS for sign in core):
        return True
    if len(core) <= 2:
        return not _SHORT_WORD.fullmatch(core.lower()) or core.isupper()
    return ("(" in core and ")" in core) or _HAS_RELATION.search(core) is not None
