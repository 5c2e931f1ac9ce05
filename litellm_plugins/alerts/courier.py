"""Takes what waits in the outbox to its receivers, beside the requests: claim, send, note that it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from litellm_plugins.alerts.outbox import Claim, Outbox
from litellm_plugins.errors import StoreUnavailable

_LOG = logging.getLogger(__name__)
LEASE_MS = 60_000  # longer than one attempt takes
_LONGEST_WAIT_S = 3_600.0
_FIRST_WAIT_S = 2.0
_AT_ONCE = 100  # items of one receiver, before the next has its turn


class NotDelivered(Exception):
    """The receiver did not take it; `reason` holds no secret, `wait_s` is what the receiver asked for."""

    def __init__(self, reason: str, *, wait_s: float | None = None) -> None:
        self.reason, self.wait_s = reason, wait_s
        super().__init__(reason)


class Receiver(Protocol):
    """Somebody who is told."""

    target: str  # as items name it

    async def deliver(self, claim: Claim) -> None:
        """Raises: NotDelivered."""

    async def aclose(self) -> None:
        """Close what it holds open."""


class Courier:
    """One for each worker; together they tell everything at least once, and once where nobody dies at it."""

    def __init__(
        self,
        outbox: Outbox,
        receivers: Sequence[Receiver],
        *,
        clock_ms: Callable[[], int],
        told: Callable[[str, str], None] = lambda target, outcome: None,
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._outbox, self._receivers, self._clock_ms = outbox, tuple(receivers), clock_ms
        self._told, self._first_wait_s = told, first_wait_s
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    async def run(self, every_s: float) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.deliver()
            except StoreUnavailable as exc:
                _LOG.debug("the outbox of alerts cannot be read: %s", exc)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), every_s)
            self._wake.clear()

    async def deliver(self) -> int:
        """Tell what is due, to each receiver until there is no more or it fails. Returns how many.

        Raises: StoreUnavailable.
        """
        return sum(await asyncio.gather(*(self._deliver_to(receiver) for receiver in self._receivers)))

    async def aclose(self) -> None:
        """Close the receivers."""
        for receiver in self._receivers:
            await receiver.aclose()

    async def _deliver_to(self, receiver: Receiver) -> int:
        for count in range(_AT_ONCE):
            now_ms = self._clock_ms()
            claims = await self._outbox.claim(receiver.target, now_ms=now_ms, lease_ms=LEASE_MS, most=1)
            if not claims:
                return count
            try:
                await receiver.deliver(claims[0])
            except NotDelivered as exc:
                await self._put_off(claims[0], exc)
                return count
            await self._outbox.sent(claims[0], now_ms=self._clock_ms())
            self._told(receiver.target, "sent")
        return _AT_ONCE

    async def _put_off(self, claim: Claim, why: NotDelivered) -> None:
        wait_s = min(_LONGEST_WAIT_S, self._first_wait_s * 2.0 ** min(claim.attempt - 1, 20))
        wait_s *= random.uniform(0.8, 1.2)  # noqa: S311 - so that workers do not keep in step
        if why.wait_s is not None:
            wait_s = min(_LONGEST_WAIT_S, max(wait_s, why.wait_s))
        _LOG.warning(
            "an alert could not be sent to %s (%s), attempt %d; next in %.0f s",
            claim.item.target, why.reason, claim.attempt, wait_s,
        )  # fmt: skip
        self._told(claim.item.target, "failed")
        await self._outbox.later(claim, due_ms=self._clock_ms() + int(wait_s * 1_000))
