"""The settings of feedback: whether end users may be heard, and for how long an answer can be spoken of."""

from __future__ import annotations

from pydantic import Field

from litellm_plugins.settings.block import Block


class Feedback(Block):
    """`POST /plugins/feedback`. To know whose an answer is, each is remembered for a while: about 200 bytes."""

    enabled: bool = True
    keep_days: float = Field(default=14, gt=0, le=365)  # for so long after an answer something may be said of it
    max_served: int = Field(default=100_000, ge=1, le=10_000_000)  # answers remembered; the oldest go first
    max_per_minute: int = Field(
        default=600, ge=1, le=1_000_000
    )  # of what one key says, in each worker; admins have no bound
