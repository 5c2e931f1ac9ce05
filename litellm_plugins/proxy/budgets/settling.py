"""Booking what a call did cost, by whichever way that becomes known: once for each call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.model import BudgetReason
from litellm_plugins.proxy.budgets import costs
from litellm_plugins.proxy.budgets.ends import by_its_end, overheard
from litellm_plugins.proxy.budgets.events import settled
from litellm_plugins.proxy.budgets.replies import cost_of, reply_in, reply_of
from litellm_plugins.proxy.budgets.tasks import beside
from litellm_plugins.proxy.host.provider_chunks import first_of, is_finished

if TYPE_CHECKING:
    import weakref

    from litellm_plugins.budgets.settling import Bookkeeper
    from litellm_plugins.proxy.budgets.held import Held
    from litellm_plugins.proxy.budgets.unreserved import Unreserved
    from litellm_plugins.settings.budgets import Ledger as Rules
    from litellm_plugins.telemetry.events import Telemetry

_LOOKED_EVERY_S, _LAST_EVENTS_S = 0.05, 1.0
_UNSURE = frozenset({BudgetReason.LEDGER_UNAVAILABLE, BudgetReason.LEDGER_UNAVAILABLE_ALLOWED})


class Settler:
    """One for all calls of a worker."""

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        unreserved: Unreserved,
        rules: Rules,
        telemetry: Telemetry,
        *,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._bookkeeper, self._unreserved, self._rules = bookkeeper, unreserved, rules
        self._telemetry, self._timer = telemetry, timer

    async def until_ended(self, held: Held) -> None:
        """The host may log a stream of which the last events, its usage among them, are still on their way out."""
        until = self._timer() + _LAST_EVENTS_S
        while not held.heard.has_ended and self._timer() < until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)

    async def by_reply(self, held: Held) -> None:
        """Book what its answer says; what only the host's log will tell is left to that."""
        if held.settled:
            return
        reply = held.reply or reply_in(held.raw)
        if reply is None and held.stream is not None and not held.is_further:
            chunks = await first_of(held.stream)
            reply = reply_of(chunks) if is_finished(chunks) else None
        actual = _by(reply, held)
        if actual is not None:
            await self.settle(held, actual, "success")

    async def watch(self, watched: weakref.ref[Held]) -> None:
        """Until a stream that nobody listens to has ended, or is left: then whoever collects it settles it."""
        while (first := watched()) is not None and first.stream is not None:
            if getattr(first.stream, "follow_up_exhausted", True):
                self.streams(first.further)
                return
            del first
            await asyncio.sleep(_LOOKED_EVERY_S)

    def streams(self, calls: Iterable[Held]) -> None:
        """Of calls that the host logs nothing of, and whose streams went by."""
        for held in calls:
            actual = None if held.settled else _by(_streamed(held), held)
            if actual is not None:
                held.paid = actual
                beside(self.settle(held, actual, "success"))

    async def settle(self, held: Held, actual: Amounts, ending: str) -> None:
        """Book `actual`, and what the pack itself has spent for it; nothing where that was done."""
        admission = held.admission
        if held.settled:
            return
        held.settled, held.paid = True, actual
        held.reply = held.raw = None
        actual += Amounts(nano_usd=held.own.take())
        self._unreserved.charge(held.call_id, held.event.model_group, held.own, lambda: admission.lines)
        unsure = admission.verdict.reason in _UNSURE  # its reply was lost, perhaps, and it is reserved all the same
        if not admission.coverings or not (admission.reserved or unsure or actual != NOTHING):
            return
        lines = None if admission.reserved or actual == NOTHING else admission.lines
        if await self._bookkeeper.settle(held.call_id, actual, lines=lines):
            reserved = admission.amount if admission.reserved else NOTHING
            self._telemetry.emit(settled(held.event.model_group, admission.lines, actual, reserved, ending))

    def lost(self, held: Held) -> None:
        """The same, beside what goes on."""
        beside(self.as_heard(held))

    async def as_heard(self, held: Held) -> None:
        """Book what was overheard of it: the host has nothing to say."""
        actual = NOTHING
        if held.is_further and not held.has_own_stream:
            actual = (_by(_streamed(held), held) or held.admission.amount) if held.asked else of_prompts_left(held)
        elif held.called and _is_answered_by_host(held):
            actual = of_prompts_left(held)
        elif held.called:
            actual = await by_its_end(held, self._rules, await overheard(held, asked=0), asked=0)
        if held.is_further:
            actual = replace(actual, requests=0)
        await self.settle(held, actual, "gone")


def _by(reply: Any, held: Held) -> Amounts | None:
    """What the call cost, by its answer; of requests it counts as one, if it is the first."""
    actual = None if reply is None else cost_of(reply, held.log(), given=held.given, otherwise=held.price)
    if actual is None:
        return None
    return actual + of_prompts_left(held) + Amounts(requests=0 if held.is_further else 1)


def _is_answered_by_host(held: Held) -> bool:
    """Whether the host has told a message to its end, and no provider was asked for it: it has searched itself."""
    whole = not held.heard.streams or held.heard.end == "whole"
    return not held.asked and whole and held.tariff.endpoint == "messages"


def _streamed(held: Held) -> Any:
    """The whole answer of a call whose stream the host appends to another's; None: there is none."""
    chunks = getattr(getattr(held.stream, "follow_up_stream", None), "chunks", None)
    return reply_of(chunks) if isinstance(chunks, list) and is_finished(chunks) else None


def of_prompts_left(held: Held) -> Amounts:
    """What was left while its provider worked has been read there."""
    return sum((costs.of_prompt(price, held.prompt_tokens) for price in held.left), start=NOTHING)
