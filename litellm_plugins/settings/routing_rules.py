"""Rules of a router: what a prompt says or asks for, and the tier or model that it then gets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from litellm_plugins.settings.block import Block
from litellm_plugins.settings.patterns import compiled

Intent = Literal["code", "creative", "factual", "maths", "extraction"]
Language = Literal["en", "es", "fr", "de", "pt", "it", "ja", "zh", "ko", "th", "ar", "he", "el", "ru", "hi"]
MOST_RULES, _MOST_WORDS, _MOST_EXAMPLES = 50, 200, 50


def _listed(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the YAML
    return (value,) if isinstance(value, str) else value


Keyword = Annotated[str, Field(min_length=1, max_length=100)]
Example = Annotated[str, Field(min_length=3, max_length=500)]


class Match(Block):
    """What has to hold of the last thing the user said: everything that is given; in a list, one of it."""

    keywords: Annotated[tuple[Keyword, ...], BeforeValidator(_listed)] = Field(default=(), max_length=_MOST_WORDS)
    regex: str | None = None
    intent: Annotated[tuple[Intent, ...], BeforeValidator(_listed)] = ()
    language: Annotated[tuple[Language, ...], BeforeValidator(_listed)] = ()
    like: Annotated[tuple[Example, ...], BeforeValidator(_listed)] = Field(default=(), max_length=_MOST_EXAMPLES)
    similarity: float = Field(default=0.6, gt=0, le=1)  # cosine to the nearest example

    @field_validator("keywords", "like")
    @classmethod
    def _say_something(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.search(r"\w", text) for text in texts):
            raise ValueError("each has to hold a letter or a digit")
        return texts

    @field_validator("regex")
    @classmethod
    def _bounded(cls, regex: str | None) -> str | None:
        if regex is not None:
            compiled(regex)
        return regex

    @model_validator(mode="after")
    def _of_something(self) -> Match:
        if not (self.keywords or self.regex or self.intent or self.language or self.like):
            raise ValueError("is empty, and would match every prompt: keywords, regex, intent, language or like")
        if "similarity" in self.model_fields_set and not self.like:
            raise ValueError("similarity is that to the examples of like, and there are none")
        return self


class Then(Block):
    """Where a request goes that matches: one of the four."""

    tier: str | None = None
    model: str | None = None  # one of a tier's models
    at_least: str | None = None  # a tier: the score may ask for a dearer one
    at_most: str | None = None  # a tier: the score may ask for a cheaper one

    @model_validator(mode="after")
    def _one(self) -> Then:
        if len([value for _, value in self if value is not None]) != 1:
            raise ValueError("expected one of tier, model, at_least, at_most")
        return self


class Rule(Block):
    """One rule. The first of those before the score, and the first of those after it, that matches is taken."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$")
    when: Literal["before", "after"] = "before"
    match: Match
    then: Then

    @model_validator(mode="after")
    def _limits_come_after(self) -> Rule:
        if self.when == "before" and (self.then.at_least or self.then.at_most):
            raise ValueError("at_least and at_most limit what the score says: set `when: after`")
        return self


def faults(rules: Sequence[Rule], tiers: Sequence[str], models: Sequence[str]) -> Iterator[str]:
    """What in them names no tier or model of their router, or is there twice."""
    names: set[str] = set()
    for rule in rules:
        where = f"rules.{rule.name}"
        if rule.name in names:
            yield f"{where}: there are two of that name"
        names.add(rule.name)
        for what, tier in (("tier", rule.then.tier), ("at_least", rule.then.at_least), ("at_most", rule.then.at_most)):
            if tier is not None and tier not in tiers:
                yield f"{where}.then.{what}: no tier is called {tier!r}; there are: {', '.join(tiers)}"
        if rule.then.model is not None and rule.then.model not in models:
            yield (
                f"{where}.then.model: {rule.then.model!r} is in no tier of this router; as a tier's second model it is"
                " taken by such rules, and where the first cannot take the request"
            )
