"""The settings of the provider's prompt cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from litellm_plugins.settings.block import Block

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE_FOR_ALL = ("max_families", "max_prefixes")  # of a worker's memory


class PromptCaching(Block):
    """Marks for prefixes that come again, where the provider wants them (Anthropic's models)."""

    enabled: bool = False
    ttl: Literal["auto", "5m", "1h"] = "auto"  # auto: whichever costs less for the gaps that were seen
    ahead: bool = False  # the newest turn as well, where conversations of its family go on often enough to pay
    max_families: int = Field(default=1_000, ge=1, le=100_000)
    max_prefixes: int = Field(default=20_000, ge=100, le=1_000_000)


def prompt_caching_with(base: PromptCaching, over: Mapping[str, Any]) -> PromptCaching:
    """The block with what `over` names replaced. Raises: ValidationError."""
    return PromptCaching.model_validate(base.model_dump(exclude_unset=True) | dict(over))
