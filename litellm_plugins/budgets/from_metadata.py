"""Budgets from `metadata.litellm_plugins.budgets` of a key or a team, as LiteLLM's own API keeps it. Pure.

Whoever may make a key may write its metadata. So it can tighten what the settings say and add budgets on accounts of
its own holder, nothing else: it cannot lift a limit, touch what others draw on, or name a model to be served by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import ValidationError

from litellm_plugins.settings.budgets import KINDS, Budget, BudgetLimits, ScopePart

Holder = Literal["team", "key"]

MOST = 16  # entries of one holder: each may cost every request an account
_LONGEST = 16_384  # characters
_UNREADABLE = "null"
_ROOT = "litellm_plugins.budgets"
_ELSEWHERE = ".*"
_LIMITS = tuple(BudgetLimits.model_fields)
_NOT_THEIRS = (
    "degrade",
    "on_ledger_failure",
    "max_accounts",
)  # degrade.model would lead past the models that a key may use
_FIELDS = frozenset(Budget.model_fields)


@dataclass(frozen=True, slots=True)
class Merged:
    """The budgets in force, and what in the metadata could not be used: without any value from it."""

    budgets: tuple[Budget, ...]
    faults: tuple[tuple[Holder, str], ...] = ()


class _Fault(Exception):
    """Why an entry is left out: the end of a line whose path leads to it."""


def text_of(metadata: object) -> str:
    """What `metadata["litellm_plugins"]` says of budgets, as JSON; "" where it says nothing."""
    if metadata is None or (isinstance(metadata, Mapping) and metadata.get("budgets") is None):
        return ""
    try:
        given = metadata["budgets"] if isinstance(metadata, Mapping) else None
        text = orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        return _UNREADABLE
    return text if len(text) <= _LONGEST else _UNREADABLE


def merged_with(in_force: Sequence[Budget], known: frozenset[str], texts: Mapping[Holder, str]) -> Merged:
    """`in_force` tightened, and more of them, by what `text_of` found for each holder.

    `known` are all names of the settings, also of those budgets that are off for these holders.
    """
    budgets = {budget.name: budget for budget in in_force}
    extra: dict[tuple[Holder, str], Budget] = {}
    faults: list[tuple[Holder, str]] = []
    for holder, text in texts.items():
        entries = _entries(text, known) if text else []
        if len(entries) > MOST:
            faults.append((holder, f"{_ROOT}: more than {MOST} entries; those after are left out"))
        for path, name, entry in entries[:MOST]:
            try:
                if path == _ELSEWHERE:
                    raise _Fault(": no budget of the settings has this name; one of their own stands in a list")
                if name in known:
                    budgets[name] = _tightened(budgets.get(name), entry)
                elif (holder, name) in extra:
                    raise _Fault(".name: given twice")
                else:
                    extra[holder, name] = _extra(holder, entry)
            except _Fault as fault:
                faults.append((holder, f"{_ROOT}{path}{fault}"))
    return Merged((*budgets.values(), *extra.values()), tuple(faults))


def _entries(text: str, known: frozenset[str]) -> list[tuple[str, str, object]]:
    """Path, name and fields of each entry: of a list, or of a mapping by name.

    A key of the mapping is repeated only where it is a name of the settings: it may be anything.
    """
    given = orjson.loads(text)
    if isinstance(given, dict):
        return [(f".{name}" if name in known else _ELSEWHERE, name, each) for name, each in given.items()]
    if not isinstance(given, list):
        return [("", "", None)]
    names = [each.get("name") if isinstance(each, dict) else "" for each in given]
    return [(f".{i}", name if isinstance(name, str) else "", given[i]) for i, name in enumerate(names)]


def _fields(entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise _Fault(
            ": expected a list of budgets, or limits by the name of a budget of the settings, as JSON, not long"
        )
    return entry


def _tightened(budget: Budget | None, entry: object) -> Budget:
    given = {field: value for field, value in _fields(entry).items() if field != "name"}
    if budget is None:
        raise _Fault(": the settings switch this budget off for them")
    if not set(given) <= set(_LIMITS):
        raise _Fault(f": of a budget of the settings only limits can be tightened: {', '.join(_LIMITS)}")
    try:
        limits = BudgetLimits.model_validate(given)
    except ValidationError as exc:
        raise _Fault(_words(exc)) from None
    pairs = {field: (getattr(budget, field), getattr(limits, field)) for field in _LIMITS}
    return budget.model_copy(update={field: _lower(*pair) for field, pair in pairs.items() if pair[1] is not None})


def _lower(theirs: Any, ours: Any) -> Any:  # noqa: ANN401 - both are of one type, dollars or a count
    return ours if theirs is None else min(theirs, ours)


def _extra(holder: Holder, entry: object) -> Budget:
    given = _fields(entry)
    for field in _NOT_THEIRS:
        if field in given:
            raise _Fault(f".{field}: stands in the settings only")
    try:
        budget = Budget.model_validate(given)
    except ValidationError as exc:
        raise _Fault(_words(exc)) from None
    parts = [part for part in budget.scope if part.kind not in ("global", holder)]
    if any(part.kind == holder and part.value is not None for part in budget.scope):
        raise _Fault(f".scope: it covers this {holder}, and needs no value that says which")
    if holder == "key" and any(part.kind == "team" for part in parts):
        raise _Fault(".scope: the account of a key's own budget is the key's; leave team out")
    parts.append(ScopePart(kind=holder))
    return budget.model_copy(update={"scope": tuple(sorted(parts, key=lambda part: KINDS.index(part.kind)))})


def _words(exc: ValidationError) -> str:
    """The first fault, without the value that was given and without names that are not ours."""
    error = exc.errors(include_input=False, include_url=False)[0]
    path = "".join(f".{step}" if isinstance(step, int) or step in _FIELDS else ".*" for step in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown; known are {', '.join(sorted(_FIELDS.difference(_NOT_THEIRS)))}"
    return f"{path}: {error['msg'].removeprefix('Value error, ').lower()}"
