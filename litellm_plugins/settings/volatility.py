"""The block `cache.volatility`: how long the answers of each class live, and for whom."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from litellm_plugins.model import Volatility as Kind
from litellm_plugins.settings.block import Block
from litellm_plugins.settings.patterns import MOST_PATTERNS, compiled


class VolatilityClass(Block):
    """What holds for the prompts of one class. None: what the class has by default, see docs/volatility.md."""

    cache: bool = True
    ttl_s: float | None = Field(default=None, gt=0)
    max_ttl_s: float | None = Field(default=None, gt=0)  # within the cache's own
    jitter: float = Field(default=0.1, ge=0, le=0.5)  # up to this share of a lifetime is taken off, by key
    sliding: bool = False  # a hit begins the lifetime again, up to max_ttl_s after the answer was given
    patterns: tuple[str, ...] = Field(default=(), max_length=MOST_PATTERNS)

    @field_validator("patterns")
    @classmethod
    def _usable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            compiled(pattern)
        return patterns


class Realtime(VolatilityClass):
    """Prompts whose answer changes by the minute, the hour or the day."""

    cache: bool = False
    # But for requests that offer tools or hold what a tool gave: live data come to them through those, and what the
    # model makes of the same data, or calls for the same question, holds for the lifetime of the class.
    with_tools: bool = True


class UserSpecific(VolatilityClass):
    """Prompts about a user's own data: shared with nobody."""

    # Requests that name no end user: not cached, or shared within the key by those who give each user a key.
    without_end_user: Literal["skip", "key"] = "skip"


class Feature(Block):
    """What differs for the requests that name this feature. `volatility` settles their class, whatever they say."""

    volatility: Kind | None = None
    cache: bool | None = None
    ttl_s: float | None = Field(default=None, gt=0)
    max_ttl_s: float | None = Field(default=None, gt=0)
    jitter: float | None = Field(default=None, ge=0, le=0.5)
    sliding: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _class_alone(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the YAML
        return {"volatility": value} if isinstance(value, str) else value


class Volatility(Block):
    """A class for each prompt, by rules, by `patterns` and by feature."""

    enabled: bool = True
    default: Kind = Kind.FAQ  # of a prompt that no rule knows
    realtime: Realtime = Realtime()
    user_specific: UserSpecific = UserSpecific()
    faq: VolatilityClass = VolatilityClass()
    static: VolatilityClass = VolatilityClass()
    archival: VolatilityClass = VolatilityClass()
    features: dict[str, Feature] = Field(default_factory=dict)

    def of(self, kind: Kind) -> VolatilityClass:
        """The settings of one class."""
        found: VolatilityClass = getattr(self, kind.value)
        return found
