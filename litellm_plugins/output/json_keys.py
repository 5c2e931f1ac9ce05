"""Short keys of a JSON text back to their long ones, while it comes. Linear; holds back a key that is not whole yet.

By place, not by name: a key is only mapped where the schema declares it of a closed object. Keys of free-form maps are
data, and stay. What is no JSON, or is cut off, is passed on as far as it goes: half a short key would mean nothing, and
is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.output.schema_walk import expanded, is_closed, of_items, of_key

if TYPE_CHECKING:
    from litellm_plugins.output.schema_keys import Shortened

_OUTSIDE = re.compile(r'["\[\]{},:]')
_IN_STRING = re.compile(r'["\\]')
_BRACKET = re.compile(r"[\[{]")
# What may stand before the value: white space, and the fence of a code block, which models without strict mode write.
_BEFORE = re.compile(r"(?:`{1,3}|```[A-Za-z0-9]*\s*)?")
_LONGEST_FENCE = 24
_LONGEST_KEY, _DEEPEST = 4_096, 512  # characters; brackets in one another


@dataclass(slots=True)
class _Frame:
    """One open bracket: what may stand in it by the schema."""

    is_object: bool
    nodes: tuple[Any, ...]
    at_key: bool = True
    value: tuple[Any, ...] = field(default=())  # what the value of the last key may be


class LongKeys:
    """Over one text."""

    def __init__(self, made: Shortened) -> None:
        self._made = made
        self._frames: list[_Frame] = []
        self._key: str | None = None  # the part of a key that has come
        self._in_string = self._escaped = self._begun = self._is_over = False
        self._before = ""  # the value

    def feed(self, text: str) -> str:
        """As much as is known by now of what the text says with long keys."""
        told: list[str] = []
        at = 0
        while at < len(text):
            if self._is_over:
                told.append(text[at:])
                break
            at = self._string(text, at, told) if self._in_string else self._outside(text, at, told)
        return "".join(told)

    def _string(self, text: str, at: int, told: list[str]) -> int:
        if self._escaped:
            end, self._escaped = at + 1, False
        else:
            found = _IN_STRING.search(text, at)
            end = len(text) if found is None else found.end()
            if found is not None:
                self._escaped, self._in_string = found.group() == "\\", found.group() == "\\"
        if self._key is None:
            told.append(text[at:end])
            return end
        self._key += text[at:end]
        if not self._in_string:
            told.append(self._mapped(self._key))
            self._key = None
        elif len(self._key) > _LONGEST_KEY:
            told.append(self._key)
            self._key, self._is_over = None, True
        return end

    def _outside(self, text: str, at: int, told: list[str]) -> int:
        if not self._begun:
            return self._begin(text, at, told)
        found = _OUTSIDE.search(text, at)
        if found is None:
            told.append(text[at:])
            return len(text)
        told.append(text[at : found.start()])
        sign = found.group()
        if sign == '"' and self._frames and self._frames[-1].is_object and self._frames[-1].at_key:
            self._key, self._in_string = '"', True
            return found.end()
        told.append(sign)
        self._sign(sign)
        return found.end()

    def _begin(self, text: str, at: int, told: list[str]) -> int:
        """Look for the value; what is no object and no list has no keys."""
        bracket = _BRACKET.search(text, at)
        end = len(text) if bracket is None else bracket.start()
        self._before = (self._before + text[at:end]).lstrip()
        self._is_over = len(self._before) > _LONGEST_FENCE or not _BEFORE.fullmatch(self._before)
        self._begun = bracket is not None
        told.append(text[at:end])
        return end

    def _sign(self, sign: str) -> None:
        if sign == '"':
            self._in_string = True
        elif sign in "{[":
            nodes = self._coming()
            self._frames.append(_Frame(sign == "{", nodes))
            self._is_over = len(self._frames) > _DEEPEST
        elif sign in "}]":
            if not self._frames or self._frames.pop().is_object != (sign == "}") or not self._frames:
                self._is_over = True
        elif self._frames and self._frames[-1].is_object:
            self._frames[-1].at_key = sign == ","

    def _coming(self) -> tuple[Any, ...]:
        """What the value that begins here may be."""
        root = self._made.original
        if not self._frames:
            return expanded(root, (root,))
        last = self._frames[-1]
        return last.value if last.is_object else of_items(root, last.nodes)

    def _mapped(self, raw: str) -> str:
        frame = self._frames[-1]
        frame.at_key = False
        try:
            name = str(orjson.loads(raw))
        except ValueError:
            self._is_over = True
            return raw
        long = self._made.long_of.get(name)
        is_ours = long is not None and any(
            is_closed(each) and long in (each.get("properties") or {}) for each in frame.nodes
        )
        if long is not None and is_ours:
            frame.value = of_key(self._made.original, frame.nodes, long)
            return orjson.dumps(long).decode()
        frame.value = of_key(self._made.original, frame.nodes, name)
        return raw


def with_long_keys(made: Shortened, text: str) -> str:
    """The whole text with long keys."""
    return LongKeys(made).feed(text)
