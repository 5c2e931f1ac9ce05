"""The settings of identical requests that are in flight at the same time, or come shortly after one another."""

from pydantic import Field

from litellm_plugins.settings.block import Block


class Coalesce(Block):
    """One call for all of them. Without a window only where the exact cache is on: they are served its entry."""

    enabled: bool = False
    timeout_s: float = Field(default=60, gt=0, le=3_600)  # that a request waits for another's answer; then it asks
    window_s: float = Field(default=0, ge=0, le=60)  # for which an answer serves whoever asks the very same
    lease_s: float = Field(default=5, ge=0.5, le=300)  # after which the next one leads for a worker that was killed
