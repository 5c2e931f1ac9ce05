"""What a request asks of the desk, read and checked. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from litellm_plugins.errors import RequestError
from litellm_plugins.review.items import Kind, Source, Verdict

_MOST = 1_000  # items at a time
_FIELDS = frozenset({"item_id", "trace_id", "verdict", "by", "comment", "source"})
_LONGEST = 2_000  # characters of a text

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict, and who gave it: `by` in whose name, `actor` with whose credentials."""

    verdict: Verdict
    by: str
    source: Source
    comment: str
    actor: str
    shown_at_s: float = math.inf  # when they were shown it: they overrule what was said until then


def word_of(given: Mapping[str, Any], *, actor: str, shown_at_s: float | None) -> tuple[str, bool, Given]:
    """An item's id, or what names one otherwise; whether it is the latter; and what is said. Raises: RequestError."""
    if unknown := sorted(set(given) - _FIELDS):
        raise RequestError(f"{unknown[0]}: unknown field; known: {', '.join(sorted(_FIELDS))}", param=unknown[0])
    target = _text(given, "item_id") or _text(given, "trace_id")
    if not target or (given.get("item_id") and given.get("trace_id")):
        raise RequestError("give one of item_id and trace_id", param="item_id")
    verdict = _one_of(given, "verdict", Verdict)
    source = _one_of(given, "source", Source) if given.get("source") is not None else Source.HUMAN
    by, comment = _text(given, "by") or actor, _text(given, "comment")
    shown = math.inf if shown_at_s is None else shown_at_s
    return target, not given.get("item_id"), Given(verdict, by, source, comment, actor, shown)


def limit_of(given: Mapping[str, Any], default: int = 30) -> int:
    """How many items are asked for. Raises: RequestError."""
    try:
        limit = int(given.get("limit") or default)
    except (TypeError, ValueError):
        limit = 0
    if not 1 <= limit <= _MOST:
        raise RequestError(f"limit: expected a whole number from 1 to {_MOST}", param="limit")
    return limit


def kind_of(given: Mapping[str, Any]) -> Kind | None:
    """Of which kind. Raises: RequestError."""
    return _one_of(given, "kind", Kind) if given.get("kind") else None


def _one_of(given: Mapping[str, Any], name: str, kind: type[Word]) -> Word:
    value, words = given.get(name), [str(word) for word in kind]
    if value not in words:
        raise RequestError(f"{name}: expected {', '.join(words)}", param=name)
    return kind(value)


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise RequestError(f"{name}: expected a text of at most {_LONGEST} characters", param=name)
    return value.strip().encode("utf-8", "replace").decode()
