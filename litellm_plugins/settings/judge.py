"""The settings of the judge: a model that says whether two answers serve the same asker."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from litellm_plugins.settings.block import Block

_NANO = 1_000_000_000


class Judge(Block):
    """Asked where the comparison of a fresh answer with a cached one would have to go by likeness."""

    model: str = Field(min_length=1)  # a model group of model_list
    budget_usd_per_day: Decimal = Field(default=Decimal(1), gt=0, le=1_000_000)  # UTC days, all workers together
    timeout_s: float = Field(default=10, gt=0, le=60)  # then the comparison by embedding decides

    @property
    def budget_nano_usd(self) -> int:
        """Of a day."""
        return int(self.budget_usd_per_day * _NANO)
