"""Who is told of alerts, of every feature: the log, and the webhooks of the settings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from litellm_plugins.alerts.webhook import Webhook
from litellm_plugins.cache.admin.events import SIGNATURE_HEADER, sign
from litellm_plugins.settings import ROOT
from litellm_plugins.telemetry.events import AnomalyFound, BudgetAlert

if TYPE_CHECKING:
    from litellm_plugins.alerts.courier import Receiver
    from litellm_plugins.alerts.outbox import Claim
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry

LOG = "log"  # a receiver that is always there, and no environment variable's name
ANOMALY = "anomaly"  # what the type of such a message begins with


class LogReceiver:
    """Tells the sinks, in whichever worker it happens to be."""

    target = LOG

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def deliver(self, claim: Claim) -> None:
        """As the event of the feature that it is about."""
        told = orjson.loads(claim.item.payload)
        about, _, kind = str(told["type"]).partition(".")
        if about == ANOMALY:
            self._telemetry.emit(AnomalyFound(kind, told, claim.attempt))
        else:
            self._telemetry.emit(BudgetAlert(told, claim.attempt))

    async def aclose(self) -> None:
        """Nothing is open."""


def webhook_problems(settings: Settings) -> list[str]:
    """What the environment lacks of the settings' webhooks; without the value of any variable."""
    problems = []
    for place, webhook in enumerate(settings.alerts.webhooks):
        path, url = f"{ROOT}.alerts.webhooks.{place}", os.environ.get(webhook.url_env, "")
        if not url:
            problems.append(f"{path}.url_env: the environment variable {webhook.url_env} is not set")
        elif not _is_http(url):
            problems.append(f"{path}.url_env: {webhook.url_env} holds no http:// or https:// URL")
        if webhook.secret_env is not None and not os.environ.get(webhook.secret_env):
            problems.append(f"{path}.secret_env: the environment variable {webhook.secret_env} is not set")
    return problems


def webhooks(settings: Settings) -> Iterator[Receiver]:
    """Those of the settings, with what the environment says of them."""
    for webhook in settings.alerts.webhooks:
        url, secret = os.environ.get(webhook.url_env, ""), os.environ.get(webhook.secret_env or "", "")
        yield Webhook(webhook.url_env, url, webhook.format, sign=_signing(secret) if secret else None)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _signing(secret: str) -> Callable[[bytes], tuple[str, str]]:
    """As the cache's events are signed and verified."""
    return lambda body: (SIGNATURE_HEADER, sign(secret, body, at=int(time.time())))
