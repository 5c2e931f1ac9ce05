"""Which budgets cover a request, and whose accounts they draw on. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from litellm_plugins.budgets.amounts import Limits
from litellm_plugins.budgets.ledger import Line
from litellm_plugins.budgets.windows import span_at
from litellm_plugins.model import Identity
from litellm_plugins.settings import Settings
from litellm_plugins.settings.budgets import Budget, ScopePart, nano

Holder = Literal["team", "key"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is known of a request when its budgets are looked for."""

    identity: Identity
    feature: str = ""
    tags: tuple[str, ...] = ()
    model_groups: tuple[str, ...] = ()  # every one that may answer
    providers: tuple[str, ...] = ()
    # What `metadata["litellm_plugins"]` of the team and of the key holds, whatever it is.
    metadata: Mapping[Holder, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Covering:
    """A budget as it covers one request."""

    line: Line
    budget: Budget  # as it is in force for this request: overrides are in it
    holder: str = ""  # whose account it is, in words and without hashes: "team support"; empty: everybody's


class BudgetPolicy:
    """Which budgets cover a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def covering(self, ask: Ask, *, now_ms: int) -> tuple[Covering, ...]:
        """In the order of the settings, each account once."""
        found: dict[str, Covering] = {}
        for budget in self._settings.budgets:
            span = span_at(budget.window, budget.timezone, now_ms)
            for account, holder in _accounts(budget, ask):
                line = Line(budget.name, account, limits_of(budget), span)
                found.setdefault(account, Covering(line, budget, holder))
        return tuple(found.values())


def limits_of(budget: Budget) -> Limits:
    """What a window of it may hold."""
    usd = None if budget.limit_usd is None else nano(budget.limit_usd)
    return Limits(usd, budget.limit_tokens, budget.limit_requests)


def _accounts(budget: Budget, ask: Ask) -> Iterator[tuple[str, str]]:
    """Name and holder of each account that the request draws on."""
    parts = [part for part in budget.scope if part.kind != "global"]
    for values in itertools.product(*(_values(part, ask) for part in parts)):
        pairs = [f"{part.kind}={quote(value, safe='')}" for part, (value, _) in zip(parts, values, strict=True)]
        name = f"{budget.name}/{','.join(pairs)}" if pairs else budget.name
        yield name, ", ".join(words for _, words in values)


def _values(part: ScopePart, ask: Ask) -> list[tuple[str, str]]:
    """What of the request a part of a scope looks at: the value in the account's name, and its holder in words."""
    raise NotImplementedError
