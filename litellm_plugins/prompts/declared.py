"""A declared prompt: its sections in the order in which they are sent, and a version that names every word of it.

What all requests have in common comes first, so that it stays the beginning of every prompt, which is what a provider
caches. Sections without conditions stand first. Then those whose conditions change least from one request to the next,
by the condition that changes most: model and tier (a provider keeps a cache for each model anyway), team, feature,
tools, and intent, which may be another one with every turn. Of equals the one with fewer conditions comes first, then
the one that is declared first. The order is the same for every request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from litellm_plugins.settings.prompts import DynamicPrompt, Place, When

_CHANGES = ("model", "tier", "team", "feature", "tools", "intent")  # the slowest first


@dataclass(frozen=True, slots=True)
class Section:
    """Some words of a prompt, and when they are sent; None: always."""

    name: str
    text: str
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One system prompt, ready to be sent."""

    name: str
    place: Place
    sections: tuple[Section, ...]
    version: str

    def reads(self, *conditions: str) -> bool:
        """Whether any of its sections depends on one of these."""
        return any(each.when is not None and set(each.when.reads) & set(conditions) for each in self.sections)


def declared(name: str, setting: DynamicPrompt, texts: Iterable[str]) -> Prompt:
    """The prompt called `name`, with the words of each of its sections in the order of the settings."""
    sections = [Section(each.name, text, each.when) for each, text in zip(setting.sections, texts, strict=True)]
    ordered = tuple(sorted(sections, key=_rank))  # a stable sort: of equals the one that is declared first
    return Prompt(name, setting.place, ordered, digest(name, setting.place, ordered))


def digest(name: str, place: str, sections: Iterable[Section]) -> str:
    """A short name for these sections: of other words, conditions or order it is another."""
    told = [[each.name, each.text, None if each.when is None else each.when.model_dump()] for each in sections]
    return hashlib.sha256(orjson.dumps([name, place, told])).hexdigest()[:16]


def _rank(section: Section) -> tuple[int, int]:
    if section.when is None:
        return (-1, 0)
    reads = section.when.reads
    return (max(map(_CHANGES.index, reads)), len(reads))
