"""What a PromQL expression asks for. It is no parser: promtool says whether an expression is one."""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SERIES = re.compile(r"\b(?:litellm_[a-z0-9_]+(?::[a-z0-9_:]+)?|up|ALERTS)\b")
_SELECTED = re.compile(r"\b(litellm_[a-z0-9_:]+|up|ALERTS)\s*\{([^}]*)\}")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def series_of(expression: str) -> set[str]:
    """Names of series in it."""
    without_labels = re.sub(r"\{[^}]*\}", " ", _LABELS.sub(" ", _STRING.sub('""', expression)))
    return set(_SERIES.findall(without_labels))


def selected_labels(expression: str) -> list[tuple[str, set[str]]]:
    """For each selector the series and the labels that it filters by."""
    plain = _STRING.sub('""', expression)
    return [(series, set(_MATCHER.findall(inside))) for series, inside in _SELECTED.findall(plain)]


def grouped_labels(expression: str) -> set[str]:
    """The labels that it groups or joins by."""
    plain = _STRING.sub('""', expression)
    return {label.strip() for each in _LABELS.findall(plain) for label in each.split(",") if label.strip()}
