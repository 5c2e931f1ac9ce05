"""Whether a text is in the middle of a code block or of a JSON value, so that it must not be cut there.

Linear in the text; of a line only its beginning is kept.
"""

from __future__ import annotations

import re

from litellm_plugins.early_stop.json_value import JsonValue

_KEPT_OF_LINE = 200  # characters: enough to know a fence by
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)", re.DOTALL)
_MAY_BE_FENCE = re.compile(r"`{1,2}|~{1,2}")
_STARTS_VALUE = re.compile(r'\s*[\[{]\s*["\[{\]}\d\-tfn]')  # a list's "[ ]" and a "{name}" are none
_MAY_START_VALUE = re.compile(r"\s*[\[{]\s*")

Span = tuple[int, int]


class Structure:
    """Of one text that comes in pieces."""

    def __init__(self) -> None:
        self._line = ""  # the present one, as far as it is kept
        self._fence = ""  # that opened the code block
        self._closing = False  # the present line closes it
        self._opening = False  # the present line opened it
        self._value: JsonValue | None = None
        self._plain = False  # nothing more can begin on this line

    @property
    def is_inside(self) -> bool:
        """Whether a code block or a JSON value has begun and not ended."""
        return (bool(self._fence) and not self._closing) or self._value is not None

    def feed(self, text: str) -> list[Span]:
        """Follow `text`. Returned are the places in it that are neither code nor JSON."""
        free: list[Span] = []
        at = 0
        while at < len(text):
            newline = text.find("\n", at)
            end = len(text) if newline < 0 else newline + 1
            start = self._part(text, at, end)
            if start is not None and start < end:
                free.append((start, end))
            if newline >= 0:
                self._end_line()
            at = end
        return free

    def _part(self, text: str, at: int, end: int) -> int | None:
        """A part of one line. From where on it is free; None: it is not."""
        if self._value is not None:
            return self._in_value(self._value, text, at, end)
        if self._plain and not self._fence:
            return at
        before = len(self._line)
        self._line = (self._line + text[at:end])[:_KEPT_OF_LINE]
        if self._fence:
            return at if self._has_left_code() else None
        return self._begins(text, at, end, before)

    def _in_value(self, value: JsonValue, text: str, at: int, end: int) -> int | None:
        whole = value.feed(text[at:end])
        if value.state == "open":
            return None
        self._value, self._plain = None, True
        return at if whole is None else at + whole

    def _has_left_code(self) -> bool:
        """Whether what began like a code block turns out to be none."""
        line = self._line.strip()
        if self._opening:
            opened = _FENCE.match(line)
            if opened is None or (line[0] == "`" and "`" in opened[2]):
                self._fence, self._opening, self._plain = "", False, True  # code within a line
                return True
            self._fence = opened[1]
            return False
        self._closing = len(line) >= len(self._fence) and line == self._fence[0] * len(line)
        return False

    def _begins(self, text: str, at: int, end: int, before: int) -> int | None:
        line = self._line.lstrip()
        if _FENCE.match(line):
            self._fence, self._opening = line[:3], True
            return at if self._has_left_code() else None
        if _STARTS_VALUE.match(self._line):
            self._value = JsonValue()
            self._value.feed(self._line[:before])  # its first bracket at most
            return self._in_value(self._value, text, at, end)
        elif line and not _MAY_START_VALUE.fullmatch(self._line) and not _MAY_BE_FENCE.fullmatch(line):
            self._plain = True
        return at

    def _end_line(self) -> None:
        if self._closing:
            self._fence, self._closing = "", False
        self._opening = False
        may_go_on = self._value is None and not self._fence and _MAY_START_VALUE.fullmatch(self._line)
        if not (may_go_on and self._line.strip() and len(self._line) < _KEPT_OF_LINE):
            self._line = ""
        self._plain = False
