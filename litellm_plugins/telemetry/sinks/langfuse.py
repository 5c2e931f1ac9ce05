"""What a Langfuse trace says of a decision: tags to filter by, flat numbers to chart. Pure.

The host's own Langfuse callbacks send the trace; the proxy layer merges these into the request's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.telemetry.sinks.headers import prompt_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_plugins.model import OutputLimit, Usage
    from litellm_plugins.telemetry.events import (
        BudgetDecided,
        CacheDecided,
        HistoryCut,
        PromptAssembled,
        PromptCacheDecided,
        PromptCompressed,
        RouteDecided,
    )

Told = dict[str, str | float]
_LONGEST_TAG = 128


@dataclass(frozen=True, slots=True)
class TraceNotes:
    """Tags and metadata to add to one trace."""

    tags: tuple[str, ...]
    metadata: Told

    def and_also(self, other: TraceNotes) -> TraceNotes:
        """Both."""
        return TraceNotes((*self.tags, *other.tags), {**self.metadata, **other.metadata})


def notes_for(
    event: CacheDecided, *, prompts: bool = True, served: Usage | None = None, feature: str = ""
) -> TraceNotes:
    """The notes for one decision.

    Args:
        event: the decision.
        prompts: whether texts of users may be told.
        served: the tokens of the answer that is served from the cache, as its provider counted them.
        feature: what the client uses the answer for.
    """
    metadata: Told = {
        "cache": str(event.layer),
        "cache_reason": str(event.reason),
        "decision_ms": round(event.decision_ms, 3),
    }
    if event.waited_ms:
        metadata["waited_ms"] = round(event.waited_ms, 3)
    if event.volatility:
        metadata["cache_class"] = event.volatility
    if event.would is not None:
        metadata["cache_would"] = str(event.would)
    if event.similarity is not None:
        metadata["cache_similarity"] = round(event.similarity, 4)
    if event.probability is not None:
        metadata["cache_probability"] = round(event.probability, 4)
    if event.cache_id is not None:
        metadata["cache_id"] = event.cache_id
        metadata["saved_usd"] = event.saved_nano_usd / 1e9
        metadata["saved_tokens"] = event.saved_tokens
    if served is not None:
        metadata["served_prompt_tokens"] = served.prompt_tokens
        metadata["served_completion_tokens"] = served.completion_tokens
    if event.matched_question is not None and prompts:
        metadata["cache_matched_question"] = event.matched_question
    tags = [f"cache:{event.layer}"]
    if feature:
        metadata["feature"] = feature
        tags.append(f"feature:{feature}"[:_LONGEST_TAG])
    return TraceNotes(tuple(tags), metadata)


def route_notes(event: RouteDecided) -> TraceNotes:
    """The notes for where a request was sent; in shadow mode it is tagged with where it would have been."""
    metadata: Told = {
        "route_tier": event.tier,
        "route_model": event.model,
        "route_reason": str(event.reason),
        "route_score": round(event.score, 4),
        "route_because": ", ".join(event.because),
        "route_mode": "shadow" if event.shadow else "active",
    }
    would = "would-" if event.shadow else ""
    tags = [f"{would}tier:{event.tier}"]
    if event.arm:
        metadata |= {"route_experiment": event.experiment, "route_arm": event.arm}
        tags.append(f"{would}arm:{event.arm}")
    if event.max_tokens is not None:
        metadata["route_max_tokens"] = event.max_tokens
    told = {"route_path": ">".join(event.path), "route_escalated": event.escalated, "route_kept": event.kept}
    metadata |= {name: value for name, value in told.items() if value}
    if event.escalated:
        tags.append(f"escalated:{event.escalated}")
    return TraceNotes(tags=tuple(tags), metadata=metadata)


def compression_notes(event: PromptCompressed) -> TraceNotes:
    """The notes for what became of a prompt that may be compressed."""
    metadata: Told = {"compression": event.reason, "compression_methods": ", ".join(event.methods)}
    if event.tokens_before is not None and event.tokens_after is not None:
        metadata |= {
            "compression_tokens_before": event.tokens_before,
            "compression_tokens_after": event.tokens_after,
            "compression_saved_usd": event.saved_nano_usd / 1e9,
        }
    return TraceNotes(tags=(f"compression:{event.reason}",), metadata=metadata)


def history_notes(event: HistoryCut) -> TraceNotes:
    """The notes for what became of a conversation's old turns."""
    metadata: Told = {"history": str(event.outcome), "history_reason": str(event.reason)}
    if event.tokens_before is not None and event.tokens_after is not None:
        metadata |= {
            "history_turns": event.turns,
            "history_turns_gone": event.turns_gone,
            "history_tokens_before": event.tokens_before,
            "history_tokens_after": event.tokens_after,
            "history_saved_usd": event.saved_nano_usd / 1e9,
        }
    return TraceNotes(tags=(f"history:{event.outcome}",), metadata=metadata)


def prompt_cache_notes(event: PromptCacheDecided) -> TraceNotes:
    """The notes for the marks of the provider's prompt cache."""
    metadata: Told = {"prompt_cache_reason": str(event.reason), "prompt_cache_marks": event.marks}
    if event.family:
        metadata |= {"prompt_cache_family": event.family, "prompt_cache_tokens": event.tokens}
    if event.ttl:
        metadata["prompt_cache_ttl"] = event.ttl
    if event.volatile is not None:
        metadata |= {"prompt_cache_volatile": event.volatile, "prompt_cache_moved": event.moved or 0}
    return TraceNotes(tags=(f"prompt_cache:{'marked' if event.marks else 'none'}",), metadata=metadata)


def output_notes(limits: Sequence[OutputLimit]) -> TraceNotes:
    """The notes for what an answer is held to."""
    if not limits:
        return TraceNotes((), {})
    tags = tuple(f"output:{limit.kind}" for limit in limits if limit.value != "none")
    return TraceNotes(tags, {"output": ",".join(map(str, limits))})


def prompt_notes(event: PromptAssembled) -> TraceNotes:
    """The notes for the sections of a declared prompt."""
    told: Told = {"prompt": prompt_words(event), "prompt_tokens_left_out": event.tokens_left_out}
    return TraceNotes((f"prompt:{event.prompt}",), told)


def budget_notes(event: BudgetDecided) -> TraceNotes:
    """The notes for how a request stands with its budgets."""
    metadata: Told = {"budget_state": str(event.state), "budget_reason": str(event.reason)}
    if event.budget:
        metadata["budget"] = event.budget
    if event.remaining_nano_usd is not None:
        metadata["budget_remaining_usd"] = event.remaining_nano_usd / 1e9
    if event.degraded_to:
        metadata["budget_degraded_to"] = event.degraded_to
    return TraceNotes(tags=(f"budget:{event.state}",), metadata=metadata)
