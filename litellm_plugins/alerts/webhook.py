"""Sends alerts by HTTP: to the URL of the settings and nowhere else. The URL is a secret, and is never logged."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from typing import Literal

import httpx

from litellm_plugins.alerts.courier import NotDelivered
from litellm_plugins.alerts.message import body
from litellm_plugins.alerts.outbox import Claim

_TIMEOUT_S = 10.0
_LONGEST_WAIT_S = 3_600
_sending: contextvars.ContextVar[bool] = contextvars.ContextVar("litellm_plugins_alert", default=False)

Sign = Callable[[bytes], tuple[str, str]]  # of a body: a header's name and value


class Webhook:
    """One receiver. Redirects are failures: whoever answers with one could send an alert anywhere."""

    def __init__(self, target: str, url: str, form: Literal["slack", "generic"], *, sign: Sign | None = None) -> None:
        self.target = target
        self._url, self._form, self._sign = url, form, sign
        self._http: httpx.AsyncClient | None = None

    async def deliver(self, claim: Claim) -> None:
        """Raises: NotDelivered unless it answers 2xx."""
        content = body(claim.item.payload, self._form, attempt=claim.attempt)
        headers = {"content-type": "application/json", "idempotency-key": claim.item.id}
        if self._sign is not None:
            name, value = self._sign(content)
            headers[name] = value
        if self._http is None:
            _hide_urls()
            self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False)
        token = _sending.set(True)
        try:
            async with self._http.stream("POST", self._url, content=content, headers=headers) as response:
                pass  # whatever it says, its status is what counts
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise NotDelivered(type(exc).__name__) from None  # what it says may hold the URL
        finally:
            _sending.reset(token)
        if not response.is_success:
            raise NotDelivered(f"HTTP {response.status_code}", wait_s=_asked_for(response))

    async def aclose(self) -> None:
        """Close its connections."""
        if self._http is not None:
            await self._http.aclose()


def _asked_for(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(min(int(value), _LONGEST_WAIT_S)) if value.isascii() and value.isdecimal() and len(value) < 9 else None


def _hide_urls() -> None:
    """Httpx tells of every request with its URL."""
    logger = logging.getLogger("httpx")
    if _not_ours not in logger.filters:
        logger.addFilter(_not_ours)


def _not_ours(_: logging.LogRecord) -> bool:
    return not _sending.get()
