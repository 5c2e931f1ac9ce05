"""The settings of deferral: requests that may wait are answered by the provider's batch API, at half the price."""

from __future__ import annotations

from pydantic import Field, model_validator

from litellm_plugins.settings.block import Block, twice
from litellm_plugins.settings.share import Share


class Batch(Block):
    """Off unless enabled; then still only for requests whose client allows it."""

    enabled: bool = False
    models: tuple[str, ...] = ()  # model groups whose requests may be put off
    window_s: float = Field(default=60, ge=0, le=86_400)  # the first of a file waits for so long, at most
    max_requests: int = Field(default=100, ge=1, le=50_000)  # of one file: once so many wait, it goes
    max_wait_s: float = Field(default=90_000, ge=60, le=7 * 86_400)  # then a request expires
    poll_every_s: float = Field(default=30, ge=0.1, le=3_600)  # one worker of all
    max_waiting: int = Field(default=10_000, ge=1, le=1_000_000)  # that have no end yet, of all tenants
    max_tenant_share: Share = Field(default=0.5, gt=0)  # of them, that one tenant may have; 1: all
    keep_days: float = Field(default=7, gt=0, le=90)  # how long an answer can be fetched
    price_ratio: Share = 0.5  # of the usual price, where the host's list has none for batches

    @property
    def max_waiting_of_tenant(self) -> int:
        """Requests of one tenant that have no end yet: at least one."""
        return max(1, int(self.max_waiting * self.max_tenant_share))

    @model_validator(mode="after")
    def _of_some_models(self) -> Batch:
        if self.enabled and not self.models:
            raise ValueError("models: name the model groups whose requests may be put off")
        if faults := twice("model", self.models):
            raise ValueError(f"models: {'; '.join(faults)}")
        return self
