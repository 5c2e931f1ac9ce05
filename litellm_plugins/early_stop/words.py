"""A stream's text as words, however its pieces are cut. Linear in the text; at most one word is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONGEST = 16  # characters: what has no spaces is cut so, or a loop of letters would be one word
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"  # scripts without spaces: each character
    r"|[^\W_]{1,16}|\n{1,8}|[ \t]{8}"  # words, and white space where there is much of it
    r"|([^\w\s]|_)\1{0,15}"  # a row of one sign, as in a ruler
)


class Words:
    """Of one text that comes in pieces."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> Iterator[str]:
        """The words that are known to be whole by now."""
        data, self._rest = self._rest + text, ""
        for found in _WORD.finditer(data):
            word = found.group()
            if found.end() == len(data) and len(word) < _LONGEST:
                self._rest = word  # it may go on
                return
            yield word
