"""The ledger: who may still spend how much. A protocol; `backends/` keeps it on SQLite and on Redis.

Everything it does is one atomic step on the store, so that any number of workers may share it. A reservation is a
lease: what is never settled (a worker was killed) lapses. Times are UNIX milliseconds and come from the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from litellm_plugins.budgets.amounts import METRICS, NOTHING, Amounts, Limits, Metric

_STEPS = 100_000  # that a rolling window is counted in, so that a busy month needs no more rows than that

OnLapse = Literal["charge", "release"]


@dataclass(frozen=True, slots=True)
class Span:
    """When what is spent counts: from `start_ms` until before `end_ms`; a rolling one counts the last `end - start`."""

    start_ms: int
    end_ms: int
    rolling: bool = False

    @property
    def key(self) -> int:
        """What tells the windows of one account apart: a rolling account has only one, 0."""
        return 0 if self.rolling else self.start_ms

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms

    def counted_at(self, now_ms: int) -> int:
        """When an amount that a call reserves now counts as spent; a rolling window frees it one length later.

        Long windows are counted in steps (30 days: 26 s; up to 100 s: none), rounded so that nothing is freed early.
        """
        step = max(1, self.length_ms // _STEPS)
        return -(-now_ms // step) * step


@dataclass(frozen=True, slots=True)
class Line:
    """One budget as it covers one request."""

    budget: str  # its name
    account: str  # its name and the values of its scope: "team-day/team=support"
    limits: Limits
    span: Span
    # Where a client names the values: the account that counts every value after the first so many of a window.
    shared: str = ""
    most_accounts: int = 0
    by_holder: Limits | None = (
        None  # its limits by metadata of a key or team, for whoever looks: the settings have others
    )

    @property
    def counted_among_others(self) -> Line:
        """On the account of all for whom there was none left."""
        return replace(self, account=self.shared, shared="", most_accounts=0)


@dataclass(frozen=True, slots=True)
class Balance:
    """What one account holds in one window."""

    account: str
    span: Span
    spent: Amounts = NOTHING
    reserved: Amounts = NOTHING
    unconfirmed: Amounts = NOTHING  # part of `spent`: leases that lapsed after their provider had been called
    limits: Limits | None = None  # an admin's, in place of the settings', until the window ends
    by_holder: Limits | None = None  # as the line said that was drawn on last

    @property
    def held(self) -> Amounts:
        """Spent or reserved."""
        return self.spent + self.reserved


def without_room(limits: Limits, held: Amounts, amount: Amounts, own: Amounts = NOTHING) -> tuple[Metric, ...]:
    """The metrics of which `amount` is too much beside `held`, what others hold.

    Never one of which the call asks no more than the `own` that it holds already: a reservation may always be lowered,
    and what is free passes where more was spent than the limit.
    """
    return tuple(
        metric
        for metric, limit, others, asked, before in zip(METRICS, limits, held, amount, own, strict=True)
        if limit is not None and asked > before and others + asked > limit
    )


@dataclass(frozen=True, slots=True)
class Granted:
    """The amount is reserved. `balances` are those of the lines, in their order, before this request."""

    balances: tuple[Balance, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing was reserved, and an earlier reservation of the same call stands as it was."""

    line: Line  # the first that has no room, with the account that counts it
    balance: Balance  # of that line, without the call's own earlier reservation
    metric: Metric
    # When there will be room for it, if nothing more is spent; None: never, it is too large. Of a calendar window,
    # its end. Of a rolling one, when enough will have left it; a whole length from now if reservations are in the way.
    free_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a settlement."""

    fresh: bool  # False: this call was settled before, and nothing was changed
    balances: tuple[Balance, ...] = ()  # of its accounts, afterwards


class Ledger(Protocol):
    """Every method raises `StoreUnavailable` where the store cannot do it; then nothing is changed."""

    async def reserve(
        self, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, lease_ms: int
    ) -> Granted | Denied:
        """Check every line, then hold `amount` on all of them, or on none.

        In place of what the call had reserved before, whatever its lines were: so a reservation is lowered, or raised
        for a dearer model. A call that was settled already holds nothing: it is granted and nothing is kept.
        `limits` that an admin set on an account come before the line's.

        A line with `shared` that has no account in use in its window, while `most_accounts` others of that `shared`
        have, is counted there instead, and its balance names that account.
        """

    async def called(self, call_id: str, *, now_ms: int, lease_ms: int) -> None:
        """A provider is being called for it: should the lease lapse from now on, it is likely to have cost something.

        Renews the lease. Does nothing for a call that holds none (any more).
        """

    async def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        """Book `actual` on the accounts of the reservation, in the windows in which it was made, and end it.

        Once per call: a second one changes nothing. One that comes after the lease lapsed (within a day) is booked all
        the same, in place of what the lapse had charged. An unknown call is not fresh. In a rolling window it counts
        from when it was reserved last, `Span.counted_at`. Carried out even if its asker is cancelled while it waits.
        """

    async def lapse(self, *, now_ms: int) -> int:
        """End every lease that is over: charged as reserved if its provider had been called, and the ledger is set to
        charge; else released. Returns how many. `reserve` does it for itself; this is for what nobody asks about.
        """

    async def balances(self, *, now_ms: int, account: str | None = None) -> list[Balance]:
        """Of every account whose window is not over, or of one, by account."""

    async def reset(self, account: str, *, now_ms: int) -> int:
        """Forget what was spent in the present window, and an admin's limits; reservations stand. Returns windows."""

    async def limit(self, line: Line, limits: Limits | None, *, now_ms: int) -> None:
        """An admin's limits for the account, in place of the settings', until its window ends; None: no longer."""

    async def aclose(self) -> None:
        """Close what only the ledger holds open."""
