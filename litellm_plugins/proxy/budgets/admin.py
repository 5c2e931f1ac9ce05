"""The administrator's operations on budgets: JSON in, JSON out, each of consequence written into the audit journal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.alerts.message import iso
from litellm_plugins.budgets.amounts import Limits
from litellm_plugins.budgets.ledger import Line
from litellm_plugins.budgets.overview import AccountView, Overview, chosen
from litellm_plugins.budgets.overview_json import as_json
from litellm_plugins.cache.admin import reading
from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.errors import NotFound, RequestError, StoreUnavailable
from litellm_plugins.settings.budgets import nano

if TYPE_CHECKING:
    from litellm_plugins.budgets.ledger import Ledger
    from litellm_plugins.cache.admin.audit import Journal
    from litellm_plugins.settings import Settings

AUDIT_LOG = logging.getLogger("litellm_plugins.audit")
_MOST_USD = Decimal(1_000_000)
_MOST = 10**15
_LIMITS = ("limit_usd", "limit_tokens", "limit_requests")

Json = dict[str, Any]


class BudgetAdmin:
    """One per worker; the ledger is the truth, so what is done here holds for every worker at once.

    Every method raises `RequestError`, `NotFound` or `StoreUnavailable`.
    """

    def __init__(
        self, settings: Settings, overview: Overview, ledger: Ledger, journal: Journal, *, clock_ms: Callable[[], int]
    ) -> None:
        self._names = [budget.name for budget in settings.budgets]
        self._overview, self._ledger, self._journal, self._clock_ms = overview, ledger, journal, clock_ms

    async def list(self, given: Mapping[str, Any]) -> Json:
        """Every account, or those of a budget (`name`), or whose account begins with `account`."""
        reading.refuse_unknown(given, ("name", "account"))
        wanted = {name: reading.text_of(given, name) for name in ("name", "account")}
        now_ms = self._clock_ms()
        views = list(chosen(await self._overview.accounts(now_ms=now_ms), wanted))
        if wanted["name"] is not None and not views:
            self._known(wanted["name"])
        return {"budgets": [as_json(view) for view in views], "at": iso(now_ms)}

    async def show(self, account: str) -> Json:
        """One account."""
        return as_json(await self._one(account))

    async def reset(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """Forget what an account, or all accounts of a budget, have spent in their present window.

        An admin's limits go as well; reservations stand. With `dry_run` say whose it would be.
        """
        reading.refuse_unknown(given, ("account", "budget", "dry_run"))
        account, budget = reading.text_of(given, "account"), reading.text_of(given, "budget")
        if (account is None) == (budget is None):
            raise RequestError("account: give an account, or a budget for all of its accounts", param="account")
        dry_run, now_ms = reading.flag(given, "dry_run", default=False), self._clock_ms()
        if account is not None:
            views = [await self._one(account)]
        else:
            views = [view for view in await self._overview.accounts(now_ms=now_ms) if view.name == budget]
            if not views:
                self._known(budget or "")
        listed = [as_json(view) for view in views]
        if dry_run:
            return {"dry_run": True, "would_reset": len(listed), "budgets": listed}
        for view in views:
            await self._ledger.reset(view.account, now_ms=now_ms)
        await self._note(actor, "budget_reset", len(views), {name: value for name, value in given.items() if value})
        return {"dry_run": False, "reset": len(listed), "budgets": listed}

    async def limit(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """Limits for one account until its window ends; a limit that is null is the settings' again."""
        reading.refuse_unknown(given, ("account", *_LIMITS))
        account = reading.text_of(given, "account")
        if account is None:
            raise RequestError("account: is required", param="account")
        named = [name for name in _LIMITS if name in given]
        if not named:
            raise RequestError(
                f"limit_usd: give at least one of {', '.join(_LIMITS)}; null: as the settings say", param="limit_usd"
            )
        now_ms = self._clock_ms()
        wanted = {name: _limit_of(given, name) for name in named}
        view, covering = await self._one(account), self._overview.covering(account, now_ms=now_ms)
        if covering is None:
            raise RequestError(
                "account: its limits stand in the metadata of a key or team, or its budget is gone", param="account"
            )
        line: Line = covering.line
        present = dict(zip(_LIMITS, (meter.limit for meter in view.meters), strict=True))
        settings = dict(zip(_LIMITS, line.limits, strict=True))
        for name, value in wanted.items():
            present[name] = settings[name] if value is None else value
        found = Limits(*present.values())
        await self._ledger.limit(line, None if found == line.limits else found, now_ms=now_ms)
        await self._note(actor, "budget_limit", 1, dict(given))
        return as_json(await self._one(account))

    async def _one(self, account: str) -> AccountView:
        now_ms = self._clock_ms()
        view = await self._overview.account(account, now_ms=now_ms)
        if view is None:
            raise NotFound(f"no such account: {account[:200]!r}; nobody drew on it in its present window")
        return view

    def _known(self, budget: str) -> None:
        if budget not in self._names:
            names = ", ".join(self._names) or "none"
            raise NotFound(f"no budget of this name: {budget[:80]!r}; in the settings are {names}")

    async def _note(self, actor: str, action: str, count: int, what: Mapping[str, Any]) -> None:
        """Into the log first: it was done, whether or not the journal can say so."""
        record = Record(self._clock_ms() / 1_000, actor, action, count, what)
        AUDIT_LOG.info("%s", orjson.dumps({"event": action, "actor": actor, "count": count, "what": what}).decode())
        try:
            await self._journal.append(record)
        except StoreUnavailable as exc:
            AUDIT_LOG.warning("%s by %s could not be written into the journal: %s", action, actor, exc)


def _limit_of(given: Mapping[str, Any], name: str) -> int | None:
    value = given[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RequestError(f"{name}: expected a number, or null for what the settings say", param=name)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise RequestError(f"{name}: expected a number", param=name) from None
    in_usd = name == "limit_usd"
    exponent = number.as_tuple().exponent
    if not number.is_finite() or not 0 <= number <= (_MOST_USD if in_usd else _MOST):
        raise RequestError(f"{name}: expected 0 to {_MOST_USD if in_usd else _MOST:,}", param=name)
    if not isinstance(exponent, int) or -exponent > (9 if in_usd else 0):
        raise RequestError(f"{name}: expected {'at most nine decimals' if in_usd else 'a whole number'}", param=name)
    return nano(number) if in_usd else int(number)
