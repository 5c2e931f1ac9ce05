"""A prompt as the rules read it: plain ASCII words in lower case, cut into clauses. Pure, and quick on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_FROM = "áàâäãéèêëíìîïóòôöõúùûüñç"
_TO = "aaaaaeeeeiiiiooooouuuunc"
# Apostrophe, hyphen, dot, slash, underscore and equals stay glued to their words: "my.cnf" is not "my".
_BLANK = "()[]{}<>*#|~\t\r\xa0"
_ENDS = "?!;:\n¿¡"
_QUOTES = '"`«»“”'


def _table() -> bytes:
    table = bytearray(range(256))
    for code in range(256):
        letter = chr(code).lower()
        folded = _TO[_FROM.index(letter)] if letter in _FROM else letter
        if letter in _BLANK:
            folded = " "
        elif letter in _ENDS:
            folded = "?"
        elif letter in _QUOTES:
            folded = '"'
        table[code] = ord(folded) if ord(folded) < 128 else ord(" ")
    return bytes(table)


_TABLE = _table()


def lexicon(words: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(words.split())


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters: a question stands at the beginning of a long prompt, or at its end."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}\n{text[-(limit // 2) :]}"


def fold(text: str) -> str:
    """Lower case without accents; "?" for every end of a clause but the full stop.

    `today()` becomes `today_`, and words in quotes keep them: neither is the word that the rules look for. Spanish
    "mí" (me) becomes "mi_", so that it is not taken for "mi" (my).
    """
    if not text.isascii():
        text = text.replace("\u2019", "'").replace("“", '"').replace("”", '"').replace("mí", "mi_").replace("Mí", "mi_")
    return text.replace("()", "_").encode("latin-1", "replace").translate(_TABLE).decode("ascii")


def words(folded: str) -> list[str]:
    """The words in their order, with "?" between clauses and "," where a comma stood."""
    apart = folded.replace(". ", "?").replace("?", " ? ").replace(", ", " , ").split()
    if apart and apart[-1] != ".":
        apart[-1] = apart[-1].rstrip(".")
    return apart


def clauses(said: Sequence[str]) -> list[str]:
    """Out of `words`: the clauses, each with one space before, between and after its words."""
    return [f" {clause} " for part in " ".join(said).split("?") if (clause := part.strip())]


def clauses_with(said: Sequence[str], wanted: Iterable[str]) -> list[tuple[str, set[str]]]:
    """The clauses that hold a word of `wanted`, each with those it holds."""
    text = f" {' '.join(said)} "
    held: dict[int, set[str]] = {}
    ends: dict[int, int] = {}
    for word in wanted:
        mark = f" {word} "
        at = text.find(mark)
        while at >= 0:
            start = text.rfind("?", 0, at) + 1
            if start not in held:
                end = text.find("?", at)
                held[start], ends[start] = set(), len(text) if end < 0 else end
            held[start].add(word)
            at = text.find(mark, ends[start])
    return [(text[start : ends[start]], words) for start, words in held.items()]
