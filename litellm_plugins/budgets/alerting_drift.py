"""Does the ledger grow as the host's own count of what was spent does? Where there is a database to ask.

Compared is what both grew by since this worker first saw the window: so a budget that is new in the middle of a
window, or was reset, is no drift. The host writes with some delay, which must be small beside the time compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from litellm_plugins.budgets.alerting import Notice, notice
from litellm_plugins.budgets.overview import AccountView

_EVERY_MS = 300_000  # each account is a query over the host's log
_ACCOUNTS = 50  # those that spent most
_LAG_MS = 60_000  # within which the host has written what it counted
_LEAST_NANO = 10_000_000  # a cent: less is no matter
_IN_A_ROW = 3
_REMEMBERED = 1_000


class HostSpend(Protocol):
    """What the host has counted."""

    async def spent(self, view: AccountView) -> int | None:
        """In the account's window, in nano-dollars; None where it cannot say: it counts otherwise, or is not there."""


@dataclass(frozen=True, slots=True)
class _Base:
    """What both had when the window was first seen."""

    at_ms: int
    ledger: int
    host: int
    apart: int = 0  # how many times in a row they were too far apart


class Drift:
    """One for each worker. `share` is how far apart both may be; `told` hears how far they are, by budget."""

    def __init__(
        self,
        share: float,
        host: HostSpend,
        *,
        clock_ms: Callable[[], int],
        told: Callable[[str, float], None] = lambda budget, share: None,
    ) -> None:
        self._share, self._host, self._clock_ms, self._told = share, host, clock_ms, told
        self._seen: dict[str, float] = {}  # of each budget the account that is furthest apart
        self._bases: OrderedDict[tuple[str, int], _Base] = OrderedDict()
        self._due_ms = 0

    async def notices(self, views: Sequence[AccountView]) -> list[Notice]:
        """Those of accounts that drifted; looks every few minutes only."""
        now_ms = self._clock_ms()
        if now_ms < self._due_ms:
            return []
        self._due_ms = now_ms + _EVERY_MS
        asked = [view for view in views if view.budget is not None and not view.span.rolling]
        asked.sort(key=lambda view: -view.meters[0].spent)
        found = [await self._compared(view, now_ms) for view in asked[:_ACCOUNTS]]
        while len(self._bases) > _REMEMBERED:
            self._bases.popitem(last=False)
        for budget, apart in self._seen.items():
            self._told(budget, apart)
        self._seen.clear()
        return [each for each in found if each is not None]

    async def _compared(self, view: AccountView, now_ms: int) -> Notice | None:
        host = await self._host.spent(view)
        if host is None:
            return None
        meter, which = view.meters[0], (view.account, view.span.key)
        base = self._bases.get(which)
        if base is None or meter.spent < base.ledger or host < base.host:
            self._bases[which] = _Base(now_ms, meter.spent, host)
            return None
        ours, theirs = meter.spent - base.ledger, host - base.host
        most = max(ours, theirs)
        if (now_ms - base.at_ms) * self._share < 2 * _LAG_MS or most < _LEAST_NANO:
            return None
        self._seen[view.name] = max(self._seen.get(view.name, 0.0), abs(ours - theirs) / most)
        apart = base.apart + 1 if abs(ours - theirs) > self._share * most else 0
        self._bases[which] = replace(base, apart=apart)
        if apart < _IN_A_ROW:
            return None
        since = replace(meter, spent=ours)
        return notice("drift", view, since, now_ms=now_ms, host_spent=theirs, since_ms=base.at_ms)
