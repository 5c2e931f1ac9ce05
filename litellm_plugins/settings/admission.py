"""What a request must be like to be let in, how long it may take, and how urgent it may call itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from litellm_plugins.settings.block import Block

Urgency = Literal["high", "normal", "low"]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]
_Turn = Annotated[int, Field(ge=1, le=255)]  # never 0, which the host takes for no priority at all


class Priorities(Block):
    """Each word's place in the host's scheduler: the smaller number comes first."""

    high: _Turn = 1
    normal: _Turn = 10
    low: _Turn = 50
    default: Urgency | None = None  # of who does not say; None: not put in order
    highest: Urgency = "high"  # who asks for more gets this

    @model_validator(mode="after")
    def _in_order(self) -> Priorities:
        if not self.high < self.normal < self.low:
            raise ValueError("the smaller number comes first: high must be below normal, and normal below low")
        return self


class Admission(Block):
    """Checked before anything is looked up, reserved or sent. A limit that is not given is none."""

    enabled: bool = False
    max_prompt_tokens: int | None = Field(default=None, ge=1)  # of all its texts and tools, by OpenAI's tokenizer
    max_body_kb: int | None = Field(default=None, ge=1)
    max_messages: int | None = Field(default=None, ge=1)
    max_images: int | None = Field(default=None, ge=0)
    max_image_kb: int | None = Field(default=None, ge=1)  # of one that is sent along, decoded
    max_tools: int | None = Field(default=None, ge=0)
    allow_empty: bool = False  # conversations, and last user messages, that say nothing
    timeouts: dict[str, _Seconds] = Field(default_factory=dict)  # by model group
    priorities: Priorities | None = None  # None: requests are not put in order
