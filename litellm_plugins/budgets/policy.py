"""Which budgets cover a request, and on whose accounts it draws."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote

from litellm_plugins.budgets.amounts import Limits
from litellm_plugins.budgets.from_metadata import Holder, Merged, merged_with, text_of
from litellm_plugins.budgets.ledger import Line, Span
from litellm_plugins.budgets.windows import span_at
from litellm_plugins.model import Identity
from litellm_plugins.settings import Settings
from litellm_plugins.settings.budget_overrides import budgets_with
from litellm_plugins.settings.budgets import CLIENT_NAMED, Budget, ScopePart, Window, nano

_LOG = logging.getLogger(__name__)
_LONGEST_VALUE = 128  # characters; end user and feature are the client's own words
_LONGEST_WORDS = 64
_CHOSEN, _ANY = ("model", "provider"), "~any"  # whoever answers, where that is not known
OTHER = "~other"  # no value of a client's is written so


@dataclass(frozen=True, slots=True)
class Ask:
    """What is known of a request when its budgets are looked for."""

    identity: Identity
    feature: str = ""
    tags: tuple[str, ...] = ()
    model_groups: tuple[str, ...] = ()  # every one that may answer
    providers: tuple[str, ...] = ()
    goes_anywhere: bool = False  # model and provider are not known: it may be any
    # What `metadata["litellm_plugins"]` of the team and of the key holds, whatever it is.
    metadata: Mapping[Holder, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Covering:
    """A budget as it covers one request."""

    line: Line
    budget: Budget  # as it is in force for this request: overrides and metadata are in it
    holder: str = ""  # whose account it is, in words and without hashes: "team support"; empty: everybody's

    @property
    def counted_among_others(self) -> Covering:
        """On the account of all for whom there was none left."""
        return replace(self, line=self.line.counted_among_others, holder="all others")

    def counted_on(self, account: str) -> Covering:
        """As the ledger counts it: on its own account, or among the others."""
        return self.counted_among_others if account == self.line.shared != self.line.account else self


class BudgetPolicy:
    """Which budgets cover a request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.names = frozenset(budget.name for budget in settings.budgets)  # others come from metadata, without end
        self._merged = lru_cache(maxsize=4_096)(self._merge)
        self._told = lru_cache(maxsize=4_096)(_tell)  # once each
        self._spans: dict[tuple[Window, str], Span] = {}

    def covering(self, ask: Ask, *, now_ms: int) -> tuple[Covering, ...]:
        """In the order of the settings, then the team's own, then the key's own; each account once."""
        found: dict[str, Covering] = {}
        for budget in self._in_force(ask):
            by_holder = self._by_holder(budget, ask)
            for account, holder, shared in _accounts(budget, ask):
                limits, span, most = limits_of(budget), self._span(budget, now_ms), budget.max_accounts if shared else 0
                line = Line(budget.name, account, limits, span, shared, most, by_holder)
                found[account] = Covering(line, budget, holder)
        return tuple(found.values())

    def _in_force(self, ask: Ask) -> tuple[Budget, ...]:
        merged = self._merged(*self._holders(ask), text_of(ask.metadata.get("team")), text_of(ask.metadata.get("key")))
        for holder, fault in merged.faults:
            self._told(_named(holder, ask.identity), fault)
        return merged.budgets

    def _holders(self, ask: Ask) -> tuple[str | None, str | None]:
        """The team and the key as the settings name them, if they do."""
        s, who = self._settings, ask.identity
        team = next((name for name in (who.team_id, who.team_alias) if name in s.per_team), None)
        return team, next((name for name in (who.key_id, who.key_alias) if name in s.per_key), None)

    def _by_holder(self, budget: Budget, ask: Ask) -> Limits | None:
        """The limits that metadata gives all who draw on the account; None: it says nothing, or of some of them only.

        A key has one team, so both speak for a key's account; on a team's the key's word is for the key alone.
        """
        if not ask.metadata:
            return None
        kinds = {part.kind for part in budget.scope}
        (team, key), said = self._holders(ask), text_of(ask.metadata.get("team"))
        if "key" in kinds:
            of_settings, in_force = self._merged(team, key, "", ""), budget
        elif "team" in kinds:
            of_settings = self._merged(team, None, "", "")
            in_force = next((b for b in self._merged(team, None, said, "").budgets if b.name == budget.name), budget)
        else:
            return None
        known = next((limits_of(b) for b in of_settings.budgets if b.name == budget.name), None)
        return None if known == limits_of(in_force) else limits_of(in_force)

    def _merge(self, team: str | None, key: str | None, team_text: str, key_text: str) -> Merged:
        s = self._settings
        named = [(s.per_team, team), (s.per_key, key)]
        budgets = budgets_with(s.budgets, *(table[name].budgets for table, name in named if name is not None))
        return merged_with(budgets, self.names, {"team": team_text, "key": key_text})

    def _span(self, budget: Budget, now_ms: int) -> Span:
        """The last one is kept: by the calendar it holds for long."""
        which = (budget.window, budget.timezone)
        span = self._spans.get(which)
        if span is None or not span.start_ms <= now_ms < span.end_ms:
            span = span_at(*which, now_ms)
            if len(self._spans) < 1_024:
                self._spans[which] = span
        return span


