"""The settings of the judge that names a prompt's tier."""

from __future__ import annotations

from pydantic import Field

from litellm_plugins.settings.block import Block


class RouteJudge(Block):
    """A cheap model that is asked which tier a prompt needs. The request pays for it."""

    model: str = Field(min_length=1)  # a model group of model_list
    timeout_s: float = Field(default=1.5, gt=0, le=30)  # then the heuristic decides
    instructions: str = Field(default="", max_length=4_000)  # added to what it is told
    remember: int = Field(default=10_000, ge=0, le=1_000_000)  # verdicts that a worker keeps
    remember_s: float = Field(default=86_400, gt=0)
    at_once: int = Field(default=16, ge=1, le=1_000)  # calls of a worker; beyond them the heuristic decides
