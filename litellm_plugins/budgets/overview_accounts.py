"""From the name of an account back to the budget and to whose it is; and the accounts that nobody drew on yet. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from litellm_plugins.budgets.policy import OTHER, Ask, BudgetPolicy, Covering
from litellm_plugins.model import Identity
from litellm_plugins.settings import Settings
from litellm_plugins.settings.budgets import Budget

_SHOWN_OF_A_HASH = 8


class Accounts:
    """Finds the budget of an account as the settings have it, with the overrides of its team and key.

    What keys and teams bring along in their metadata is not known here: the ledger keeps the limits of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._policy = BudgetPolicy(settings)
        self._budgets = {budget.name: budget for budget in settings.budgets}
        keys, teams = settings.virtual_keys.keys, settings.virtual_keys.teams
        self._keys = {key.hash.removeprefix("sha256:"): key.name for key in keys}
        self._teams = {team.id: team.alias for team in teams}

    def covering(self, account: str, *, now_ms: int) -> Covering | None:
        """None where the settings know no budget for it."""
        name, values = parts_of(account)
        if name not in self._budgets:
            return None
        found = self._policy.covering(self._ask(values), now_ms=now_ms)
        counted = (each.counted_on(account) for each in found)
        return next((each for each in counted if each.line.account == account), None)

    def expected(self, *, now_ms: int) -> Iterator[Covering]:
        """Of accounts known beforehand: everybody's, those of named values, those of the YAML's teams and keys."""
        for budget in self._budgets.values():
            for values in self._known_values(budget):
                found = self._policy.covering(self._ask(values), now_ms=now_ms)
                yield from (each for each in found if each.line.budget == budget.name)

    def holder(self, account: str) -> str:
        """Whose it is, in words; "" where it is everybody's."""
        _, values = parts_of(account)
        others = {kind for kind in values if f"{kind}={OTHER}" in account.partition("/")[2].split(",")}
        words = ((kind.replace("_", " "), kind, value) for kind, value in values.items())
        return ", ".join(
            f"every other {shown}" if kind in others else f"{shown} {self._named(kind, value)}"
            for shown, kind, value in words
        )

    def _named(self, kind: str, value: str) -> str:
        alias = self._keys.get(value) if kind == "key" else self._teams.get(value) if kind == "team" else None
        hashed = kind == "key" and len(value) > 2 * _SHOWN_OF_A_HASH
        return printable(alias or (f"{value[:_SHOWN_OF_A_HASH]}…" if hashed else value))

    def _known_values(self, budget: Budget) -> Iterator[dict[str, str]]:
        fixed: dict[str, str] = {part.kind: part.value for part in budget.scope if part.value is not None}
        open_kinds = [part.kind for part in budget.scope if part.value is None and part.kind != "global"]
        if not open_kinds:
            yield dict(fixed)
        elif open_kinds == ["team"]:
            yield from ({**fixed, "team": team} for team in self._teams)
        elif open_kinds == ["key"]:
            yield from ({**fixed, "key": key} for key in self._keys)

    def _ask(self, values: Mapping[str, str]) -> Ask:
        def some(kind: str) -> tuple[str, ...]:
            return (values[kind],) if kind in values else ()

        team, key = values.get("team"), values.get("key")
        who = Identity(
            key_id=key,
            key_alias=self._keys.get(key or ""),
            team_id=team,
            team_alias=self._teams.get(team or ""),
            user_id=values.get("user"),
            end_user_id=values.get("end_user"),
        )
        return Ask(who, values.get("feature", ""), some("tag"), some("model"), some("provider"))


def parts_of(account: str) -> tuple[str, dict[str, str]]:
    """The budget's name, and the values of its scope by kind."""
    name, _, scope = account.partition("/")
    pairs = (part.partition("=") for part in scope.split(",") if part)
    return name, {kind: unquote(value, errors="replace") for kind, _, value in pairs}


def printable(text: str) -> str:
    """As it may stand in a table, a label or a message."""
    return "".join(char if char.isprintable() else "?" for char in text).encode("utf-8", "replace").decode()
