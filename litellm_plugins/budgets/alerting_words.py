"""A notice as a message, and in words. Pure."""

from __future__ import annotations

from litellm_plugins.alerts.message import Message, iso
from litellm_plugins.budgets.alerting import Notice
from litellm_plugins.budgets.amounts import NANO, Metric

_NAMES: dict[Metric, str] = {"nano_usd": "usd", "tokens": "tokens", "requests": "requests"}


def message(notice: Notice) -> Message:
    """As it is kept, and sent."""
    told: dict[str, object] = {
        "budget": notice.budget,
        "account": notice.account,
        "holder": notice.holder,
        "metric": _NAMES[notice.metric],
        "mark": notice.mark,
        "limit": number(notice.limit, notice.metric),
        "spent": number(notice.spent, notice.metric),
        "reserved": number(notice.reserved, notice.metric),
        "host_spent": number(notice.host_spent, notice.metric),
        "since": iso(notice.since_ms),
        "reached_at": iso(notice.reached_ms),
        "window": {
            "start": iso(notice.span.start_ms),
            "end": iso(notice.span.end_ms),
            "rolling": notice.span.rolling,
        },
    }
    kind = f"budget.{notice.kind}"
    return Message(kind, notice.key, notice.id, notice.at_ms, notice.until_ms, told, text(notice))


def text(notice: Notice) -> str:
    """One sentence."""
    whose = f"Budget {notice.budget}" + (f" ({notice.holder})" if notice.holder else "")
    spent, limit = amount(notice.spent, notice.metric), amount(notice.limit, notice.metric)
    ends = "over the time that just passed" if notice.span.rolling else f"until {iso(notice.span.end_ms)}"
    match notice.kind:
        case "mark" if notice.mark is not None and notice.mark < 1:
            return f"{whose}: {notice.mark:.0%} of the limit are spent, {spent} of {limit} {ends}."
        case "mark":
            return f"{whose}: the limit is reached, {spent} of {limit} {ends}."
        case "no_room":
            held = amount(notice.reserved, notice.metric)
            return (
                f"{whose}: there was no room for a request. {spent} of {limit} are spent and {held} reserved, {ends}."
            )
        case "forecast":
            return (
                f"{whose}: at this rate the limit of {limit} is reached at {iso(notice.reached_ms)}, before the window "
                f"ends at {iso(notice.span.end_ms)}; {spent} are spent so far."
            )
        case "drift":
            host = amount(notice.host_spent, notice.metric)
            return f"{whose}: since {iso(notice.since_ms)} the ledger counted {spent}, LiteLLM itself {host}."


def amount(value: int | None, metric: Metric) -> str:
    """In words."""
    if value is None:
        return "no limit"
    if metric != "nano_usd":
        return f"{value:,} {metric}"
    if value % (NANO // 100) == 0 or value >= NANO:
        return f"${value / NANO:,.2f}"
    return f"${value / NANO:.6f}" if value >= 1_000 else f"${value / NANO:.9f}"


def number(value: int | None, metric: Metric) -> float | int | None:
    """Dollars, or a count."""
    return value / NANO if metric == "nano_usd" and value is not None else value
