"""A notice as it is kept, as its receivers get it, and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from litellm_plugins.budgets.alerting import Notice
from litellm_plugins.budgets.amounts import NANO, Metric

_NAMES: dict[Metric, str] = {"nano_usd": "usd", "tokens": "tokens", "requests": "requests"}


def payload(notice: Notice) -> str:
    """The generic shape, without what differs between attempts."""
    told = {
        "id": notice.id,
        "type": f"budget.{notice.kind}",
        "at": iso(notice.at_ms),
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
        "text": text(notice),
    }
    return orjson.dumps({name: value for name, value in told.items() if value is not None}).decode()


def body(kept: str, form: Literal["slack", "generic"], *, attempt: int) -> bytes:
    """What is sent. A repetition says so: the one before may have arrived."""
    told: Mapping[str, Any] = orjson.loads(kept)
    if form == "generic":
        return orjson.dumps({**told, "attempt": attempt})
    again = f" (sent again, id {told['id']})" if attempt > 1 else ""
    return orjson.dumps({"text": _for_slack(told["text"] + again)})


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


def iso(at_ms: int | None, timezone: str = "UTC") -> str | None:
    """To the second, in that zone."""
    if at_ms is None:
        return None
    told = datetime.fromtimestamp(at_ms // 1_000, ZoneInfo(timezone)).isoformat()
    return told.replace("+00:00", "Z") if timezone == "UTC" else told


def _for_slack(told: str) -> str:
    """Names are other people's words: none of them may call a channel or pose as a link."""
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
