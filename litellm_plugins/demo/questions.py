"""The questions that the demo asks; see README.md beside this file for where they are from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).parent / "questions.jsonl"


@dataclass(frozen=True, slots=True)
class Question:
    """A customer's words and what they are about: one intent is one support answer."""

    text: str
    intent: str


def load(path: Path = _FILE) -> tuple[Question, ...]:
    """The committed questions, in the order of the file."""
    with path.open(encoding="utf-8") as lines:
        return tuple(Question(**json.loads(line)) for line in lines)
