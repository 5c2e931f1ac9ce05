"""Structured log lines: one JSON object per decision, at most one a minute per kind of failure.

No prompt, no answer and no key is ever in them.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.model import JudgeOutcome, Part
from litellm_plugins.telemetry.events import (
    AnomalyFound,
    AnswerHandled,
    AnswersJudged,
    BudgetAlert,
    CallFinished,
    RequestsMerged,
    StageFailed,
    StalenessMeasured,
)
from litellm_plugins.telemetry.sinks.log_calls import finished
from litellm_plugins.telemetry.sinks.log_lines import alarm, line_of

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
        self._last_told: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def record(self, event: Event) -> None:
        match event:
            case StalenessMeasured() if event.changed:
                self._write(logging.WARNING if event.ringing else logging.INFO, alarm(event))
            case BudgetAlert():
                told = event.told if self._users else _of_nobody(event.told)
                self._write(logging.WARNING, {"event": "budget_alert", **told, "attempt": event.attempt})
            case AnomalyFound():
                told = event.told if self._users else _nameless(event.told)
                self._write(logging.WARNING, {"event": "anomaly_found", **told, "attempt": event.attempt})
            case StageFailed():
                self._failure(event)
            case _ if self._decisions:
                self._decision(event)

    def _decision(self, event: Event) -> None:
        line: dict[str, Any] | None
        match event:
            case CallFinished():
                line = finished(event, users=self._users)
            case AnswerHandled() if event.refusal is not None:
                line = {"event": "not_stored", "reason": event.refusal, "model": event.model_group}
            case AnswersJudged() if event.outcome in _NOT_ASKED:
                line = None
            case RequestsMerged() if event.part in _TOLD_BY_THE_DECISION:
                line = None
            case _:
                line = line_of(event)
        if line is not None:
            self._write(logging.INFO, line)

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
