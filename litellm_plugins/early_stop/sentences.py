"""Where sentences end in a text that comes in pieces. Linear; some letters are kept."""

from __future__ import annotations

import re

_KEPT = 32  # characters, to know an abbreviation by
# Not `\s` inside: an end is known once white space follows; scripts without spaces need none.
_ENDS = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019\u00bb)\]*_]*+(?=\s)"
    r"|(?<![\u3002\uff01\uff1f])[\u3002\uff01\uff1f]++[\u300d\u300f\uff09\u201d\u2019]*+"
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"']+$")
_SHORT = frozenset(
    {
        *("dr", "mr", "mrs", "ms", "prof", "st", "vs", "etc", "e.g", "i.e", "cf", "fig", "no", "approx", "dept", "est"),
        *("inc", "ltd", "co", "jr", "sr", "sra", "ud", "uds", "p.ej", "ej", "pág", "núm", "av", "bzw", "z.b", "u.s"),
    }
)


class Sentences:
    """Counts them, up to `most`."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._tail = ""
        self._done = 0  # so much of the tail is decided

    def feed(self, text: str) -> int | None:
        """The place in `text` where the last one that is allowed has ended; it may lie before `text`: then 0."""
        data, kept = self._tail + text, len(self._tail)
        for found in _ENDS.finditer(data, self._done):
            self._done = found.end()
            if not _is_short(data[max(0, found.start() - _KEPT) : found.start()], found.group()):
                self.count += 1
                if self.count >= self._most:
                    return max(0, found.end() - kept)
        self._tail = data[-_KEPT:]
        self._done = max(0, self._done - (len(data) - len(self._tail)))
        return None


def _is_short(before: str, end: str) -> bool:
    """Whether the dot belongs to an abbreviation, an initial, or the number of a list's item."""
    if not end.startswith(".") or end.startswith(".."):
        return False
    line = before.rpartition("\n")[2].strip(" #*-")
    if line.isdigit() and len(line) <= 3:
        return True
    word = _WORD_BEFORE.search(before)
    said = "" if word is None else word.group().lower()
    return said in _SHORT or (len(said) == 1 and said.isalpha() and said.isascii())
