"""What the host's log says of a call, as far as the event of its end tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

PASSED_THROUGH = "pass_through_endpoint"
# By the end of its path: the longer first, because "chat/completions" ends like "completions".
_PATHS = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/messages": "messages",
    "/responses": "responses",
    "/embeddings": "embeddings",
}


@dataclass(frozen=True, slots=True)
class Logged:
    """Times are UNIX seconds."""

    model_group: str = ""
    deployment: str = ""
    provider: str = ""
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_s: float | None = None
    ended_s: float | None = None
    trace_id: str = ""
    cache_hit: bool = False


def of_success(kwargs: Mapping[str, Any]) -> Logged:
    """Of a call that the host logs as a success."""
    payload = _mapping(kwargs.get("standard_logging_object"))
    usage = _mapping(_mapping(payload.get("metadata")).get("usage_object"))
    provider = _word(payload.get("custom_llm_provider"))
    return Logged(
        model_group=_word(payload.get("model_group")),
        # "openai/gpt-4.1" and "gpt-4.1" would be two models in every chart.
        deployment=_word(payload.get("model")).removeprefix(f"{provider}/"),
        provider=provider,
        prompt_tokens=whole(payload.get("prompt_tokens")),
        cached_prompt_tokens=whole(_mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        completion_tokens=whole(payload.get("completion_tokens")),
        first_token_s=_seconds(payload.get("completionStartTime")),
        ended_s=_seconds(payload.get("endTime")),
        trace_id=_word(payload.get("trace_id")),
        cache_hit=kwargs.get("cache_hit") is True or payload.get("cache_hit") is True,
    )


def of_failure(request_data: Mapping[str, Any]) -> Logged:
    """Of one that failed: what had been streamed by then."""
    usage = request_data.get("combined_usage_object")
    details = getattr(usage, "prompt_tokens_details", None)
    return Logged(
        prompt_tokens=whole(getattr(usage, "prompt_tokens", 0)),
        cached_prompt_tokens=whole(getattr(details, "cached_tokens", 0)),
        completion_tokens=whole(getattr(usage, "completion_tokens", 0)),
    )


def as_paid(log: Logged, tokens: int, heard: tuple[int | None, int] | None) -> Logged:
    """With so many tokens as were booked. `heard`: of the prompt, where it was told, and of a stream's answer.

    The host counts the prompts of errors, which nobody bills; of some streams, and of tries that were left while their
    provider worked, it counts nothing.
    """
    if tokens == log.prompt_tokens + log.completion_tokens or log.cache_hit:
        return log
    if not tokens:
        return replace(log, prompt_tokens=0, cached_prompt_tokens=0, completion_tokens=0)
    if heard is None:  # what the host did not count are prompts
        answered = min(log.completion_tokens, tokens)
        return replace(log, prompt_tokens=tokens - answered, completion_tokens=answered)
    asked = min(tokens, max(log.prompt_tokens, heard[0] or 0) or max(0, tokens - heard[1]))
    return replace(log, prompt_tokens=asked, completion_tokens=tokens - asked)


def with_tried(log: Logged, tried: Iterable[Logged]) -> Logged:
    """With the tokens of answers that were asked for as well, and are not served."""
    all_of = (log, *tried)
    return replace(
        log,
        prompt_tokens=sum(each.prompt_tokens for each in all_of),
        cached_prompt_tokens=sum(each.cached_prompt_tokens for each in all_of),
        completion_tokens=sum(each.completion_tokens for each in all_of),
    )


def endpoint_of_url(url: object) -> str:
    """Our name of the endpoint behind a request's address."""
    path = str(url or "").partition("?")[0].rstrip("/")
    return next((name for end, name in _PATHS.items() if path.endswith(end)), "other")


def whole(value: Any) -> int:
    """A count; 0 where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
