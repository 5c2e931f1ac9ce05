"""What the budgets say of one request, as a frozen verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from litellm_plugins.budgets import refusals
from litellm_plugins.budgets.amounts import METRICS, Amounts
from litellm_plugins.budgets.ledger import Denied, Granted
from litellm_plugins.budgets.policy import Covering
from litellm_plugins.budgets.standing import PassedMark, Standing, marks_passed, standings, tightest
from litellm_plugins.model import BudgetReason, BudgetState
from litellm_plugins.settings.budgets import Budget, Degrade, nano

__all__ = [
    "BudgetVerdict",
    "PassedMark",
    "Standing",
    "above_cap",
    "granted",
    "in_dollars",
    "ledger_unavailable",
    "marks_passed",
    "refused",
    "uncovered",
    "unknown",
    "unlimited",
    "unpriced",
]

_RETRY_LEDGER_S = 5


@dataclass(frozen=True, slots=True)
class BudgetVerdict:
    """State, reason, the tightest limit; of a denial also what the client is told."""

    state: BudgetState
    reason: BudgetReason
    tightest: Standing | None = None  # of a denial the one without room
    remaining_nano_usd: int | None = None  # of the tightest limit in dollars; None: there is none
    marks: tuple[PassedMark, ...] = ()
    degrade: Degrade | None = None  # what the settings want of this request now; None: nothing
    message: str = ""
    retry_after_s: int | None = None  # None: waiting does not help
    about: Covering | None = None  # the budget that the refusal speaks of

    @property
    def budget(self) -> str:
        """The name of the tightest budget, or of the one that refuses; "" where there is none."""
        covering = self.tightest.covering if self.tightest else self.about
        return covering.line.budget if covering else ""


def granted(
    coverings: Sequence[Covering], grant: Granted, amount: Amounts, *, degraded: BudgetReason | None = None
) -> BudgetVerdict:
    """Of a request whose lines were those of `coverings`, in their order; `degraded` says why it is, if it is.

    `degrade` is set where a budget with `on_soft: degrade` was past its last mark before this request came, and it is
    not degraded yet.
    """
    pairs = [(c.counted_on(balance.account), balance) for c, balance in zip(coverings, grant.balances, strict=True)]
    after = [each for covering, balance in pairs for each in standings(covering, balance, amount)]
    marks = [(covering.budget, marks_passed(covering, balance)) for covering, balance in pairs]
    state, reason = BudgetState.OK, BudgetReason.WITHIN if coverings else BudgetReason.NO_BUDGET
    if any(passed for _, passed in marks):
        state, reason = BudgetState.SOFT, BudgetReason.SOFT_MARK
    if degraded is not None:
        state, reason = BudgetState.DEGRADED, degraded
    wanted = [budget.degrade for budget, passed in marks if degraded is None and _degrades_at(budget, passed)]
    return BudgetVerdict(
        state,
        reason,
        tightest=tightest(after),
        remaining_nano_usd=_remaining(after),
        marks=tuple(mark for _, passed in marks for mark in passed),
        degrade=_together([each for each in wanted if each is not None]),
    )


def refused(coverings: Sequence[Covering], denial: Denied, amount: Amounts, *, now_ms: int) -> BudgetVerdict:
    """Of a request that found no room.

    `degrade` is set where the budget says `on_hard: degrade`; or `on_soft: degrade`, and it is past its last mark but
    not used up: with room the request would be changed as well, and what it is changed into may have some.
    """
    counted = (each.counted_on(denial.line.account) for each in coverings)
    covering = next(each for each in counted if each.line.account == denial.line.account)
    standing = next(each for each in standings(covering, denial.balance) if each.metric == denial.metric)
    free_at_ms, on_hard = denial.free_at_ms, covering.budget.on_hard
    before_the_limit = standing.left > 0 and _degrades_at(covering.budget, marks_passed(covering, denial.balance))
    reason = BudgetReason.LIMIT_REACHED if free_at_ms is not None else BudgetReason.ABOVE_LIMIT
    asked = dict(zip(METRICS, amount, strict=True))[denial.metric]
    message = refusals.no_room(standing, asked, now_ms=now_ms, free_at_ms=free_at_ms)
    if on_hard == "cache_only" and free_at_ms is not None:
        reason, message = BudgetReason.CACHE_ONLY, f"{message} Until then only cached answers are served."
    return BudgetVerdict(
        BudgetState.DENIED,
        reason,
        tightest=standing,
        remaining_nano_usd=_remaining(standings(covering, denial.balance)),
        degrade=covering.budget.degrade if on_hard == "degrade" or before_the_limit else None,
        message=message,
        retry_after_s=None if free_at_ms is None else refusals.seconds_until(free_at_ms, now_ms=now_ms),
        about=covering,
    )


def above_cap(coverings: Sequence[Covering], amount: Amounts) -> BudgetVerdict | None:
    """The refusal of a request that may cost more than a `max_request_usd`; None: it may not. Needs no ledger."""
    caps = [(nano(most), each) for each in coverings if (most := each.budget.max_request_usd) is not None]
    cap, covering = min(caps, key=lambda pair: pair[0], default=(amount.nano_usd, None))
    if covering is None or amount.nano_usd <= cap:
        return None
    message = refusals.above_cap(covering, cap, amount.nano_usd)
    degrade = covering.budget.degrade if covering.budget.on_hard == "degrade" else None
    return _denied(BudgetReason.ABOVE_REQUEST_CAP, message, covering, degrade=degrade)


def unpriced(coverings: Sequence[Covering], model: str) -> BudgetVerdict:
    """The refusal of a model without a price; see `in_dollars` for whether there is need of one."""
    covering = in_dollars(coverings)
    return _denied(BudgetReason.UNPRICED_MODEL, refusals.unpriced(covering, model), covering)


def uncovered(covering: Covering) -> BudgetVerdict:
    """The refusal of a request whose cost nobody can say, while a budget covers who asks."""
    return _denied(BudgetReason.UNCOVERED_PATH, refusals.uncovered(covering), covering)


def unknown(coverings: Sequence[Covering], what: str) -> BudgetVerdict:
    """The refusal of a request with a part that nobody can say the most of; see `in_dollars`."""
    covering = in_dollars(coverings)
    return _denied(BudgetReason.UNCOVERED_TOOL, refusals.unknown(covering, what), covering)


def in_dollars(coverings: Iterable[Covering]) -> Covering | None:
    """The first that limits dollars, of a window or of a single request."""
    budgets = ((each, each.budget) for each in coverings)
    return next((each for each, b in budgets if b.limit_usd is not None or b.max_request_usd is not None), None)


def ledger_unavailable(coverings: Sequence[Covering]) -> BudgetVerdict:
    """Denied, unless every budget says `on_ledger_failure: allow`."""
    closed = next((each for each in coverings if each.budget.on_ledger_failure == "deny"), None)
    if closed is None:
        return unlimited(BudgetReason.LEDGER_UNAVAILABLE_ALLOWED)
    message = refusals.ledger_unavailable(closed)
    return _denied(BudgetReason.LEDGER_UNAVAILABLE, message, closed, retry_after_s=_RETRY_LEDGER_S)


def unlimited(reason: BudgetReason) -> BudgetVerdict:
    """Nothing was reserved: no budget covers it, it was a hit, or the ledger is gone and that is allowed."""
    return BudgetVerdict(BudgetState.OK, reason)


def _denied(
    reason: BudgetReason,
    message: str,
    about: Covering | None,
    *,
    degrade: Degrade | None = None,
    retry_after_s: int | None = None,
) -> BudgetVerdict:
    return BudgetVerdict(
        BudgetState.DENIED, reason, message=message, about=about, degrade=degrade, retry_after_s=retry_after_s
    )


def _degrades_at(budget: Budget, passed: Sequence[PassedMark]) -> bool:
    """Whether these are all the marks of a budget that degrades at the last."""
    return budget.on_soft == "degrade" and 0 < len(passed) == len(budget.soft)


def _remaining(of: Iterable[Standing]) -> int | None:
    narrowest = tightest(each for each in of if each.metric == "nano_usd")
    return None if narrowest is None else narrowest.left


def _together(wanted: Sequence[Degrade]) -> Degrade | None:
    """All at once: the model of the first that names one, and the lowest of each number."""
    if not wanted:
        return None
    return Degrade(
        model=next((each.model for each in wanted if each.model is not None), None),
        max_tokens=min((each.max_tokens for each in wanted if each.max_tokens is not None), default=None),
        max_error_rate=min((each.max_error_rate for each in wanted if each.max_error_rate is not None), default=None),
        defer=any(each.defer for each in wanted),
    )
