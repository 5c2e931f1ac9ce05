"""How near a request brings the budgets that cover it to their limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from litellm_plugins.budgets.amounts import METRICS, NOTHING, Amounts, Metric
from litellm_plugins.budgets.ledger import Balance
from litellm_plugins.budgets.policy import Covering


@dataclass(frozen=True, slots=True)
class Standing:
    """How one limit of one budget stands."""

    covering: Covering
    metric: Metric
    limit: int
    spent: int
    reserved: int  # of a granted request with its own, of a refused one without

    @property
    def left(self) -> int:
        """Never below 0."""
        return max(0, self.limit - self.spent - self.reserved)

    @property
    def share_left(self) -> Fraction:
        """Of the limit, so that dollars and tokens compare; a limit of 0 has nothing left."""
        return Fraction(self.left, self.limit) if self.limit else Fraction(0)

    @property
    def share_held(self) -> Fraction:
        """Of the limit, spent or reserved; it may be above 1."""
        return Fraction(self.spent + self.reserved, self.limit) if self.limit else Fraction(1)


@dataclass(frozen=True, slots=True)
class PassedMark:
    """A soft mark that is reached."""

    budget: str
    account: str
    mark: float
    metric: Metric


def standings(covering: Covering, balance: Balance, amount: Amounts = NOTHING) -> Iterator[Standing]:
    """Every limit of a budget, once `amount` more is reserved. An admin's limits come before the settings'."""
    limits = balance.limits or covering.line.limits
    for metric, limit, spent, reserved, more in zip(
        METRICS, limits, balance.spent, balance.reserved, amount, strict=True
    ):
        if limit is not None:
            yield Standing(covering, metric, limit, spent, reserved + more)


def tightest(of: Iterable[Standing]) -> Standing | None:
    """The one with the smallest share left, the first of several; None where nothing is limited."""
    return min(of, key=lambda standing: standing.share_left, default=None)


def marks_passed(covering: Covering, balance: Balance, amount: Amounts = NOTHING) -> tuple[PassedMark, ...]:
    """The soft marks that what is held, and `amount` more, reaches on any limit; the highest last."""
    fullest = max(standings(covering, balance, amount), key=lambda standing: standing.share_held, default=None)
    if fullest is None:
        return ()
    line = covering.line
    reached = (mark for mark in covering.budget.soft if fullest.share_held >= Fraction(str(mark)))
    return tuple(PassedMark(line.budget, line.account, mark, fullest.metric) for mark in reached)
