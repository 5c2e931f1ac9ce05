"""What models made of a prompt: the rows by which routers are measured and fitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_FIRST_OPTION = re.compile(r"\n\s*\(?[Aa1][.):]\s")
_NOT_WORDS = re.compile(r"[\W_]+")
_SHORTEST_STEM = 40  # below it a stem says too little to take two questions for one


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One prompt, and how well each model did on it."""

    id: str
    prompt: str | None
    """None where the source has none."""
    outcomes: Mapping[str, float]
    """By model, usually in [0, 1]; a model that was not tried is absent."""
    cost: Mapping[str, float]
    """By model, US dollars of that one answer."""
    task: str
    answers: Mapping[str, str] = field(default_factory=dict)
    """By model, the text that it answered."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A prompt that both models were tried on."""

    prompt: str
    weak: float
    strong: float
    task: str


def parse(row: Mapping[str, Any]) -> OutcomeRow:
    """A row of an outcomes file. Raises: KeyError, TypeError."""
    prompt = row["prompt"]
    if prompt is not None and not isinstance(prompt, str):
        raise TypeError("prompt must be a text or null")
    return OutcomeRow(
        id=str(row.get("id", "")),
        prompt=prompt if prompt and prompt.strip() else None,
        outcomes=_numbers(row["outcomes"], "outcomes"),
        cost=_numbers(row.get("cost") or {}, "cost"),
        task=str(row.get("task") or row.get("domain") or ""),
        answers=_texts(row.get("answers") or {}),
    )


def _numbers(value: object, name: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be an object of numbers by model")
    found = {}
    for model, number in value.items():
        if number is None:
            continue
        if isinstance(number, bool | int | float):
            found[str(model)] = float(number)
        else:
            raise TypeError(f"{name}: {model} must be a number")
    return found


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(text, str | None) for text in value.values()):
        raise TypeError("answers must be an object of texts by model")
    return {str(model): text for model, text in value.items() if text is not None}


def marks(prompt: str) -> frozenset[str]:
    """What a prompt is known by: its words, and those before its first option. Two that share one are the same."""
    whole = _NOT_WORDS.sub(" ", prompt.casefold()).strip()
    option = _FIRST_OPTION.search(prompt)
    if option is None:
        return frozenset({whole})
    stem = _NOT_WORDS.sub(" ", prompt[: option.start()].casefold()).strip()
    return frozenset({whole, stem}) if len(stem) >= _SHORTEST_STEM else frozenset({whole})
