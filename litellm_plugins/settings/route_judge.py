"""The settings of the judge that names a prompt's tier."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from litellm_plugins.settings.block import Block

_NANO = 1_000_000_000


class RouteJudge(Block):
    """A cheap model that is asked which tier a prompt needs. The request pays for it."""

    model: str = Field(min_length=1)  # a model group of model_list
    timeout_s: float = Field(default=1.5, gt=0, le=30)  # then the heuristic decides
    instructions: str = Field(default="", max_length=4_000)  # added to what it is told
    remember: int = Field(default=10_000, ge=0, le=1_000_000)  # verdicts that a worker keeps
    remember_s: float = Field(default=86_400, gt=0)
    budget_usd_per_day: Decimal | None = Field(default=None, gt=0, le=1_000_000)  # UTC, all workers; then the heuristic
    at_once: int = Field(default=16, ge=1, le=1_000)  # calls of a worker; beyond them the heuristic decides

    @property
    def budget_nano_usd(self) -> int | None:
        """Of a day; None: those of the requests are the only bounds."""
        return None if self.budget_usd_per_day is None else int(self.budget_usd_per_day * _NANO)
