"""Every account of the ledger with the budget that the settings have for it: limits, spend, state and forecast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from litellm_plugins.budgets.amounts import METRICS, Limits, Metric
from litellm_plugins.budgets.forecast import Forecast, forecast
from litellm_plugins.budgets.ledger import Balance, Ledger, Span
from litellm_plugins.budgets.overview_accounts import Accounts, parts_of
from litellm_plugins.budgets.overview_trend import Trend
from litellm_plugins.budgets.policy import Covering
from litellm_plugins.model import BudgetState
from litellm_plugins.settings import Settings, VirtualKeys
from litellm_plugins.settings.budgets import Budget

_WITHOUT_A_PAUSE = 200  # accounts: some milliseconds


@dataclass(frozen=True, slots=True)
class Meter:
    """One metric of one account."""

    metric: Metric
    limit: int | None
    spent: int
    reserved: int
    unconfirmed: int
    forecast: Forecast | None = None  # None: there is no limit

    @property
    def remaining(self) -> int | None:
        """Never below 0; None where there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.spent - self.reserved)

    @property
    def share_spent(self) -> Fraction:
        """Of the limit; a limit of 0 is used up."""
        return _share(self.spent, self.limit)

    @property
    def share_held(self) -> Fraction:
        """The same with what is reserved."""
        return _share(self.spent + self.reserved, self.limit)


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account in its present window."""

    account: str
    holder: str  # in words; "" where the account is everybody's
    span: Span
    meters: tuple[Meter, ...]  # in the order of METRICS
    budget: Budget | None = None  # None: a key or team brought it along, or it is no longer in the settings
    by_admin: bool = False  # the limits are an admin's, until the window ends
    by_holder: bool = False  # they are what the metadata of its key or team says

    @property
    def name(self) -> str:
        """The budget's."""
        return parts_of(self.account)[0]

    @property
    def fullest(self) -> Meter | None:
        """The limited metric of which most is held."""
        limited = (meter for meter in self.meters if meter.limit is not None)
        return max(limited, key=lambda meter: meter.share_held, default=None)

    @property
    def state(self) -> BudgetState:
        """`ok`, `soft` from the first soft mark on, `denied` where nothing is left."""
        fullest = self.fullest
        if fullest is None:
            return BudgetState.OK
        if fullest.share_held >= 1:
            return BudgetState.DENIED
        soft = self.budget.soft if self.budget else ()
        return BudgetState.SOFT if soft and fullest.share_held >= Fraction(str(soft[0])) else BudgetState.OK


class Overview:
    """Reads the ledger. `trend` is what this process has seen of rolling windows; whoever looks keeps it up."""

    def __init__(self, settings: Settings, ledger: Ledger, listed: Callable[[], VirtualKeys] | None = None) -> None:
        """`listed`: the teams and keys of now, where some are in a file."""
        self._accounts, self._ledger, self.trend = Accounts(settings, listed), ledger, Trend()

    async def accounts(self, *, now_ms: int) -> list[AccountView]:
        """By name, those of a budget together. Raises: StoreUnavailable."""
        return await self.views(await self._ledger.balances(now_ms=now_ms), now_ms=now_ms)

    async def account(self, account: str, *, now_ms: int) -> AccountView | None:
        """One of them; None where neither the ledger nor the settings know its budget. Raises: StoreUnavailable."""
        balances = await self._ledger.balances(now_ms=now_ms, account=account)
        seen = [view for view in await self.views(balances, now_ms=now_ms) if view.account == account]
        return seen[0] if seen else self.empty(account, now_ms)

    async def views(self, balances: Iterable[Balance], *, now_ms: int, unused: bool = True) -> list[AccountView]:
        """Of these balances; with those accounts that nobody drew on yet, unless not `unused`."""
        found: dict[str, AccountView] = {}
        for count, balance in enumerate(balances):
            if count % _WITHOUT_A_PAUSE == _WITHOUT_A_PAUSE - 1:
                await asyncio.sleep(0)
            view = self._view(balance, now_ms)
            if view is not None:
                found[view.account] = view
        for covering in self._accounts.expected(now_ms=now_ms) if unused else ():
            if covering.line.account not in found:
                found[covering.line.account] = self._seen(_unused(covering), covering, now_ms)
        return [found[account] for account in sorted(found)]

    def covering(self, account: str, *, now_ms: int) -> Covering | None:
        """The budget of an account."""
        return self._accounts.covering(account, now_ms=now_ms)

    def empty(self, account: str, now_ms: int) -> AccountView | None:
        """An account as it is where nobody drew on it in its present window; None where the settings do not know it."""
        covering = self.covering(account, now_ms=now_ms)
        return None if covering is None else self._seen(_unused(covering), covering, now_ms)

    def _view(self, balance: Balance, now_ms: int) -> AccountView | None:
        """None of a window that is not the present one: the budget's window was changed."""
        covering = self._accounts.covering(balance.account, now_ms=now_ms)
        span = balance.span
        if covering is None:
            return self._seen(balance, None, now_ms) if span.rolling or span.start_ms <= now_ms < span.end_ms else None
        wanted = covering.line.span
        same = span.rolling and wanted.rolling if span.rolling or wanted.rolling else span == wanted
        return self._seen(balance, covering, now_ms) if same else None

    def _seen(self, balance: Balance, covering: Covering | None, now_ms: int) -> AccountView:
        span = covering.line.span if covering else balance.span
        limits = _in_force(balance, covering)
        amounts = zip(METRICS, limits, balance.spent, balance.reserved, balance.unconfirmed, strict=True)
        return AccountView(
            balance.account,
            self._accounts.holder(balance.account),
            span,
            tuple(Meter(*each, self._forecast(balance, span, each[0], each[1], now_ms)) for each in amounts),
            covering.budget if covering else None,
            by_admin=balance.limits is not None,
            by_holder=balance.limits is None and balance.by_holder is not None,
        )

    def _forecast(
        self, balance: Balance, span: Span, metric: Metric, limit: int | None, now_ms: int
    ) -> Forecast | None:
        if limit is None:
            return None
        spent = dict(zip(METRICS, balance.spent, strict=True))
        earlier = self.trend.since(balance.account, metric, span) if span.rolling else None
        return forecast(
            span, limit=limit, spent=spent[metric], requests=spent["requests"], now_ms=now_ms, earlier=earlier
        )


def chosen(views: Iterable[AccountView], given: Mapping[str, str | None]) -> Iterator[AccountView]:
    """Those of a budget's `name`, and whose account begins with `account`."""
    name, prefix = given.get("name"), given.get("account") or ""
    return (view for view in views if name in (None, view.name) and view.account.startswith(prefix))


def _in_force(balance: Balance, covering: Covering | None) -> Limits:
    """An admin's; else the settings', and what metadata makes of them: it can only tighten."""
    settings = covering.line.limits if covering else Limits()
    if balance.limits is not None or balance.by_holder is None:
        return balance.limits or settings
    pairs = zip(settings, balance.by_holder, strict=True)
    return Limits(
        *(ours if theirs is None else theirs if ours is None else min(ours, theirs) for ours, theirs in pairs)
    )


def _share(amount: int, limit: int | None) -> Fraction:
    if limit is None:
        return Fraction(0)
    return Fraction(amount, limit) if limit else Fraction(1)


def _unused(covering: Covering) -> Balance:
    return Balance(covering.line.account, covering.line.span)
