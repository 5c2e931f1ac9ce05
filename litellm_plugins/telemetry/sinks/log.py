"""Structured log lines: one JSON object per decision, at most one a minute per kind of failure.

No prompt, no answer and no key is ever in them.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm_plugins.model import JudgeOutcome, Part
from litellm_plugins.telemetry.events import (
    AnomalyFound,
    AnswerChecked,
    AnswerHandled,
    AnswersJudged,
    BudgetAlert,
    BudgetDecided,
    BudgetSettled,
    CacheChecked,
    CacheDecided,
    CallFinished,
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
    StageFailed,
    StalenessMeasured,
    StreamStopped,
)
from litellm_plugins.telemetry.sinks.headers import usd
from litellm_plugins.telemetry.sinks.log_calls import finished

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import Event

LOGGER = logging.getLogger("litellm_plugins")
_NOT_ASKED = frozenset({JudgeOutcome.BUSY, JudgeOutcome.BUDGET_SPENT})
_TOLD_BY_THE_DECISION = frozenset({Part.LED, Part.FOLLOWED, Part.JUST_ASKED})
_FAILURE_EVERY_S = 60.0
_A_USERS = re.compile(r"[/,](end_)?user=")  # as `budgets.policy` names accounts
_PEOPLE = frozenset({"user", "end_user"})


class LogSink:
    """Writes to the logger `litellm_plugins`: decisions at INFO, failures at WARNING."""

    def __init__(
        self, *, decisions: bool = True, users: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decisions, self._users, self._clock = decisions, users, clock
        self._lines: Mapping[type, Callable[[Any], dict[str, Any]]] = {
            **_LINES,
            CallFinished: partial(finished, users=users),
        }
        self._last_told: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def record(self, event: Event) -> None:
        match event:
            case _ if type(event) in self._lines:
                if self._decisions:
                    self._write(logging.INFO, self._lines[type(event)](event))
            case AnswerHandled() if self._decisions and event.refusal is not None:
                self._write(logging.INFO, {"event": "not_stored", "reason": event.refusal, "model": event.model_group})
            case AnswersJudged() if self._decisions and event.outcome not in _NOT_ASKED:
                self._write(logging.INFO, _judgement(event))
            case StalenessMeasured() if event.changed:
                self._write(logging.WARNING if event.ringing else logging.INFO, _alarm(event))
            case RequestsMerged() if self._decisions and event.part not in _TOLD_BY_THE_DECISION:
                self._write(logging.INFO, _merged(event))
            case BudgetAlert():
                told = event.told if self._users else _of_nobody(event.told)
                self._write(logging.WARNING, {"event": "budget_alert", **told, "attempt": event.attempt})
            case AnomalyFound():
                told = event.told if self._users else _nameless(event.told)
                self._write(logging.WARNING, {"event": "anomaly_found", **told, "attempt": event.attempt})
            case StageFailed():
                self._failure(event)

    def _failure(self, event: StageFailed) -> None:
        kind, now = (event.stage, event.reason), self._clock()
        if now - self._last_told.get(kind, float("-inf")) < _FAILURE_EVERY_S:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        self._last_told[kind] = now
        fields = {
            "event": "stage_failed",
            "stage": event.stage,
            "reason": event.reason,
            "detail": event.detail,
        }
        self._write(logging.WARNING, {**fields, "more_since_last": self._untold.pop(kind, 0)})

    @staticmethod
    def _write(level: int, fields: dict[str, Any]) -> None:
        if LOGGER.isEnabledFor(level):
            head = {"time": round(time.time(), 3), "level": logging.getLevelName(level)}
            line = json.dumps({**head, **fields})  # ASCII only: a client's half surrogate pair is just text
            # A record made by hand: `LOGGER.log` would walk the stack for a line number that nobody needs.
            LOGGER.handle(LOGGER.makeRecord(LOGGER.name, level, __file__, 0, line, (), None))


def _reviewed(event: ReviewJudged) -> dict[str, Any]:
    fields = ("item", "kind", "verdict", "source", "team", "layer")
    return {"event": "review_verdict", **{name: getattr(event, name) for name in fields}, "effects": event.effects}


def _of_nobody(told: Mapping[str, object]) -> dict[str, object]:
    """A budget's alert without whose account it is, where that is a user's; webhooks get it whole."""
    if not _A_USERS.search(str(told.get("account", ""))):
        return dict(told)
    hidden = {name: value for name, value in told.items() if name != "text"}
    return hidden | {name: "(telemetry.users)" for name in ("account", "holder") if name in told}


def _nameless(told: Mapping[str, object]) -> dict[str, object]:
    """An anomaly without who it is of, and without the words that would say so; webhooks get it whole."""
    moved = told.get("moved")
    culprits = [each for each in moved if isinstance(each, Mapping)] if isinstance(moved, list) else []
    if not any(name in each for each in (told, *culprits) for name in _PEOPLE):
        return dict(told)
    hidden = {name: value for name, value in told.items() if name != "text"}
    if culprits:
        hidden["moved"] = [_hidden(each) for each in culprits]
    return _hidden(hidden)


def _hidden(told: Mapping[str, object]) -> dict[str, object]:
    return {name: "(telemetry.users)" if name in _PEOPLE else value for name, value in told.items()}


def _decision(event: CacheDecided) -> dict[str, Any]:
    fields = {
        "event": "cache_decision",
        "cache": event.layer,
        "reason": event.reason,
        "endpoint": event.endpoint,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "stream": event.stream,
        "decision_ms": round(event.decision_ms, 3),
    }
    if event.volatility:
        fields["class"] = event.volatility
    if event.would is not None:
        fields["would"] = event.would
    if event.waited_ms:
        fields["waited_ms"] = round(event.waited_ms, 1)
    if event.similarity is not None:
        fields["similarity"] = round(event.similarity, 4)
    if event.probability is not None:
        fields["probability"] = round(event.probability, 4)
    if event.cache_id is not None:
        fields |= {"cache_id": event.cache_id, "saved_usd": usd(event.saved_nano_usd)}
    return fields


def _check(event: CacheChecked) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "event": "cache_check",
        "cache": event.layer,
        "reason": event.reason,
        "outcome": event.outcome,
        "model": event.model_group,
        "team": event.team,
    }
    for name, value in (("similarity", event.similarity), ("probability", event.probability)):
        if value is not None:
            fields[name] = round(value, 4)
    return fields


def _judgement(event: AnswersJudged) -> dict[str, Any]:
    return {
        "event": "answers_judged",
        "outcome": event.outcome,
        "model": event.model_group,
        "cost_usd": usd(event.cost_nano_usd),
        "took_ms": round(event.took_ms, 1),
    }


def _merged(event: RequestsMerged) -> dict[str, Any]:
    return {
        "event": "not_merged",
        "part": event.part,
        "model": event.model_group,
        "team": event.team,
        "waited_ms": round(event.waited_ms, 1),
    }


def _refused(event: RequestRefused) -> dict[str, Any]:
    return {
        "event": "request_refused",
        "reason": event.reason,
        "endpoint": event.endpoint,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
    }


def _alarm(event: StalenessMeasured) -> dict[str, Any]:
    return {
        "event": "stale_alarm" if event.ringing else "stale_alarm_over",
        "cache": event.layer,
        "stale_share": round(event.share, 4),
        "checks": event.checks,
    }


def _budget(event: BudgetDecided) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "event": "budget_decision",
        "state": event.state,
        "reason": event.reason,
        "budget": event.budget,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "reserved_usd": usd(event.reserved_nano_usd),
        "took_ms": round(event.took_ms, 3),
    }
    if event.remaining_nano_usd is not None:
        fields["remaining_usd"] = usd(event.remaining_nano_usd)
    if event.degraded_to:
        fields["degraded_to"] = event.degraded_to
    return fields


def _route(event: RouteDecided) -> dict[str, Any]:
    more = {name: value for name in ("experiment", "arm", "max_tokens") if (value := getattr(event, name))}
    return {
        "event": "route_decision",
        "router": event.router,
        "tier": event.tier,
        "to": event.model,
        "reason": event.reason,
        "score": round(event.score, 4),
        "because": list(event.because),
        "scorer": event.scorer,
        "shadow": event.shadow,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "took_ms": round(event.took_ms, 3),
        **more,
    }


def _compressed(event: PromptCompressed) -> dict[str, Any]:
    return {
        "event": "compression_decision",
        "compression": event.reason,
        "methods": list(event.methods),
        "endpoint": event.endpoint,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "feature": event.feature,
        "tokens_before": event.tokens_before,
        "tokens_after": event.tokens_after,
        "saved_usd": usd(event.saved_nano_usd),
        "took_ms": round(event.took_ms, 3),
    }


def _history(event: HistoryCut) -> dict[str, Any]:
    return {
        "event": "history_decision",
        "history": str(event.outcome),
        "reason": str(event.reason),
        "endpoint": event.endpoint,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "feature": event.feature,
        "turns": event.turns,
        "turns_gone": event.turns_gone,
        "tokens_before": event.tokens_before,
        "tokens_after": event.tokens_after,
        "saved_usd": usd(event.saved_nano_usd),
        "took_ms": round(event.took_ms, 3),
    }


def _checked_answer(event: AnswerChecked) -> dict[str, Any]:
    return {
        "event": "answer_checked",
        "router": event.router,
        "tier": event.tier,
        "to": event.to,
        "fault": event.fault,
        "kept": event.kept,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "took_ms": round(event.took_ms, 3),
    }


def _prompt_cache(event: PromptCacheDecided) -> dict[str, Any]:
    return {
        "event": "prompt_cache_decision",
        "reason": event.reason,
        "marks": event.marks,
        "ttl": event.ttl,
        "tokens": event.tokens,
        "family": event.family,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
    }


def _output(event: OutputLimited) -> dict[str, Any]:
    return {
        "event": "output_limited",
        "output": [str(limit) for limit in event.limits],
        "endpoint": event.endpoint,
        "model": event.model_group,
        "feature": event.feature,
        "team": event.team,
        "key": event.key,
    }


def _assembled(event: PromptAssembled) -> dict[str, Any]:
    return {
        "event": "prompt_assembled",
        "prompt": event.prompt,
        "sections": list(event.sections),
        "left_out": list(event.left_out),
        "tokens": event.tokens,
        "tokens_left_out": event.tokens_left_out,
        "endpoint": event.endpoint,
        "model": event.model_group,
        "feature": event.feature,
        "team": event.team,
        "key": event.key,
    }


def _prompt_cache_used(event: PromptCacheUsed) -> dict[str, Any]:
    return {
        "event": "prompt_cache_used",
        "family": event.family,
        "model": event.model_group,
        "team": event.team,
        "prompt_tokens": event.prompt_tokens,
        "read_tokens": event.read_tokens,
        "written_5m_tokens": event.written_5m_tokens,
        "written_1h_tokens": event.written_1h_tokens,
        "saved_usd": usd(event.saved_nano_usd - event.extra_nano_usd),
    }


def _stopped(event: StreamStopped) -> dict[str, Any]:
    fields = {
        "event": "stream_stopped",
        "early_stop": event.rule,
        "finish": event.finish,
        "endpoint": event.endpoint,
        "model": event.model_group,
        "team": event.team,
        "key": event.key,
        "completion_tokens": event.completion_tokens,
    }
    return fields | ({"feature": event.feature} if event.feature else {})


def _settled(event: BudgetSettled) -> dict[str, Any]:
    return {
        "event": "budget_settled",
        "ending": event.ending,
        "model": event.model_group,
        "budgets": list(event.budgets),
        "cost_usd": usd(event.nano_usd),
        "tokens": event.tokens,
        "reserved_usd": usd(event.reserved_nano_usd),
    }


_LINES: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    CacheDecided: _decision,
    CacheChecked: _check,
    BudgetDecided: _budget,
    BudgetSettled: _settled,
    RequestRefused: _refused,
    ReviewJudged: _reviewed,
    RouteDecided: _route,
    PromptCompressed: _compressed,
    HistoryCut: _history,
    AnswerChecked: _checked_answer,
    PromptAssembled: _assembled,
    PromptCacheDecided: _prompt_cache,
    PromptCacheUsed: _prompt_cache_used,
    OutputLimited: _output,
    StreamStopped: _stopped,
}
