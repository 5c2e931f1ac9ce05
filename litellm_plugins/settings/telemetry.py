"""The block `telemetry`: where events are told, and how much of a user may be in them."""

from __future__ import annotations

from pydantic import Field

from litellm_plugins.settings.block import Block


class Telemetry(Block):
    """Where decisions are told."""

    headers: bool = True
    log: bool = True
    prometheus: bool = True
    langfuse: bool = True  # tags and metadata on the host's own Langfuse traces; they need its callback
    prompts: bool = True  # whether a trace may quote the cached question that was matched: a user's text
    users: bool = False  # whether log lines may name users and end users
    budget_accounts: int = Field(default=20, ge=0, le=500)  # of each budget that get gauges of their own: the fullest
    budget_end_users: bool = False  # whether a gauge may name an end user
    teams: tuple[str, ...] = ()  # that always have series of their own, by alias or else id
    team_labels: int = Field(default=50, ge=0, le=1_000)  # how many more have: the first to come; the rest is `other`
    measure_every_s: float = Field(default=15, ge=1, le=3_600)  # what is read in the background: memory, queues
