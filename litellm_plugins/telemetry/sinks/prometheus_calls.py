"""The metrics of finished requests: all of them, and all money, from the one event of a request's end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

from litellm_plugins.telemetry.events import CallFinished, OwnSpent
from litellm_plugins.telemetry.sinks.labels import OTHER

if TYPE_CHECKING:
    from litellm_plugins.telemetry.sinks.labels import BoundedLabels

_TOOK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_FIRST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Of the host's call types those that a proxy serves often, and our own names; a label more for all the rest.
_ENDPOINTS = frozenset(
    {
        *("chat", "messages", "responses", "completions", "embeddings", "pass_through_endpoint"),
        *(
            "moderation",
            "image_generation",
            "image_edit",
            "audio_speech",
            "audio_transcription",
            "transcription",
            "aspeech",
            "rerank",
        ),
    }
)


class CallMetrics:
    """`label` makes a model group a label, `teams` a team."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str], teams: BoundedLabels) -> None:
        self._label, self._teams = label, teams
        self._calls = Counter(
            "litellm_plugins_calls_total",
            "Finished requests by who answered, how they ended (success, failure, gone, refused), and by whose fault",
            ["layer", "ending", "fault", "model_group", "endpoint"],
            registry=registry,
        )
        self._spent = Counter(
            "litellm_plugins_spent_usd_total",
            "Dollars spent: to providers for answers, and on the pack's own embeddings and judges",
            ["cause", "model_group"],
            registry=registry,
        )
        self._team_spent = Counter(
            "litellm_plugins_team_spent_usd_total",
            "The same by team, own calls included",
            ["team"],
            registry=registry,
        )
        self._team_calls = Counter(
            "litellm_plugins_team_calls_total", "Finished requests by team", ["team"], registry=registry
        )
        self._tokens = Counter(
            "litellm_plugins_tokens_total",
            "Tokens that providers billed: prompt (cached_prompt is a part of it) and completion",
            ["direction", "model_group"],
            registry=registry,
        )
        self._took = Histogram(
            "litellm_plugins_call_seconds",
            "Time from a request's arrival to the end of its answer",
            ["layer", "model_group"],
            buckets=_TOOK_BUCKETS_S,
            registry=registry,
        )
        self._first = Histogram(
            "litellm_plugins_first_token_seconds",
            "Time from a streamed request's arrival to the first of its answer",
            ["layer", "model_group"],
            buckets=_FIRST_BUCKETS_S,
            registry=registry,
        )
        self._attempts = Counter(
            "litellm_plugins_attempts_total",
            "Calls of deployments: with retries and fallbacks more than requests",
            ["model_group"],
            registry=registry,
        )

    def record(self, event: CallFinished | OwnSpent) -> None:
        """Count it."""
        call = event.call if isinstance(event, OwnSpent) else event
        group, team = self._label(call.model_group), self._teams.of(call.team)
        if isinstance(event, OwnSpent):
            self._spend(group, team, own=event.nano_usd)
            return
        endpoint = event.endpoint if event.endpoint in _ENDPOINTS else OTHER
        self._calls.labels(event.layer, event.ending, event.fault, group, endpoint).inc()
        self._team_calls.labels(team).inc()
        self._spend(group, team, provider=event.spent_nano_usd, own=event.own_nano_usd)
        for direction, tokens in (
            ("prompt", event.prompt_tokens),
            ("cached_prompt", event.cached_prompt_tokens),
            ("completion", event.completion_tokens),
        ):
            if tokens:
                self._tokens.labels(direction, group).inc(tokens)
        self._took.labels(event.layer, group).observe(event.took_ms / 1_000)
        if event.first_token_ms is not None:
            self._first.labels(event.layer, group).observe(event.first_token_ms / 1_000)
        if event.attempts:
            self._attempts.labels(group).inc(event.attempts)

    def _spend(self, group: str, team: str, *, provider: int = 0, own: int = 0) -> None:
        for cause, nano_usd in (("provider", provider), ("own", own)):
            if nano_usd:
                self._spent.labels(cause, group).inc(nano_usd / 1e9)
        if provider or own:
            self._team_spent.labels(team).inc((provider + own) / 1e9)
