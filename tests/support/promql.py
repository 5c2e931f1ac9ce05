"""What a PromQL expression asks for. It is no parser: promtool says whether an expression is one."""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SERIES = re.compile(r"\b(?:litellm_[a-z_]+(?::[a-z0-9_:]+)?|up|ALERTS)\b")
_SELECTED = re.compile(r"\b(litellm_[a-z0-9_:]+|up|ALERTS)\s*\{([^}]*)\}")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def series_of(expression: str) -> set[str]:
    """Names of series in it."""
    return set(_SERIES.findall(_STRING.sub('""', expression)))


def selected_labels(expression: str) -> list[tuple[str, set[str]]]:
    """For each selector the series and the labels that it filters by."""
    plain = _STRING.sub('""', expression)
    return [(series, set(_MATCHER.findall(inside))) for series, inside in _SELECTED.findall(plain)]


def grouped_labels(expression: str) -> set[str]:
    """The labels that it groups or joins by."""
    plain = _STRING.sub('""', expression)
    lists = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", plain)
    return {label.strip() for each in lists for label in each.split(",") if label.strip()}
