"""What the budgets say of one request: a frozen verdict, and the words of a refusal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Metric
from litellm_plugins.budgets.ledger import Balance, Denied, Granted
from litellm_plugins.budgets.policy import Covering
from litellm_plugins.model import BudgetReason, BudgetState
from litellm_plugins.settings.budgets import Degrade


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit of one budget stands, this request's own reservation among what is reserved."""

    covering: Covering
    metric: Metric
    limit: int
    spent: int
    reserved: int

    @property
    def left(self) -> int:
        """Never below 0."""
        return max(0, self.limit - self.spent - self.reserved)

    @property
    def share_left(self) -> Fraction:
        """Of the limit; a limit of 0 has nothing left."""
        return Fraction(self.left, self.limit) if self.limit else Fraction(0)


@dataclass(frozen=True, slots=True)
class PassedMark:
    """A soft mark that was passed before this request."""

    budget: str
    account: str
    mark: float
    metric: Metric


@dataclass(frozen=True, slots=True)
class BudgetVerdict:
    """State, reason, the tightest limit; of a denial also what the client is told."""

    state: BudgetState
    reason: BudgetReason
    tightest: Standing | None = None  # of a denial the one without room
    remaining_nano_usd: int | None = None  # of the tightest limit in dollars; None: none covers the request
    marks: tuple[PassedMark, ...] = ()
    degrade: Degrade | None = None  # what the settings want of this request now; None: serve it as asked
    message: str = ""
    retry_after_s: int | None = None  # None: waiting does not help

    @property
    def budget(self) -> str:
        """The name of the tightest budget, or ""."""
        return self.tightest.covering.line.budget if self.tightest else ""


def granted(
    coverings: Sequence[Covering], grant: Granted, amount: Amounts, *, degraded: BudgetReason | None = None
) -> BudgetVerdict:
    """Of a request whose lines were those of `coverings`, in their order.

    `degrade` is set where a last soft mark with `on_soft: degrade` was passed, unless it is `degraded` already: why.
    """
    raise NotImplementedError


def refused(coverings: Sequence[Covering], denial: Denied, amount: Amounts, *, now_ms: int) -> BudgetVerdict:
    """Of a request that found no room. `degrade` is set where the budget says `on_hard: degrade`."""
    raise NotImplementedError


def above_cap(coverings: Sequence[Covering], amount: Amounts) -> BudgetVerdict | None:
    """The refusal of a request that may cost more than a `max_request_usd`; None: it may not. Needs no ledger."""
    raise NotImplementedError


def unlimited(reason: BudgetReason) -> BudgetVerdict:
    """Nothing was reserved: no budget covers it, it was a hit, or the ledger is gone and that is allowed."""
    return BudgetVerdict(BudgetState.OK, reason)


def unpriced(coverings: Sequence[Covering], model: str) -> BudgetVerdict:
    """The refusal of a model without a price under a budget in dollars."""
    raise NotImplementedError


def ledger_unavailable(coverings: Sequence[Covering]) -> BudgetVerdict:
    """Denied, unless every budget says `on_ledger_failure: allow`."""
    raise NotImplementedError


def marks_passed(covering: Covering, balance: Balance, amount: Amounts = NOTHING) -> tuple[PassedMark, ...]:
    """The soft marks that what is held, and `amount` more, has reached; the highest last."""
    raise NotImplementedError


def header_usd(nano_usd: int) -> str:
    """Dollars with six decimals, rounded down and never below zero: "0.000000"."""
    micro = max(0, nano_usd) // 1_000
    return f"{micro // 1_000_000}.{micro % 1_000_000:06d}"
