"""The settings of the provider's prompt cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from litellm_plugins.settings.block import Block


class PromptCaching(Block):
    """Marks for prefixes that come again, where the provider wants them (Anthropic's models)."""

    one_for_all: ClassVar[Mapping[str, str]] = {"max_families": "memory", "max_prefixes": "memory"}  # of a worker

    enabled: bool = False
    ttl: Literal["auto", "5m", "1h"] = "auto"  # auto: whichever costs less for the gaps that were seen
    ahead: bool = False  # the newest turn as well, where conversations of its family go on often enough to pay
    move_volatile: bool = False  # dates and ids that were seen to change go to the end of the system prompt
    max_families: int = Field(default=1_000, ge=1, le=100_000)
    max_prefixes: int = Field(default=20_000, ge=100, le=1_000_000)
