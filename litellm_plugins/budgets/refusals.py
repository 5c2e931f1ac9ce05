"""The words of a refusal: budget, whose it is, limit, spent, reserved, and when it resets. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from litellm_plugins.budgets.amounts import NANO, Metric
from litellm_plugins.budgets.policy import Covering
from litellm_plugins.budgets.standing import Standing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def no_room(standing: Standing, asked: int, *, now_ms: int, free_at_ms: int | None) -> str:
    """Of a request that may cost `asked`, in the metric of `standing`."""
    metric = standing.metric
    facts = ", ".join(
        [
            f"limit {_said(metric, standing.limit)}",
            f"spent {_said(metric, standing.spent)}",
            f"reserved {_said(metric, standing.reserved)}",
            f"this request up to {_said(metric, asked)}",
        ]
    )
    head = f"{_named(standing.covering)} has no room for this request: {facts}."
    if free_at_ms is None:
        return f"{head} It is more than a whole window may hold: waiting does not help, a smaller request may."
    return f"{head} {_reset(standing.covering, now_ms=now_ms, free_at_ms=free_at_ms)}"


def above_cap(covering: Covering, cap: int, asked: int) -> str:
    """Of a request above `max_request_usd`."""
    return (
        f"{_named(covering)} allows {_said('nano_usd', cap)} for a single request, and this one may cost up to "
        f"{_said('nano_usd', asked)}. Waiting does not help; a shorter prompt or a lower max_tokens may."
    )


def unpriced(covering: Covering | None, model: str) -> str:
    """Of a model that nobody knows a price of."""
    under = f"{_named(covering)} is in dollars" if covering else "its cost has to be known"
    return f"The model {model} has no price, and {under}. The administrator can set one under ledger.prices."


def uncovered(covering: Covering) -> str:
    """Of a path on which nobody says what a request costs."""
    return (
        f"{_named(covering)} does not know what requests on this path cost, so it lets none through. Use the model "
        "endpoints (such as /v1/chat/completions); the administrator can set ledger.uncovered: allow."
    )


def unknown(covering: Covering | None, what: str) -> str:
    """Of tools that run at the provider, as often as its model likes."""
    under = _named(covering) if covering else "The budget"
    return (
        f"{under} is in dollars, and nobody knows how much this request's {what} may cost. Say how many searches "
        "there may be (max_uses of the tool, or with OpenAI's responses max_tool_calls); other tools that the provider "
        "runs have no price here. The administrator can set ledger.uncovered: allow."
    )


def ledger_unavailable(covering: Covering) -> str:
    """While what is spent cannot be known."""
    return f"{_named(covering)} cannot be checked: its ledger is unavailable. Please try again."


def seconds_until(at_ms: int, *, now_ms: int) -> int:
    """Whole seconds, rounded up, at least 1."""
    return max(1, math.ceil((at_ms - now_ms) / 1_000))


def _named(covering: Covering) -> str:
    return f"Budget {covering.line.budget}{f' of {covering.holder}' if covering.holder else ''}"


def _reset(covering: Covering, *, now_ms: int, free_at_ms: int) -> str:
    rolling = covering.line.span.rolling
    at_ms = free_at_ms if rolling else covering.line.span.end_ms
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(covering.budget.timezone))
    when = f"{at:%Y-%m-%d %H:%M:%S} {covering.budget.timezone} (in {seconds_until(at_ms, now_ms=now_ms)} s)"
    return f"It has room for it again at {when}." if rolling else f"It resets at {when}."


def _said(metric: Metric, amount: int) -> str:
    if metric == "nano_usd":
        return _usd(amount)
    return f"{amount:,} {metric if amount != 1 else metric.removesuffix('s')}"


def _usd(nano_usd: int) -> str:
    """Exactly, with two decimals or more: $50.00, $0.000001234."""
    whole, _, part = f"{Decimal(nano_usd) / NANO:.9f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"
