"""The settings of the page at `/plugins/ui`."""

from __future__ import annotations

from pydantic import Field

from litellm_plugins.settings.block import Block


class Ui(Block):
    """Off by default: it is one more door. What it shows is what `insight` counts."""

    enabled: bool = False
    session_minutes: int = Field(default=60, ge=5, le=720)  # then one signs in again, whatever one did meanwhile
    token_days: int = Field(default=90, ge=1, le=366)  # the longest that a team's token may be good for
