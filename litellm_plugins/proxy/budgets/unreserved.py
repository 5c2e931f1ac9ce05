"""What is booked though nothing was reserved for it: own calls, and hits that the host asked a model for all the same.

It is never refused: it has been spent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.proxy.budgets import costs
from litellm_plugins.proxy.budgets.callers import caller_of
from litellm_plugins.proxy.budgets.events import settled
from litellm_plugins.proxy.budgets.tasks import beside

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.budgets.enforcement import Enforcement
    from litellm_plugins.budgets.ledger import Line
    from litellm_plugins.budgets.settling import Bookkeeper
    from litellm_plugins.cache.own_calls import OwnCalls
    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.telemetry.events import Telemetry

Unheld = Callable[[Mapping[str, Any]], None]  # told what the host logs of a call that nothing was reserved for
Booking = Callable[[Amounts], Coroutine[Any, Any, None]]


class Unreserved:
    """One for all requests of a worker."""

    def __init__(self, enforcement: Enforcement, bookkeeper: Bookkeeper, book: PriceBook, telemetry: Telemetry) -> None:
        self._enforcement, self._bookkeeper, self._book = enforcement, bookkeeper, book
        self._telemetry = telemetry

    def hit(
        self, call_id: str, request: Request, data: Mapping[str, Any], auth: UserAPIKeyAuth, own: OwnCalls
    ) -> Unheld:
        """It is answered from the cache. Whatever finding that has cost is charged to it.

        Should the host ask a model all the same, what is returned is to be told what it logs.
        """
        caller, group = caller_of(request.identity, request.feature, data, auth), str(data.get("model") or "")
        team_id = request.identity.team_id

        def lines() -> Sequence[Line]:
            found = self._book.listings(group, team_id)
            groups = tuple(dict.fromkeys(each.model_group for each in found))
            providers = tuple(dict.fromkeys(each.provider for each in found if each.provider))
            return self._enforcement.lines(caller, model_groups=groups, providers=providers)

        book = self.charge(call_id, group, own, lines)

        def unheld(kwargs: Mapping[str, Any]) -> None:
            given = next((each.given for each in self._book.listings(group, team_id) if not each.is_priced), None)
            actual = costs.of_success(kwargs, given)
            if actual != NOTHING:
                beside(book(actual))

        return unheld

    def charge(self, call_id: str, group: str, own: OwnCalls, lines: Callable[[], Sequence[Line]]) -> Booking:
        """Whatever is put on the tab from now on is booked on its own. Returns how to book anything else so."""
        numbers = itertools.count(1)

        async def book(amount: Amounts) -> None:
            drawn_on = lines()
            name = f"{call_id}-own{next(numbers)}"
            if drawn_on and await self._bookkeeper.settle(name, amount, lines=drawn_on):
                self._telemetry.emit(settled(group, drawn_on, amount, NOTHING, "own"))

        own.from_now_on(lambda tab: beside(book(Amounts(nano_usd=tab.take()))))
        return book
