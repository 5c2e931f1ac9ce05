"""The settings of alerts: at which marks, to whom, and what else is worth one."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from litellm_plugins.settings.block import Block
from litellm_plugins.settings.share import Share

_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_MARKS = "expected shares above 0 and up to 1 that rise: [0.5, 0.8, 1.0]"


class Webhook(Block):
    """One receiver. Its URL is a secret: whoever has it can write there."""

    url_env: str  # the NAME of the environment variable that holds the URL
    format: Literal["slack", "generic"] = "generic"
    secret_env: str | None = None  # the NAME of the one with the secret that the body is signed with

    @field_validator("url_env", "secret_env")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and not _ENV_NAME.fullmatch(value):
            raise ValueError("expected the NAME of an environment variable, such as SLACK_WEBHOOK_URL, not its value")
        return value


class Alerts(Block):
    """Once per mark, account and window, over all workers and restarts."""

    marks: tuple[Share, ...] | None = None  # of a window's limit; None: each budget's soft marks, and 1.0
    webhooks: tuple[Webhook, ...] = ()
    forecast: bool = True  # also when a calendar window's limit will be reached before it ends
    drift: Share | None = None  # with a database: the share by which ledger and host may differ; None: not compared
    every_s: float = Field(default=15, ge=0.1, le=3_600)  # how often the ledger is looked at, for the gauges as well

    @field_validator("marks")
    @classmethod
    def _rising(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and (list(value) != sorted(set(value)) or any(not 0 < mark <= 1 for mark in value)):
            raise ValueError(_MARKS)
        return value

    @model_validator(mode="after")
    def _told_once(self) -> Alerts:
        names = [webhook.url_env for webhook in self.webhooks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"webhooks: url_env given twice: {', '.join(twice)}")
        return self

    def marks_of(self, soft: tuple[float, ...]) -> tuple[float, ...]:
        """Those of a budget with these soft marks."""
        return (*soft, 1.0) if self.marks is None else self.marks
