"""Rules that an administrator wrote: by words, pattern, intent, language or likeness, to a tier or model. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.intents import Intent, intent_of
from litellm_plugins.routing.languages import language_of
from litellm_plugins.routing.scorers.heuristic import subject_of
from litellm_plugins.settings.patterns import compiled

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.settings.routing_rules import Rule as RuleSettings

_HEAD, _TAIL = 3_000, 1_000  # characters that are read of a prompt: rules take no longer for a longer one
_ACCENT = re.compile("[\u0300-\u0302\u0308\u0303]")
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")  # no spaces between words


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a rule makes of a request; one of the four."""

    rule: str
    tier: str | None = None
    model: str | None = None
    at_least: str | None = None
    at_most: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, ready to be asked."""

    bounds: Bounds
    is_before: bool
    keywords: re.Pattern[str] | None = None
    regex: re.Pattern[str] | None = None
    intents: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    similarity: float = 0.6

    def fits(self, read: Prompt) -> bool:
        """Whether all of it holds but for the likeness to its examples."""
        return (
            (self.keywords is None or self.keywords.search(read.plain) is not None)
            and (self.regex is None or self.regex.search(read.plain) is not None)
            and (not self.intents or read.intent in self.intents)
            and (not self.languages or read.language in self.languages)
        )

    def is_near(self, vector: Vector, examples: Iterable[Vector]) -> bool:
        """Whether the question lies as near to one of the examples as the rule asks for; all are unit vectors."""
        return any(float(vector @ example) >= self.similarity for example in examples)


@dataclass(frozen=True)
class Prompt:
    """What rules look at; read as far as they ask."""

    whole: str

    @cached_property
    def text(self) -> str:
        """Of a long one, its beginning and end."""
        if len(self.whole) <= _HEAD + _TAIL:
            return self.whole
        return f"{self.whole[:_HEAD]}\n{self.whole[-_TAIL:]}"

    @cached_property
    def plain(self) -> str:
        """Without accents, which people leave out."""
        return _plain(self.text)

    @cached_property
    def intent(self) -> Intent | None:
        """What it asks for."""
        return intent_of(self.text)

    @cached_property
    def language(self) -> str:
        """Its code, or ""."""
        return language_of(self.text)


def rules_of(settings: Sequence[RuleSettings]) -> tuple[Rule, ...]:
    """As the settings say them, in their order."""
    return tuple(
        Rule(
            bounds=Bounds(one.name, one.then.tier, one.then.model, one.then.at_least, one.then.at_most),
            is_before=one.when == "before",
            keywords=_any_of(one.match.keywords),
            regex=None if one.match.regex is None else compiled(one.match.regex),
            intents=one.match.intent,
            languages=one.match.language,
            like=one.match.like,
            similarity=one.match.similarity,
        )
        for one in settings
    )


def read(conversation: Conversation) -> Prompt:
    """What rules see: the last user turn, or the one that a short one leans on."""
    return Prompt(subject_of(conversation))


def possible(rules: Iterable[Rule], prompt: Prompt, *, before: bool) -> list[Rule]:
    """Those that fit, in their order, up to the first that no likeness could rule out."""
    found = []
    for rule in rules:
        if rule.is_before is before and rule.fits(prompt):
            found.append(rule)
            if not rule.like:
                break
    return found


def _any_of(keywords: Sequence[str]) -> re.Pattern[str] | None:
    """Any of them as a word of its own: one pass over the text, whatever they are."""
    if not keywords:
        return None
    spaced, dense = list[str](), list[str]()
    for keyword in keywords:
        words = _plain(keyword).split()
        after = "" if _DENSE.match(words[-1][-1]) else r"(?!\w)"
        (dense if _DENSE.match(words[0][0]) else spaced).append(r"\s{1,9}".join(map(re.escape, words)) + after)
    # Where no word begins, none of them is tried: with 200 of them that is most of the time.
    groups = ([rf"(?<!\w)(?:{'|'.join(spaced)})"] if spaced else []) + dense
    return re.compile("|".join(groups), re.IGNORECASE)


def _plain(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", text)))
