"""Where JSON stands on lines of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from litellm_plugins.compression.lines import Lines

_LABEL = re.compile(r"[^\W\d_][\w \-*()'/]{0,79}:[ \t]*(?=[\[{])")


def _refuse(constant: str) -> None:
    """`NaN` and `Infinity` are Python's, not JSON's."""
    raise ValueError(constant)


# Numbers stay as they are written: none is too long to be read, and reading is quicker.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


_WITHIN = re.compile(r"[{\[]\s?[\"{\[]")
_FAULTS = 50  # candidates that turn out to be none, after which no more are looked at


def within(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of JSON in the middle of lines; of the first ones, where much looks like it and is none."""
    faults = at = 0
    while faults < _FAULTS and (found := _WITHIN.search(text, at)):
        at = found.start() + 1
        try:
            _, end = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            faults += 1
        else:
            at = end
            yield found.start(), end


class JsonFinder:
    """Finds JSON objects and arrays in one text. What it reads in vain is bounded by four times the text's length."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._left = 4 * len(lines.text) + 10_000

    def find(self, at: int) -> tuple[int, int, int] | None:
        """Start and end in characters, and the line after it; None where line `at` begins no JSON."""
        lines = self._lines
        start = self._start(at)
        if start is None or self._left <= 0:
            return None
        value, end = self._read(start)
        if not value:  # `[ ]` may be a box to tick
            return None
        last = at
        while lines.ends[last] < end:
            last += 1
        if lines.text[end : lines.ends[last]].strip() or not self._stands_alone(at, start, last):
            return None
        return start, end, last + 1

    def _start(self, at: int) -> int | None:
        bare = self._lines.bare[at]
        if bare[:1] in ("{", "["):
            whole = self._lines.whole(at)
            return self._lines.starts[at] + len(whole) - len(whole.lstrip())
        head = self._lines.heads[at]
        label = _LABEL.match(head) if "{" in head or "[" in head else None
        return self._lines.starts[at] + label.end() if label else None

    def _read(self, start: int) -> tuple[object, int]:
        try:
            return _DECODER.raw_decode(self._lines.text, start)
        except json.JSONDecodeError as fault:  # which counts the lines before it: a fault costs a look at the text
            self._left -= fault.pos - start + len(self._lines.text) // 100
        except ValueError:
            self._left -= 10_000
        except RecursionError:
            self._left = 0
        return None, start

    def _stands_alone(self, first: int, start: int, last: int) -> bool:
        """Whether it is no part of something else: of code, of YAML, of JSON that is not whole."""
        lines = self._lines
        before = lines.tail(first - 1) if first else ""
        after = lines.bare[last + 1] if last + 1 < len(lines) else ""
        if before.endswith(("[", "{", "(", ",", "=")) or after[:1] in ("]", "}", ")", ","):
            return False
        labelled = lines.text[lines.starts[first] : start].strip()
        if labelled:
            return last > first and not before
        return lines.indent(first) < 4
