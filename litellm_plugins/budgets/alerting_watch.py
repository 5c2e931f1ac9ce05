"""Looks at the ledger from time to time and at what was just booked, and puts into the outbox what is worth telling."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from litellm_plugins.alerts.outbox import Outbox
from litellm_plugins.alerts.telling import Teller
from litellm_plugins.budgets.alerting import Notice, no_room, notices
from litellm_plugins.budgets.alerting_words import message
from litellm_plugins.budgets.ledger import Balance, Denied, Ledger
from litellm_plugins.budgets.overview import AccountView, Overview
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.settings.alerts import Alerts

_LOG = logging.getLogger(__name__)
_TOGETHER_S = 0.2  # what is booked in so short a time is looked at together
_MOST = 10_000  # accounts that were booked on

Seen = Callable[[Sequence[AccountView]], None]
More = Callable[[Sequence[AccountView]], Awaitable[Sequence[Notice]]]


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told: of every account that was seen, of something put into the outbox; and who has more to raise."""

    seen: Seen = lambda _: None
    put: Callable[[], None] = lambda: None
    more: More | None = None


_NOBODY = Told()


class Watch:
    """One for each worker; the outbox sees to it that they tell a thing once. An `Onlooker` of the ledger."""

    def __init__(
        self,
        overview: Overview,
        ledger: Ledger,
        outbox: Outbox,
        alerts: Alerts,
        *,
        targets: Sequence[str],
        clock_ms: Callable[[], int],
        told: Told = _NOBODY,
    ) -> None:
        self._overview, self._ledger, self._alerts = overview, ledger, alerts
        self._clock_ms, self._told, self._teller = clock_ms, told, Teller(outbox, targets, put=told.put)
        self._booked: OrderedDict[str, Balance] = OrderedDict()
        self._denied: OrderedDict[str, Denied] = OrderedDict()
        self._wake = asyncio.Event()

    def settled(self, balances: Sequence[Balance]) -> None:
        """To be looked at soon."""
        for balance in balances:
            self._booked[balance.account] = balance
            self._booked.move_to_end(balance.account)
        while len(self._booked) > _MOST:
            self._booked.popitem(last=False)
        self._wake.set()

    def denied(self, denial: Denied) -> None:
        """The same; unless the request was too large for any window."""
        if denial.free_at_ms is not None and len(self._denied) < _MOST:
            self._denied[denial.line.account] = denial
            self._wake.set()

    async def run(self, every_s: float) -> None:
        """Until it is cancelled."""
        loop, due = asyncio.get_running_loop(), 0.0
        while True:
            try:
                if loop.time() >= due:
                    due = loop.time() + every_s
                    await self.look()
                else:
                    await self.look_at_booked()
            except StoreUnavailable as exc:
                _LOG.debug("the ledger cannot be looked at: %s", exc)
            await asyncio.sleep(_TOGETHER_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, due - loop.time()))
            self._wake.clear()

    async def look(self) -> None:
        """At every account. Raises: StoreUnavailable."""
        await self.look_at_booked()
        now_ms = self._clock_ms()
        balances = await self._ledger.balances(now_ms=now_ms)
        self._overview.trend.note(balances, now_ms=now_ms)
        views = await self._overview.views(balances, now_ms=now_ms)
        self._told.seen(views)
        await self._raise(found for view in views for found in notices(view, self._alerts, now_ms=now_ms))
        if self._told.more is not None:
            await self._raise(await self._told.more(views))

    async def look_at_booked(self) -> None:
        """At those that were booked on, or had no room. Raises: StoreUnavailable; then they are looked at later."""
        now_ms, booked, denied = self._clock_ms(), dict(self._booked), dict(self._denied)
        views = {v.account: v for v in await self._overview.views(booked.values(), now_ms=now_ms, unused=False)}
        await self._raise(found for view in views.values() for found in notices(view, self._alerts, now_ms=now_ms))
        held = [denial.balance for denial in denied.values()]
        for view in await self._overview.views(held, now_ms=now_ms, unused=False):
            if view.budget is not None:
                await self._raise([no_room(view, denied[view.account].metric, now_ms=now_ms)])
        for account, balance in booked.items():
            if self._booked.get(account) is balance:
                del self._booked[account]
        for account, denial in denied.items():
            if self._denied.get(account) is denial:
                del self._denied[account]

    async def _raise(self, found: Iterable[Notice]) -> None:
        for notice in found:
            await self._teller.tell(message(notice))
