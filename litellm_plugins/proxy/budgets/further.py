"""Calls that the host makes of its own accord for one client request, one after the other.

It carries out tools (MCP servers, web searches, code) and asks the model again with what they brought. Every such call
is another bill of the provider's. Pure but for what it reads off the host's objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets import verdicts
from litellm_plugins.budgets.enforcement import Admission
from litellm_plugins.cache.own_calls import OwnCalls
from litellm_plugins.model import BudgetReason
from litellm_plugins.proxy.budgets.held import Held
from litellm_plugins.proxy.budgets.tariff import HostTariff
from litellm_plugins.proxy.budgets.tokens import Asked
from litellm_plugins.proxy.host.conversion import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.settings.budgets import Ledger as Rules

_CONTINUES = "previous_response_id"
_MADE_BY_HOST = ("_skip_mcp_handler", "_agentic_loop_depth")  # in what the host asks for itself


def goes_on(held: Held, kwargs: Mapping[str, Any]) -> bool:
    """Whether the call that is about to be made comes after the one that is `held`, and is not that, tried again.

    Of a stream that a provider was asked for nothing may have come in yet: the host tries that again, too.
    """
    if not (held.asked or held.left_behind):
        return False
    answered = held.settled or held.left_behind or held.reply is not None or held.raw is not None
    return answered or any(kwargs.get(name) for name in _MADE_BY_HOST)


def after(
    first: Held,
    kwargs: Mapping[str, Any],
    call_type: str,
    *,
    book: PriceBook,
    rules: Rules,
    lost: Callable[[Held], None],
) -> Held:
    """What the next call of the request is held by: nothing so far."""
    before, team_id = first.latest, first.caller.identity.team_id
    endpoint = endpoint_of(call_type) or first.tariff.endpoint
    known = _said_before(before, first, kwargs)
    body = kwargs if known is None else {name: value for name, value in kwargs.items() if name != _CONTINUES}
    held = Held(
        f"{first.call_id}-{len(first.further) + 1}",
        caller=first.caller,
        tariff=HostTariff(book, Asked(body, endpoint), rules=rules, team_id=team_id, before=known or 0),
        admission=Admission(verdicts.unlimited(BudgetReason.NO_BUDGET)),
        event=first.event,
        own=OwnCalls(),
        lost=lost,
    )
    held.is_further, held.stream = True, first.stream
    first.further.append(held)
    return held


def logged_by(first: Held, kwargs: Mapping[str, Any]) -> Held:
    """Of which call the host tells. Calls that it keeps one log for it tells of once: of the first."""
    whole = first.log()
    for held in first.further:
        log = held.log()
        if log is not None and log is not whole and _tells(log, kwargs):
            return held
    return first


def _tells(log: Any, kwargs: Mapping[str, Any]) -> bool:
    kept = getattr(log, "model_call_details", None)
    if not isinstance(kept, Mapping):
        return False
    parameters = kept.get("litellm_params")  # of what is told some is left out, and so it may be another dict
    return kept is kwargs or (parameters is not None and parameters is kwargs.get("litellm_params"))


def _said_before(before: Held, first: Held, kwargs: Mapping[str, Any]) -> int | None:
    """Tokens of the response that the call goes on with, where that is the one before; None: it is not known."""
    if not kwargs.get(_CONTINUES) or kwargs[_CONTINUES] == first.tariff.continues or before.paid is None:
        return None
    return before.paid.tokens or None