def limits_of(budget: Budget) -> Limits:
    """What a window of it may hold."""
    usd = None if budget.limit_usd is None else nano(budget.limit_usd)
    return Limits(usd, budget.limit_tokens, budget.limit_requests)


def _tell(who: str, fault: str) -> None:
    _LOG.warning("metadata of %s: %s; the budgets of the settings hold without it", who, fault)


def _named(holder: Holder, who: Identity) -> str:
    alias = who.key_alias if holder == "key" else who.team_alias or who.team_id
    return f"{holder} {_shown(alias)}" if alias else f"a {holder} without an alias"


def _accounts(budget: Budget, ask: Ask) -> Iterator[tuple[str, str, str]]:
    """Name and holder of each account on which the request draws, and which one counts it if there are too many.

    That one is for each key, team and user by itself: who invents values takes places from his own kind only.
    """
    parts = [part for part in budget.scope if part.kind != "global"]
    open_parts = [part.value is None and part.kind in CLIENT_NAMED for part in parts]
    for chosen in itertools.product(*(_values(part, ask) for part in parts)):
        values = [_encoded(value) for value, _ in chosen]
        others = [OTHER if is_open else value for is_open, value in zip(open_parts, values, strict=True)]
        holder = ", ".join(words for _, words in chosen)
        yield (
            _named_after(budget, parts, values),
            holder,
            _named_after(budget, parts, others) if any(open_parts) else "",
        )


def _named_after(budget: Budget, parts: list[ScopePart], values: list[str]) -> str:
    pairs = ",".join(f"{part.kind}={value}" for part, value in zip(parts, values, strict=True))
    return f"{budget.name}/{pairs}" if pairs else budget.name


def _values(part: ScopePart, ask: Ask) -> list[tuple[str, str]]:
    """What a part of a scope sees in the request: the value in the account's name, and its holder in words.

    Where the scope names a value, that is the one account, whether id or alias was written.
    """
    who, wanted = ask.identity, part.value
    if part.kind == "key":
        return _one(wanted, who.key_id, who.key_alias, f"key {_shown(who.key_alias)}" if who.key_alias else "this key")
    if part.kind == "team":
        return _one(wanted, who.team_id, who.team_alias, f"team {_shown(who.team_alias or who.team_id)}")
    if ask.goes_anywhere and part.kind in _CHOSEN:
        return [(wanted or _ANY, f"{part.kind} {_shown(wanted)}" if wanted else f"any {part.kind}")]
    seen = {
        "user": (who.user_id,),
        "end_user": (who.end_user_id,),
        "feature": (ask.feature,),
        "tag": ask.tags,
        "model": ask.model_groups,
        "provider": ask.providers,
    }[part.kind]
    kind = part.kind.replace("_", " ")
    return [(value, f"{kind} {_shown(value)}") for value in seen if value and wanted in (None, value)]


def _one(wanted: str | None, name: str | None, alias: str | None, words: str) -> list[tuple[str, str]]:
    if wanted is None:
        return [(name, words)] if name else []
    return [(wanted, words)] if wanted in (name, alias) else []


def _encoded(value: str) -> str:
    """As part of a name of bounded length, in which nothing can be mistaken for anything else."""
    if len(value) > _LONGEST_VALUE:
        digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
        value = f"{value[:_LONGEST_WORDS]}~{digest}"
    text = quote(value, safe="", errors="surrogatepass")
    return f"%7E{text[1:]}" if text.startswith("~") else text


def _shown(value: str | None) -> str:
    """As it may stand in a sentence."""
    text = (value or "")[:_LONGEST_WORDS]
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
