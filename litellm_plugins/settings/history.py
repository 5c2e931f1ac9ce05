"""When old turns of a conversation go, and what stands in their place."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from litellm_plugins.settings.block import Block
from litellm_plugins.settings.share import Share


class History(Block):
    """The block `compression.history`, off while it has no `max_tokens`."""

    max_tokens: int | None = Field(default=None, ge=200, le=10_000_000)  # of all turns together; instructions apart
    target: Share = 0.6  # of them: what is left after a cut, so that the next one is many turns away
    keep_turns: int = Field(default=4, ge=1, le=1_000)  # the last ones, which never go
    how: Literal["trim", "summarise"] = "trim"
    model: str | None = Field(default=None, min_length=1)  # a model group of model_list, that writes summaries
    summary_tokens: int = Field(default=400, ge=50, le=8_000)  # of a summary, at most
    share: bool = False  # keep summaries in the store, for all workers and restarts
    on_failure: Literal["original", "trim"] = "original"  # where there is no summary
    deadline_ms: float = Field(default=5_000, gt=0, le=60_000)  # for one request

    @model_validator(mode="after")
    def _sound(self) -> History:
        if self.how == "summarise" and self.model is None:
            raise ValueError("model: `how: summarise` needs one, a cheap model group of model_list")
        if not 0.1 <= self.target <= 0.95:
            raise ValueError("target: expected a share from 10% to 95%")
        if self.how == "summarise" and self.max_tokens is not None and self.summary_tokens > self.max_tokens / 4:
            raise ValueError(
                f"summary_tokens: {self.summary_tokens} is more than a quarter of max_tokens, {self.max_tokens // 4}"
            )
        return self
