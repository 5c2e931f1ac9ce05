"""How long a request may take, and its place in the host's scheduler. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from litellm_plugins.admission.faults import Fault
from litellm_plugins.model import RefusalReason
from litellm_plugins.settings.admission import Priorities, Urgency

_WORDS: tuple[Urgency, ...] = get_args(Urgency)  # the most urgent first


def timeout_s(allowed: float | None, asked: object) -> float | None:
    """The shorter of what the model group has and what the client asked for; None: nothing is to be changed."""
    if allowed is None:
        return None
    if isinstance(asked, int | float) and not isinstance(asked, bool) and 0 < asked <= allowed:
        return None
    return allowed


def priority(
    asked: object, field: str, rules: Priorities | None, *, held_to: Iterable[object] = ()
) -> int | Fault | None:
    """The number for the scheduler; None: not put in order. `held_to` are the words of its key and team.

    A word of theirs that is none of ours holds them to the lowest: it was meant to hold them to something.
    """
    if asked is not None and asked not in _WORDS:
        return Fault(RefusalReason.BAD_PRIORITY, field, f"{field}: expected one of {', '.join(_WORDS)}")
    if rules is None:
        return None
    wanted = asked if asked is not None else rules.default
    if wanted is None:
        return None
    ceilings = [rules.highest, *(each for each in held_to if each is not None)]
    places = [_WORDS.index(each) if each in _WORDS else len(_WORDS) - 1 for each in (wanted, *ceilings)]
    return int(getattr(rules, _WORDS[max(places)]))
