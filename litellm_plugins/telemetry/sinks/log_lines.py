"""Which fields of an event stand in its log line, and under which names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from litellm_plugins.telemetry.events import (
    AnswerChecked,
    AnswersJudged,
    BudgetDecided,
    BudgetSettled,
    CacheChecked,
    CacheDecided,
    DeferralDecided,
    DeferralEnded,
    HistoryCut,
    OutputLimited,
    PromptAssembled,
    PromptCacheDecided,
    PromptCacheUsed,
    PromptCompressed,
    RequestRefused,
    RequestsMerged,
    ReviewJudged,
    RouteDecided,
    StalenessMeasured,
    StreamStopped,
)
from litellm_plugins.telemetry.sinks.headers import usd

_NANO_USD, _MS, _LONG_MS = "_nano_usd", "_ms", 100.0
# The line's `event`, and its fields in their order: `there=here` where it is told by another name; `there?` is left out
# where it is empty. Money is told in dollars, milliseconds to the thousandth (from 100 on to the tenth), other
# fractions to the ten-thousandth.
_TOLD: Mapping[type, tuple[str, str]] = {
    CacheDecided: (
        "cache_decision",
        (
            "layer=cache reason endpoint model_group=model team key stream decision_ms volatility=class? would?"
            " waited_ms? similarity? probability? cache_id?"
        ),
    ),
    CacheChecked: (
        "cache_check",
        "layer=cache reason outcome model_group=model team similarity? probability?",
    ),
    AnswersJudged: ("answers_judged", "outcome model_group=model cost_nano_usd took_ms"),
    RequestsMerged: ("not_merged", "part model_group=model team waited_ms"),
    RequestRefused: ("request_refused", "reason endpoint model_group=model team key"),
    BudgetDecided: (
        "budget_decision",
        "state reason budget model_group=model team key reserved_nano_usd took_ms remaining_nano_usd? degraded_to?",
    ),
    BudgetSettled: (
        "budget_settled",
        "ending model_group=model budgets nano_usd=cost_usd tokens reserved_nano_usd",
    ),
    RouteDecided: (
        "route_decision",
        (
            "router tier model=to reason score because scorer shadow model_group=model team key took_ms experiment?"
            " arm? max_tokens?"
        ),
    ),
    AnswerChecked: ("answer_checked", "router tier to fault kept model_group=model team key took_ms"),
    PromptAssembled: (
        "prompt_assembled",
        "prompt sections left_out tokens tokens_left_out endpoint model_group=model feature team key",
    ),
    HistoryCut: (
        "history_decision",
        (
            "outcome=history reason endpoint model_group=model team key feature turns turns_gone tokens_before"
            " tokens_after saved_nano_usd took_ms"
        ),
    ),
    PromptCompressed: (
        "compression_decision",
        (
            "reason=compression methods endpoint model_group=model team key feature tokens_before tokens_after"
            " saved_nano_usd took_ms"
        ),
    ),
    DeferralDecided: ("deferral_decision", "outcome=defer reason model_group=model team key feature?"),
    DeferralEnded: (
        "deferral_ended",
        "status reason? model_group=model team key feature? waited_s spent_nano_usd=cost_usd saved_nano_usd",
    ),
    OutputLimited: ("output_limited", "limits=output endpoint model_group=model feature team key"),
    PromptCacheDecided: (
        "prompt_cache_decision",
        "reason marks ttl tokens family model_group=model team key volatile? moved?",
    ),
    PromptCacheUsed: (
        "prompt_cache_used",
        "family model_group=model team prompt_tokens read_tokens written_5m_tokens written_1h_tokens",
    ),
    StreamStopped: (
        "stream_stopped",
        "rule=early_stop finish endpoint model_group=model team key completion_tokens feature?",
    ),
    ReviewJudged: ("review_verdict", "item kind verdict source team layer effects"),
}


def line_of(event: object) -> dict[str, Any] | None:
    """The fields of the log line; None: it has none of this kind."""
    told = _LINES.get(type(event))
    if told is None:
        return None
    name, fields = told
    line: dict[str, Any] = {"event": name}
    for there, here, is_optional in fields:
        value = getattr(event, there)
        if not (is_optional and (value in (None, "", ()) or (there == "waited_ms" and not value))):
            line[here] = _plain(there, value)
    more = _MORE.get(type(event))
    return line if more is None else line | more(event)


def alarm(event: StalenessMeasured) -> dict[str, Any]:
    """Too many of a layer's answers are stale, or no longer."""
    return {
        "event": "stale_alarm" if event.ringing else "stale_alarm_over",
        "cache": event.layer,
        "stale_share": round(event.share, 4),
        "checks": event.checks,
    }


def _parsed(fields: str) -> Iterator[tuple[str, str, bool]]:
    """Of each field its name in the event, its name in the line, and whether it may be left out."""
    for word in fields.split():
        there, _, here = word.removesuffix("?").partition("=")
        if not here and there.endswith(_NANO_USD):
            here = f"{there.removesuffix(_NANO_USD)}_usd"
        yield there, here or there, word.endswith("?")


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever a field holds, as JSON has it
    if isinstance(value, tuple):
        return [_plain("", each) for each in value]
    if name.endswith("nano_usd"):
        return usd(value)
    if isinstance(value, float):
        return round(value, 4 if not name.endswith(_MS) else 3 if value < _LONG_MS else 1)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _saved(event: CacheDecided) -> dict[str, Any]:
    return {} if event.cache_id is None else {"saved_usd": usd(event.saved_nano_usd)}


def _saved_by_provider(event: PromptCacheUsed) -> dict[str, Any]:
    return {"saved_usd": usd(event.saved_nano_usd - event.extra_nano_usd)}


_MORE: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    CacheDecided: _saved,
    PromptCacheUsed: _saved_by_provider,
}
_LINES = {kind: (name, tuple(_parsed(fields))) for kind, (name, fields) in _TOLD.items()}
