"""What deferred requests cost, on the ledger that holds it for them since they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.batch.provider import Paid, ProviderFault
from litellm_plugins.batch.worker import HELD_ON_S
from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.proxy.batch.about import About
from litellm_plugins.telemetry.events import BudgetSettled, StageFailed

if TYPE_CHECKING:
    from litellm_plugins.batch.queue import Batch, Deferred
    from litellm_plugins.budgets.ledger import Ledger
    from litellm_plugins.proxy.batch.prices import BatchBook
    from litellm_plugins.proxy.batch.provider import OpenAiBatches
    from litellm_plugins.telemetry.events import Telemetry

_ENDING = "deferred"
_MS = 1_000


class HostBooks:
    """Keeps `batch.provider.Books`. `ledger`: None where there are no budgets, and nothing is booked."""

    def __init__(
        self,
        ledger: Ledger | None,
        prices: BatchBook,
        provider: OpenAiBatches,
        telemetry: Telemetry,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger, self._prices, self._provider = ledger, prices, provider
        self._telemetry, self._clock = telemetry, clock

    async def called(self, request: Deferred) -> None:
        told = About.of(request)
        if self._ledger is not None and told.budgets:
            now_ms = int(self._clock() * _MS)
            lease_ms = max(_MS, int((request.expires_s + HELD_ON_S) * _MS) - now_ms)
            await self._ledger.called(told.ledger_id, now_ms=now_ms, lease_ms=lease_ms)

    async def settle(self, request: Deferred, batch: Batch, usage: Mapping[str, Any] | None) -> Paid:
        told = About.of(request)
        paid = None
        try:
            if usage is not None:
                paid = self._prices.paid(batch.model_group, self._provider.deployment_of(batch), usage)
        except ProviderFault:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever its provider says there: the answer is there, and not free
            self._telemetry.emit(StageFailed("batch", "bad_usage", type(exc).__name__))
        if paid is None:
            paid = Paid(nano_usd=told.reserved_nano_usd, usual_nano_usd=told.reserved_nano_usd)
            await self._book(told, told.reserved)
            return paid
        await self._book(told, Amounts(paid.nano_usd, paid.prompt_tokens + paid.completion_tokens, 1))
        return paid

    async def release(self, request: Deferred) -> None:
        await self._book(About.of(request), NOTHING)

    async def _book(self, told: About, actual: Amounts) -> None:
        if self._ledger is None or not told.budgets:
            return
        actual += Amounts(told.own_nano_usd)
        settled = await self._ledger.settle(told.ledger_id, actual, now_ms=int(self._clock() * _MS))
        if settled.fresh:
            self._telemetry.emit(
                BudgetSettled(
                    told.model_group,
                    told.budgets,
                    nano_usd=actual.nano_usd,
                    tokens=actual.tokens,
                    reserved_nano_usd=told.reserved_nano_usd,
                    ending=_ENDING,
                )
            )
