"""The settings of streams that are ended before their model is done: which rules, and for whom."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError, field_validator

from litellm_plugins.settings.block import Block, deep_merge, faults_below, twice

_MOST_PHRASES, _LONGEST_PHRASE = 32, 200


class Repetition(Block):
    """A loop: nearly every one of the last words stands in a phrase that has come several times of late."""

    enabled: bool = True
    ngram_words: int = Field(default=4, ge=2, le=32)  # how long a phrase is
    repeats: int = Field(default=3, ge=2, le=100)  # how often it has come, this time included
    span_words: int = Field(default=40, ge=8, le=1_000)  # of so many words in a row
    share: float = Field(default=0.9, ge=0.5, le=1)  # so many of those belong to such phrases


class GoodEnoughRule(Block):
    """The answer so far is to be trusted, by the checks that cascades use: no model is asked."""

    score: float = Field(gt=0, le=1)  # one less the fitted checker's doubt; 0 where another check finds a fault
    min_sentences: int = Field(default=2, ge=1, le=1_000)


class StopRules(Block):
    """What ends a stream. Each rule is on where its setting is given; a loop and a whole JSON value by default."""

    enabled: bool = False
    repetition: Repetition = Repetition()
    completed_json: bool = True  # where the request asks for JSON: as soon as the value is whole
    max_sentences: int | None = Field(default=None, ge=1, le=100_000)
    max_tokens: int | None = Field(default=None, ge=1, le=10_000_000)  # of the answer, reasoning included
    max_usd: float | None = Field(default=None, gt=0, le=1_000_000)  # for the whole request, its prompt included
    stop_phrases: tuple[str, ...] = Field(default=(), max_length=_MOST_PHRASES)
    good_enough: GoodEnoughRule | None = None
    stall_s: float | None = Field(default=None, ge=0.1, le=3_600)  # without a token
    # A code block, a JSON value and a tool call are waited for, at most for so many tokens:
    wait_tokens: int = Field(default=512, ge=0, le=1_000_000)

    @field_validator("stop_phrases")
    @classmethod
    def _usable(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        if any(not 1 <= len(phrase) <= _LONGEST_PHRASE or not phrase.strip() for phrase in phrases):
            raise ValueError(f"a stop phrase has 1 to {_LONGEST_PHRASE} characters, and not only white space")
        if faults := twice("stop phrase", phrases):
            raise ValueError("; ".join(faults))
        return phrases


class EarlyStop(StopRules):
    """The block `early_stop`: what holds for all, and what differs for some features."""

    features: dict[str, dict[str, Any]] = Field(default_factory=dict)  # by feature: the settings that are named change

    @field_validator("features")
    @classmethod
    def _sound(cls, features: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        wrong = {}
        for name, over in features.items():
            try:
                StopRules.model_validate(over)
            except ValidationError as exc:
                wrong[name] = exc
        if wrong:
            raise faults_below(wrong, StopRules)
        return features

    def rules_for(self, feature: str) -> StopRules:
        """What holds for requests of `feature`."""
        base = self.model_dump(exclude_unset=True, exclude={"features"})
        return StopRules.model_validate(deep_merge(base, self.features.get(feature, {})))
