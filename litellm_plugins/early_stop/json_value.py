"""Where a JSON object or array ends in a text that comes in pieces. Linear; keeps the open brackets only."""

from __future__ import annotations

import re
from typing import Literal

_DEEPEST = 512  # brackets in one another; what is deeper is not followed
_IN_STRING = re.compile(r'["\\]')
_OUTSIDE = re.compile(r'["\[\]{}]')
_CLOSES = {"{": "}", "[": "]"}
# What may stand before the value: white space, and the fence of a code block.
_BEFORE = re.compile(r"(?:`{1,3}|```[A-Za-z]*\s*)?")
_LONGEST_FENCE = 24

State = Literal["open", "whole", "broken"]


class JsonValue:
    """Follows one value, from its first bracket on."""

    def __init__(self) -> None:
        self.state: State = "open"
        self._open: list[str] = []
        self._in_string = self._escaped = False

    def feed(self, text: str, start: int = 0) -> int | None:
        """The place after its last bracket, if that is in `text`; None: it goes on, or is none (see `state`)."""
        at = start
        while at < len(text) and self.state == "open":
            if self._escaped:
                self._escaped, at = False, at + 1
                continue
            found = (_IN_STRING if self._in_string else _OUTSIDE).search(text, at)
            if found is None:
                return None
            at = found.end()
            self._sign(found.group())
        return at if self.state == "whole" else None

    def _sign(self, sign: str) -> None:
        if sign == "\\":
            self._escaped = True
        elif sign == '"':
            self._in_string = not self._in_string
        elif sign in _CLOSES:
            self._open.append(_CLOSES[sign])
            if len(self._open) > _DEEPEST:
                self.state = "broken"
        elif not self._open or self._open.pop() != sign:
            self.state = "broken"
        elif not self._open:
            self.state = "whole"


class JsonAnswer:
    """An answer that is to be one JSON value and nothing else, perhaps inside a code block."""

    def __init__(self) -> None:
        self._before = ""
        self._value: JsonValue | None = None
        self.is_over = False  # it is whole, or it is something else

    @property
    def is_whole(self) -> bool:
        """Whether all of the value has come."""
        return self._value is not None and self._value.state == "whole"

    @property
    def is_fenced(self) -> bool:
        """Whether it stands in a code block, whose end is still to come."""
        return self._before.startswith("`")

    def feed(self, text: str) -> int | None:
        """The place in `text` where the value has ended."""
        if self.is_over:
            return None
        start = 0
        if self._value is None:
            bracket = min((at for at in map(text.find, _CLOSES) if at >= 0), default=len(text))
            self._before = (self._before + text[:bracket]).lstrip()
            if len(self._before) > _LONGEST_FENCE or not _BEFORE.fullmatch(self._before):
                self.is_over = True
                return None
            if bracket == len(text):
                return None
            self._value, start = JsonValue(), bracket
        end = self._value.feed(text, start)
        self.is_over = self._value.state != "open"
        return end
