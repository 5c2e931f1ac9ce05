"""The gate as administrators ask for it: which checks they mean, and the judgement as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.admin import reading
from litellm_plugins.cache.gate import judge
from litellm_plugins.errors import RequestError

if TYPE_CHECKING:
    from litellm_plugins.cache.checks import Check, CheckStore

_MOST = 20_000
_HOUR_S = 3_600.0
_AT_LEAST = 0.95
_GROUPS: dict[str, Callable[[Check], str]] = {
    "layer": lambda check: check.layer,
    "team": lambda check: check.team,
    "model": lambda check: check.model_group,
}


async def gate_of(checks: CheckStore, given: Mapping[str, Any], *, now: float) -> dict[str, Any]:
    """The judgement over what `given` names. Raises: RequestError, StoreUnavailable."""
    reading.refuse_unknown(given, ("at_least", "team", "model", "by", "hours"))
    at_least, hours, by = _number(given, "at_least", below=1.0), _number(given, "hours"), reading.text_of(given, "by")
    if by is not None and by not in _GROUPS:
        raise RequestError(f"by: expected one of {', '.join(_GROUPS)}", param="by")
    found = await checks.newest(
        _MOST,
        since=0.0 if hours is None else now - hours * _HOUR_S,
        team=reading.text_of(given, "team", may_be_empty=True),
        model_group=reading.text_of(given, "model"),
    )
    goal = _AT_LEAST if at_least is None else at_least
    told = {**asdict(judge(found, at_least=goal)), "oldest": found[-1].at if found else None}
    if by is None:
        return told
    groups: dict[str, list[Check]] = {}
    for check in found:
        groups.setdefault(_GROUPS[by](check), []).append(check)
    return {**told, "by": {name: asdict(judge(group, at_least=goal)) for name, group in sorted(groups.items())}}


def _number(given: Mapping[str, Any], name: str, *, below: float = 1e6) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if isinstance(value, bool) or not 0 < number < below:
        raise RequestError(f"{name}: expected a number above 0 and below {below:g}", param=name)
    return number
