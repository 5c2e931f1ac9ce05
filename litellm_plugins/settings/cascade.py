"""Try, then escalate: a tier's answer is checked, and a dearer tier is asked where it is not good enough."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from litellm_plugins.settings.block import Block, twice
from litellm_plugins.settings.share import Share

CheckName = Literal["empty", "refusal", "hedging", "cut_short", "json_schema", "arithmetic", "python_syntax", "doubt"]
_USUAL: tuple[CheckName, ...] = (
    "empty", "refusal", "hedging", "cut_short", "json_schema", "arithmetic", "python_syntax",
)  # fmt: skip
_ON_A_PART = frozenset({"refusal", "hedging"})


class FirstPart(Block):
    """Of a stream only so much is held back; what comes later is not judged."""

    first_tokens: int = Field(ge=1, le=4_000)


class Cascade(Block):
    """The block `routing.routers.NAME.cascade`. Without it nothing is checked."""

    enabled: bool = True
    checks: tuple[CheckName, ...] = Field(default=_USUAL, min_length=1)
    hold: Literal["answer"] | FirstPart = "answer"  # of a stream, until it is judged
    hold_s: float = Field(default=60.0, gt=0, le=3_600)  # at most; then it is told as it comes, unjudged
    max_escalations: int = Field(default=1, ge=1, le=5)
    doubt_from: Share = 0.5  # with the check `doubt`: from here on it is asked again

    @model_validator(mode="after")
    def _sound(self) -> Cascade:
        if faults := twice("check", self.checks):
            raise ValueError("; ".join(faults))
        if self.hold != "answer" and not _ON_A_PART & set(self.checks):
            raise ValueError("hold: only refusal and hedging can be seen in a first part; take one, or hold: answer")
        return self
