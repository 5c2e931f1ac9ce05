"""What differs in a budget for one team or key: `per_team.X.budgets`, `per_key.X.budgets`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from litellm_plugins.settings.budgets import Budget, Kind

Over = Mapping[str, Any] | None  # the fields that change; None: the budget is off for them

_TABLES: dict[str, Kind] = {"per_team": "team", "per_key": "key"}
_NAMES = ("name", "scope")
_WINDOW = ("window", "timezone")


def budget_with(budget: Budget, over: Mapping[str, Any]) -> Budget:
    """The budget with the fields that `over` names. Raises: ValidationError."""
    given = {name: getattr(budget, name) for name in budget.model_fields_set}
    return Budget.model_validate({**given, **over})


def budgets_with(budgets: Sequence[Budget], *overrides: Mapping[str, Over]) -> tuple[Budget, ...]:
    """The budgets in force under overrides, the wider first.

    Each override fits the settings, which is checked at boot; where two do not fit each other, the narrower holds.
    """
    return tuple(found for budget in budgets if (found := _with_all(budget, overrides)) is not None)


def _with_all(budget: Budget, overrides: Sequence[Mapping[str, Over]]) -> Budget | None:
    merged: Budget | None = budget
    for over in (each[budget.name] for each in overrides if budget.name in each):
        if over is None:
            merged = None
            continue
        try:
            merged = budget_with(merged or budget, over)
        except ValidationError:
            merged = budget_with(budget, over)
    return merged


def misplaced(table: str, name: str, over: Over, budgets: Mapping[str, Budget | None]) -> Iterator[str]:
    """What is wrong with an override as such, each as the rest of a line whose path leads to the override.

    `budgets` are those of the settings by name, None where one has faults of its own.
    """
    kind = _TABLES.get(table)
    if kind is None:
        yield ": budgets are overridden per team or key only; for a model write a budget with scope model"
        return
    if name not in budgets:
        near = difflib.get_close_matches(name, budgets, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(budgets)) or 'none'}"
        yield f": no budget of this name; {hint}"
        return
    for field in _NAMES:
        if field in (over or ()):
            yield f".{field}: whose account it is stays as it is; write a budget of its own"
    budget = budgets[name]
    if budget is not None and all(part.kind != kind for part in budget.scope):
        for field in _WINDOW:
            if field in (over or ()):
                yield (
                    f".{field}: others draw on the same account, and it has one window; write a budget of its own, "
                    f"or give this one a scope with {kind}"
                )
