"""A finding as a message: what is strange, what changed with it in numbers, and calls to look at. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from litellm_plugins.alerts.message import Message, iso
from litellm_plugins.insight.anomalies import Finding
from litellm_plugins.insight.explaining import Moved
from litellm_plugins.insight.history import EVERYTHING
from litellm_plugins.insight.usage import FAILED, HOUR_S, Example

SAME_MS = 24 * 3_600_000  # for so long a thing is not told again
OF_A_KIND_MS = 3 * 3_600_000  # and nothing else of its kind: one cause is seen in many places
_NANO = 1e9
_LINKS = 3
_NAMES = {"model_group": "model group", "end_user": "end user"}
_OF_COST = frozenset({"cost_per_request", "prompt_tokens", "user_day", "dear_request"})


def message(
    found: Finding, moved: Moved, examples: Sequence[Example], *, now_ms: int, trace_url: str | None
) -> Message:
    """Once in `SAME_MS`, over all workers and restarts."""
    links = [link(trace_url, each) for each in examples]
    told: dict[str, object] = {
        "anomaly": found.kind,
        "cause": found.cause or None,
        found.subject[0] or "scope": found.subject[1] or "everything",
        "value": _number(found, found.value),
        "usual": None if found.usual is None else _number(found, found.usual),
        "requests": found.requests,
        "window": {"start": iso(found.since * HOUR_S * 1_000), "end": iso(found.until * HOUR_S * 1_000)},
        "changes": [each.told for each in moved.changes],
        "moved": [each.told for each in moved.culprits],
        "traces": [
            {"trace_id": each.trace_id, "call_id": each.call_id, "usd": each.spent_nano_usd / _NANO, "url": url}
            for each, url in zip(examples, links, strict=True)
        ],
    }
    text = " ".join(part for part in (_what(found), _why(moved), _where(links, examples)) if part)
    identity = hashlib.blake2b(f"{found.key}|{now_ms}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Message(f"anomaly.{found.kind}", found.key, identity, now_ms, now_ms + SAME_MS, told, text)


def link(trace_url: str | None, example: Example) -> str | None:
    """Where the trace can be seen. What the host calls it may be a client's word."""
    return None if trace_url is None else trace_url.replace("{trace_id}", quote(example.trace_id, safe=""))


def chosen(found: Finding, examples: Iterable[Example]) -> list[Example]:
    """Of those that there are, the dearest first."""
    if found.call is not None:
        return [found.call]
    since, until = (hour * HOUR_S * 1_000 for hour in (found.since, found.until))
    name, word = found.subject
    of_it = [
        each
        for each in examples
        if since <= each.at_ms < until and (found.subject == EVERYTHING or getattr(each, name, word) == word)
    ]
    if found.kind == "retry_storm" and found.cause != "repeats":
        of_it = [each for each in of_it if each.ending in FAILED] or of_it
    elif found.kind in _OF_COST:
        of_it = [each for each in of_it if each.spent_nano_usd]
    return of_it[:_LINKS]


def named(subject: tuple[str, str]) -> str:
    """In words."""
    return "everything" if subject == EVERYTHING else f"{_NAMES.get(subject[0], subject[0])} {subject[1]}"


def usd(nano_usd: float) -> str:
    """In words."""
    dollars = nano_usd / _NANO
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.6f}" if dollars < 0.01 else f"${dollars:.4f}"


def _what(found: Finding) -> str:
    whose, usual = named(found.subject), found.usual or 0.0
    hours = found.until - found.since
    over = f"over the last {hours} hours ({found.requests:,} requests)"
    match found.kind:
        case "cost_per_request":
            cost = f"{usd(found.value)} instead of {usd(usual)}"
            return f"Cost per request of {whose} is {_above(found)} above usual: {cost} {over}."
        case "prompt_tokens":
            return (
                f"Prompts of {whose} grow: {found.value:,.0f} tokens per request instead of {usual:,.0f} "
                f"(+{_above(found)}) {over}."
            )
        case "hit_rate":
            return f"The hit rate of {whose} fell to {found.value:.0%} from the usual {usual:.0%} {over}."
        case "user_day":
            return f"The {whose} spent {usd(found.value)} today, of {usd(usual)} a day, in {found.requests:,} requests."
        case "dear_request":
            most = "" if found.usual is None else f"; {usd(found.usual)} is usual for its model group"
            call = found.call
            of = "" if call is None else f", {call.prompt_tokens:,} prompt tokens for {call.model or call.model_group}"
            return f"One request of {whose} cost {usd(found.value)}{of}{most}."
        case "retry_storm":
            return _storm(found, whose)


def _storm(found: Finding, whose: str) -> str:
    usual = found.usual or 0.0
    match found.cause:
        case "attempts":
            return (
                f"Requests of {whose} take {found.value:.1f} tries each instead of {usual:.1f} "
                f"({found.requests:,} requests in an hour)."
            )
        case "repeats":
            return f"The {whose} sent {found.value:,.0f} requests in an hour, where {usual:,.0f} are usual."
        case _:
            return (
                f"{found.value:,.0f} of {found.requests:,} requests of {whose} failed in an hour, where {usual:,.0f} "
                "failures are usual."
            )


def _above(found: Finding) -> str:
    return f"{found.value / found.usual - 1:.0%}" if found.usual else "far"


def _why(moved: Moved) -> str:
    parts = [*(each.text for each in moved.culprits), *(each.text for each in moved.changes)]
    return f"Changed: {'; '.join(parts)}." if parts else ""


def _where(links: Sequence[str | None], examples: Sequence[Example]) -> str:
    shown = [url or each.trace_id for url, each in zip(links, examples, strict=True)]
    return f"Traces: {' '.join(shown)}" if shown else ""


def _number(found: Finding, value: float) -> float:
    in_dollars = found.kind in ("cost_per_request", "user_day", "dear_request")
    return value / _NANO if in_dollars else round(value, 4)
