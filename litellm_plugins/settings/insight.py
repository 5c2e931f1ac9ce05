"""The settings of the cost monitor: what is kept of the calls, for how long, and what about them is strange."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from litellm_plugins.settings.block import Block
from litellm_plugins.settings.share import Share

_NANO = 1_000_000_000
_TRACE = "{trace_id}"
_TRACE_URL = (
    "expected an http:// or https:// URL with {trace_id}, such as https://langfuse.example.com/trace/{trace_id}"
)
Usd = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9)]


class Anomalies(Block):
    """Each is off where its mark is null. What is usual, the hours of the days before say."""

    enabled: bool = True
    look_every_s: float = Field(default=60, ge=1, le=3_600)  # one worker of all
    history_days: int = Field(default=15, ge=4, le=60)  # what is usual
    min_requests: int = Field(default=100, ge=10, le=1_000_000)  # in the hours that are compared: fewer say nothing
    cost_per_request: Share | None = 0.2  # above the usual
    prompt_tokens: Share | None = 0.25  # per request of a feature, over a day, above the usual
    hit_rate: Share | None = 0.25  # of the usual: how much of it is lost
    user_day_usd: Usd | None = None  # of one user, in a UTC day
    dear_request_usd: Usd | None = Decimal(1)  # one request, where it is far from usual as well
    retries: int | None = Field(default=50, ge=5, le=1_000_000)  # failures of one caller in an hour

    @property
    def user_day_nano_usd(self) -> int | None:
        """Of `user_day_usd`."""
        return None if self.user_day_usd is None else int(self.user_day_usd * _NANO)

    @property
    def dear_request_nano_usd(self) -> int | None:
        """Of `dear_request_usd`."""
        return None if self.dear_request_usd is None else int(self.dear_request_usd * _NANO)


class Insight(Block):
    """On, since what was not counted cannot be had later."""

    enabled: bool = True
    keep_days: int = Field(default=35, ge=1, le=800)
    top: int = Field(default=200, ge=10, le=10_000)  # words of each dimension in an hour, per worker; the rest: ~other
    rows_per_hour: int = Field(default=2_000, ge=100, le=100_000)  # per worker
    end_users: bool = False  # whether the ids that clients give are kept
    flush_s: float = Field(default=5, ge=0.1, le=300)
    trace_url: str | None = None
    anomalies: Anomalies = Anomalies()

    @field_validator("trace_url")
    @classmethod
    def _with_its_place(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and _TRACE in value
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(_TRACE_URL)
        return value
