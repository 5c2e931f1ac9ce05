"""What tells a refusal of the pack's own from every other error of the host's."""

from __future__ import annotations

from typing import Any

from litellm.proxy._types import ProxyException

from litellm_plugins.proxy.budgets.refusal import BudgetRefusal


class Refusal(ProxyException):
    """The request is not fit to be asked; `reason` is the word that log, metric and event carry."""

    def __init__(self, reason: str, **told: Any) -> None:
        super().__init__(**told)
        self.reason = reason


def reason_of(exc: BaseException) -> str | None:
    """Why the pack refused; None: it did not."""
    return exc.reason if isinstance(exc, Refusal | BudgetRefusal) else None
