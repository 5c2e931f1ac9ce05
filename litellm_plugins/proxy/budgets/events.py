"""What the budgets tell of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.telemetry.events import BudgetDecided, BudgetSettled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_plugins.budgets.amounts import Amounts
    from litellm_plugins.budgets.enforcement import Admission, Caller
    from litellm_plugins.budgets.ledger import Line


def decided(admission: Admission, caller: Caller, model_group: str, took_s: float) -> BudgetDecided:
    """What was decided for a request."""
    verdict, change, who = admission.verdict, admission.change, caller.identity
    return BudgetDecided(
        verdict.state,
        verdict.reason,
        model_group,
        budget=verdict.budget,
        remaining_nano_usd=verdict.remaining_nano_usd,
        reserved_nano_usd=admission.amount.nano_usd if admission.reserved else 0,
        team=who.team_name,
        key=who.key_name,
        degraded_to=(change.model or "") if change and not admission.is_denied else "",
        took_ms=took_s * 1_000,
    )


def settled(model_group: str, lines: Sequence[Line], actual: Amounts, reserved: Amounts, ending: str) -> BudgetSettled:
    """What was booked for one."""
    return BudgetSettled(
        model_group,
        tuple(dict.fromkeys(line.budget for line in lines)),
        nano_usd=actual.nano_usd,
        tokens=actual.tokens,
        reserved_nano_usd=reserved.nano_usd,
        ending=ending,
    )
