"""From the name of an account back to the budget and to whose it is; and the accounts that nobody drew on yet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

from litellm_plugins.budgets.policy import OTHER, Ask, BudgetPolicy, Covering
from litellm_plugins.model import Identity
from litellm_plugins.settings import Settings, VirtualKeys
from litellm_plugins.settings.budgets import Budget

_SHOWN_OF_A_HASH = 8


class Accounts:
    """Finds the budget of an account as the settings have it, with the overrides of its team and key.

    What keys and teams bring along in their metadata is not known here: the ledger keeps the limits of it.
    """

    def __init__(self, settings: Settings, listed: Callable[[], VirtualKeys] | None = None) -> None:
        """`listed`: teams and keys as they are listed now, those of a keys file too; else those of the settings.

        An account has ids only. Overrides may be by alias, and of a key's team.
        """
        self._policy = BudgetPolicy(settings)
        self._budgets = {budget.name: budget for budget in settings.budgets}
        self._inline = Names(settings.virtual_keys)
        self._listed, self._names = listed or (lambda: settings.virtual_keys), self._inline

    @property
    def _known(self) -> Names:
        listed = self._listed()
        if self._names.listed is not listed:
            self._names = Names(listed)
        return self._names

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
        known = self._known
        alias = known.keys.get(value) if kind == "key" else known.teams.get(value) if kind == "team" else None
        hashed = kind == "key" and len(value) > 2 * _SHOWN_OF_A_HASH
        return printable(alias or (f"{value[:_SHOWN_OF_A_HASH]}…" if hashed else value))

    def _known_values(self, budget: Budget) -> Iterator[dict[str, str]]:
        fixed: dict[str, str] = {part.kind: part.value for part in budget.scope if part.value is not None}
        open_kinds = [part.kind for part in budget.scope if part.value is None and part.kind != "global"]
        if not open_kinds:
            yield dict(fixed)
        elif open_kinds == ["team"]:
            yield from ({**fixed, "team": team} for team in self._inline.teams)
        elif open_kinds == ["key"]:
            yield from ({**fixed, "key": key} for key in self._inline.keys)

    def _ask(self, values: Mapping[str, str]) -> Ask:
        def some(kind: str) -> tuple[str, ...]:
            return (values[kind],) if kind in values else ()

        known, key = self._known, values.get("key")
        team = values.get("team") or known.team_of.get(key or "")
        who = Identity(
            key_id=key,
            key_alias=known.keys.get(key or ""),
            team_id=team,
            team_alias=known.teams.get(team or ""),
            user_id=values.get("user"),
            end_user_id=values.get("end_user"),
        )
        return Ask(who, values.get("feature", ""), some("tag"), some("model"), some("provider"))


class Names:
    """What teams and keys are called: aliases by id, names by hash, and whose a key is."""

    def __init__(self, listed: VirtualKeys) -> None:
        self.listed = listed
        hashed = [(key.hash.removeprefix("sha256:"), key) for key in listed.keys]
        self.keys = {each: key.name for each, key in hashed}
        self.team_of = {each: key.team for each, key in hashed if key.team}
        self.teams = {team.id: team.alias for team in listed.teams}


def parts_of(account: str) -> tuple[str, dict[str, str]]:
    """The budget's name, and the values of its scope by kind."""
    name, _, scope = account.partition("/")
    pairs = (part.partition("=") for part in scope.split(",") if part)
    return name, {kind: unquote(value, errors="replace") for kind, _, value in pairs}


def printable(text: str) -> str:
    """As it may stand in a table, a label or a message."""
    return "".join(char if char.isprintable() else "?" for char in text).encode("utf-8", "replace").decode()
