"""Stage 9: what a call cost is booked once, whatever way it ended; what the ledger cannot take now, it gets later."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Limits
from litellm_plugins.budgets.ledger import Denied, Ledger, Line, Settlement
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.tasks import stop

_UNBOUND = Limits()
_LEASE_MS = 60_000  # of what is reserved only to be settled at once
_MOST_DEBTS = 10_000
_MOST_TRIES = 5  # of one that the ledger takes exception to, rather than being gone
_MOST_RELEASES = 1_000  # among them: a gone ledger must not lose money over what would lapse by itself


@dataclass(frozen=True, slots=True)
class Debt:
    """What is still to be booked."""

    call_id: str
    actual: Amounts
    lines: tuple[Line, ...] | None  # to be charged; None: those of the call's reservation
    tries: int = 0  # that failed for a reason of its own

    @property
    def is_release(self) -> bool:
        """Whether nothing is lost if it is never paid."""
        return self.lines is None and self.actual == NOTHING


class Bookkeeper:
    """Settles calls, lapses leases, and pays debts: every `every_s`, beside the requests.

    `failed` is told what the ledger could not do, with a word for what was to be done.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        clock_ms: Callable[[], int],
        failed: Callable[[StoreUnavailable], None],
        every_s: float = 5.0,
    ) -> None:
        self._ledger, self._clock_ms, self._failed, self._every_s = ledger, clock_ms, failed, every_s
        self._debts: deque[Debt] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after the leases. Raises: RuntimeError where no loop runs."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Stop, try once more to pay what is owed, and close the ledger."""
        if self._task is not None:
            await stop(self._task)
        with contextlib.suppress(StoreUnavailable):
            await self.pay()
        await self._ledger.aclose()

    @property
    def owed(self) -> int:
        """How many settlements wait for the ledger."""
        return len(self._debts)

    async def settle(self, call_id: str, actual: Amounts, *, lines: Sequence[Line] | None = None) -> bool:
        """Book `actual` for the call; on `lines` where nothing was reserved.

        False: it was booked before, or is owed. Whatever goes wrong, it is owed: settling twice changes nothing.
        """
        debt = Debt(call_id, actual, None if lines is None else tuple(lines))
        try:
            return (await self._book(debt)).fresh
        except StoreUnavailable as exc:
            self._failed(exc)
            self._owe(debt)
        except Exception as exc:  # noqa: BLE001 - a fault of this one, or of ours: told, and tried again
            self._failed(StoreUnavailable("internal_error", f"a settlement: {type(exc).__name__}"))
            self._owe(replace(debt, tries=1))
        except BaseException:  # its asker is cancelled, perhaps between the two steps of booking it
            self._owe(debt)
            raise
        return False

    def _owe(self, debt: Debt) -> None:
        if debt.is_release:
            self.release(debt.call_id)
        elif len(self._debts) < _MOST_DEBTS:
            self._debts.append(debt)
        else:
            self._failed(StoreUnavailable("debts_full", "a settlement was given up: the ledger is gone too long"))

    def release(self, call_id: str) -> None:
        """Let go, soon, of whatever the call may have reserved. Where there is much to do, its lease does that."""
        if len(self._debts) < _MOST_RELEASES:
            self._debts.append(Debt(call_id, NOTHING, None))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._ledger.lapse(now_ms=self._clock_ms())
                await self.pay()
            except StoreUnavailable as exc:
                self._failed(exc)
            except Exception as exc:  # noqa: BLE001 - it must not end: leases would never lapse again
                self._failed(StoreUnavailable("internal_error", type(exc).__name__))

    async def pay(self) -> None:
        """Book what is owed. What cannot be booked stands behind the rest, and is given up in the end.

        Raises: StoreUnavailable; then it is all still owed.
        """
        for _ in range(len(self._debts)):
            debt = self._debts[0]
            try:
                await self._book(debt)
            except StoreUnavailable:
                raise
            except Exception as exc:  # noqa: BLE001 - a fault of this one: the others must not wait for it
                self._failed(StoreUnavailable("internal_error", f"a settlement: {type(exc).__name__}"))
                if debt.tries + 1 < _MOST_TRIES:
                    self._debts.append(replace(debt, tries=debt.tries + 1))
                else:
                    self._failed(
                        StoreUnavailable("settlement_lost", f"{debt.call_id}: {debt.actual.nano_usd} nano-USD")
                    )
            self._debts.popleft()

    async def _book(self, debt: Debt) -> Settlement:
        """Settling twice changes nothing, so neither does a debt that had been paid after all."""
        now_ms = self._clock_ms()
        if debt.lines is not None:
            # The call was made: there is nothing left to allow or to deny.
            lines = [replace(line, limits=_UNBOUND) for line in debt.lines]
            held = await self._ledger.reserve(debt.call_id, lines, NOTHING, now_ms=now_ms, lease_ms=_LEASE_MS)
            if isinstance(held, Denied):  # an admin's limit, and above it already
                self._failed(StoreUnavailable("above_limit", f"{held.line.account}: a call could not be booked"))
        return await self._ledger.settle(debt.call_id, debt.actual, now_ms=now_ms)
