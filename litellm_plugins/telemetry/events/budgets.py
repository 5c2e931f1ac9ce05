"""What budgets decided and booked, and how their accounts stand."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.model import BudgetReason, BudgetState


@dataclass(frozen=True, slots=True)
class BudgetDecided:
    """The budgets said what becomes of one request."""

    state: BudgetState
    reason: BudgetReason
    model_group: str
    budget: str = ""  # the tightest of those that cover it; of a denial the one without room
    remaining_nano_usd: int | None = None
    reserved_nano_usd: int = 0
    team: str = ""
    key: str = ""
    degraded_to: str = ""  # another model group than was asked for
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetSettled:
    """What one call cost was booked."""

    model_group: str
    budgets: tuple[str, ...]  # the names of those that it was booked on
    nano_usd: int = 0
    tokens: int = 0
    reserved_nano_usd: int = 0
    ending: str = ""  # how it ended: success, failure, or gone: nobody said


@dataclass(frozen=True, slots=True)
class AccountMeasured:
    """What an account holds of one metric, in dollars or as a count; `limit` is None where there is none."""

    budget: str
    holder: str  # in words
    metric: str  # usd, tokens, requests
    spent: float
    reserved: float
    limit: float | None = None
    remaining: float | None = None


@dataclass(frozen=True, slots=True)
class BudgetsMeasured:
    """How the accounts stand: those that are shown, which are always the same ones and perhaps some more."""

    accounts: tuple[AccountMeasured, ...]
    vanished: tuple[tuple[str, str], ...] = ()  # budget and holder of those that stood there and are no more


@dataclass(frozen=True, slots=True)
class DriftMeasured:
    """How far the ledger and the host's own count of a budget's spend are apart, as a share of the larger one."""

    budget: str
    share: float
