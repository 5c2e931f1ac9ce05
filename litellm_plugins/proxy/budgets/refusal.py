"""Refusing a request, so that the host neither retries it nor falls back from it, and the client can read why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm.exceptions import GuardrailRaisedException
from litellm.proxy._types import ProxyException

from litellm_plugins.model import BudgetReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_plugins.budgets.verdicts import BudgetVerdict

_KIND = "budget_exceeded"
_LEDGER_GONE = "budget_ledger_unavailable"


class BudgetRefusal(ProxyException, GuardrailRaisedException):
    """429 with a body that names budget, limit, spend and reset; 503 where the ledger cannot be asked.

    The first base says to the host's routes what the client gets, the second, with a `status_code` of 400, says to its
    router that another try is of no use. Before the router there is nobody to tell that, and the routes of images and
    speech read nothing but the `status_code`.
    """

    def __init__(self, verdict: BudgetVerdict, headers: Mapping[str, str], *, in_router: bool) -> None:
        gone = verdict.reason is BudgetReason.LEDGER_UNAVAILABLE
        status = 503 if gone else 429
        kind = _LEDGER_GONE if gone else _KIND
        told = {**headers, "x-should-retry": "false"}
        if verdict.retry_after_s is not None:
            told["retry-after"] = str(verdict.retry_after_s)
        super().__init__(
            message=verdict.message,
            type=kind,
            param=None,
            code=status,
            headers=told,
            openai_code=kind,
        )
        self.reason = str(verdict.reason)
        self.message = verdict.message  # the second base put its own words around it
        self.args = (verdict.message,)
        self.status_code, self.guardrail_name = 400 if in_router else status, _KIND
