"""The events, each in the file of its family, and how they reach the sinks (telling)."""

from __future__ import annotations

from litellm_plugins.telemetry.events.alerts import AlertHandled, AnomalyFound, BudgetAlert
from litellm_plugins.telemetry.events.answers import OutputLimited, StreamStopped
from litellm_plugins.telemetry.events.batch import DeferralDecided, DeferralEnded, DeferralsMeasured
from litellm_plugins.telemetry.events.budgets import (
    AccountMeasured,
    BudgetDecided,
    BudgetSettled,
    BudgetsMeasured,
    DriftMeasured,
)
from litellm_plugins.telemetry.events.cache import (
    AnswerHandled,
    AnswersJudged,
    CacheChecked,
    CacheDecided,
    RequestsMerged,
    StalenessMeasured,
    TextEmbedded,
    VerifierMeasured,
)
from litellm_plugins.telemetry.events.calls import CallFinished, OwnSpent, RequestRefused
from litellm_plugins.telemetry.events.health import QueueMeasured, SinkFailed, StageFailed, StoreMeasured
from litellm_plugins.telemetry.events.prompts import (
    HistoryCut,
    PromptAssembled,
    PromptCacheDecided,
    PromptCacheUsed,
    PromptCompressed,
)
from litellm_plugins.telemetry.events.review import ReviewJudged, ReviewKept
from litellm_plugins.telemetry.events.routing import AnswerChecked, RouteDecided
from litellm_plugins.telemetry.events.telling import Sink, Telemetry

Event = (
    CacheDecided
    | CallFinished
    | OwnSpent
    | TextEmbedded
    | VerifierMeasured
    | StoreMeasured
    | DriftMeasured
    | QueueMeasured
    | ReviewKept
    | ReviewJudged
    | SinkFailed
    | AnswerHandled
    | CacheChecked
    | StalenessMeasured
    | StageFailed
    | AnswersJudged
    | RequestsMerged
    | BudgetDecided
    | BudgetSettled
    | RequestRefused
    | RouteDecided
    | PromptCompressed
    | HistoryCut
    | StreamStopped
    | AnswerChecked
    | PromptAssembled
    | PromptCacheDecided
    | PromptCacheUsed
    | OutputLimited
    | DeferralDecided
    | DeferralEnded
    | DeferralsMeasured
    | BudgetsMeasured
    | BudgetAlert
    | AlertHandled
    | AnomalyFound
)

__all__ = [
    "AccountMeasured",
    "AlertHandled",
    "AnomalyFound",
    "AnswerChecked",
    "AnswerHandled",
    "AnswersJudged",
    "BudgetAlert",
    "BudgetDecided",
    "BudgetSettled",
    "BudgetsMeasured",
    "CacheChecked",
    "CacheDecided",
    "CallFinished",
    "DeferralDecided",
    "DeferralEnded",
    "DeferralsMeasured",
    "DriftMeasured",
    "Event",
    "HistoryCut",
    "OutputLimited",
    "OwnSpent",
    "PromptAssembled",
    "PromptCacheDecided",
    "PromptCacheUsed",
    "PromptCompressed",
    "QueueMeasured",
    "RequestRefused",
    "RequestsMerged",
    "ReviewJudged",
    "ReviewKept",
    "RouteDecided",
    "Sink",
    "SinkFailed",
    "StageFailed",
    "StalenessMeasured",
    "StoreMeasured",
    "StreamStopped",
    "Telemetry",
    "TextEmbedded",
    "VerifierMeasured",
]
