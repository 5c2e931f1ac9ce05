"""Models on trial in a tier, and how long a conversation stays with its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from litellm_plugins.settings.block import Block, twice
from litellm_plugins.settings.share import Share

CONTROL = "control"  # the arm of whoever is in no other: the tier's own models
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]


class Arm(Block):
    """A model that a share of a tier's callers gets in place of the tier's own."""

    name: Word
    model: str = Field(min_length=1)
    share: Share


class Experiment(Block):
    """What the arms leave over is the arm `control`."""

    name: Word
    tier: str
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=8)
    sticky: Literal["key", "user", "end_user"] = "key"  # whose arm it is; a request without one is in none
    enabled: bool = True  # the kill switch

    @model_validator(mode="after")
    def _sound(self) -> Experiment:
        faults = twice("arm", [arm.name for arm in self.arms])
        if any(arm.name == CONTROL for arm in self.arms):
            faults.append(f"{CONTROL!r} is the arm of all others; it needs no model")
        if sum(arm.share for arm in self.arms) > 1 + 1e-9:
            faults.append("the shares of the arms are together more than 100%")
        if faults:
            raise ValueError("; ".join(faults))
        return self


class Session(Block):
    """Whether a conversation stays with its model while leaving would cost more than it is worth."""

    keep: bool = True
    margin: Share = 0.1  # of the score, past a threshold, from which on it always goes to the stronger tier
    ttl_s: float = Field(default=300.0, gt=0, le=86_400)  # for how long a provider keeps what it has read


def faults_of(experiments: Sequence[Experiment], tiers: Sequence[str]) -> Iterator[str]:
    """What is wrong with a router's experiments beside each other."""
    yield from twice("experiment", [each.name for each in experiments])
    for each in experiments:
        if each.tier not in tiers:
            yield f"experiment {each.name}: no tier is called {each.tier!r}; there are: {', '.join(tiers)}"
    running = Counter(each.tier for each in experiments if each.enabled)
    yield from (
        f"tier {tier} has {count} experiments that are enabled; one is the most"
        for tier, count in running.items()
        if count > 1
    )
