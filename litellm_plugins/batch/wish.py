"""Whether a client lets its request wait, and what of a request a batch can carry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeGuard

# What a line of a batch may hold: the parameters of OpenAI's chat completions. Not `stream`, and not what only the
# host understands: whoever sends such a thing means a call that the host makes. Nor what is not paid by the tokens of
# text: audio, and searches of the web, of which the usage in a batch does not tell what they cost.
PARAMETERS = frozenset(
    {
        *("model", "messages", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "n", "parallel_tool_calls", "prediction"),
        *("presence_penalty", "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed"),
        *("stop", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"),
    }
)


class Wish(StrEnum):
    """What a client says of waiting."""

    ALLOW = "allow"  # where a budget asks for it
    REQUIRE = "require"  # now, or not at all


class UnknownWish(ValueError):
    """Another word."""


def wish_of(said: object) -> Wish | None:
    """None: the request may not wait. Raises: UnknownWish."""
    if said is None or said in ("", "off"):
        return None
    try:
        return Wish(str(said))
    except ValueError:
        raise UnknownWish(f"expected one of {', '.join(Wish)}, or off") from None


def body_for(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a batch carries of a request."""
    return {name: value for name, value in asked.items() if name in PARAMETERS and value is not None}


def left_out(asked: Mapping[str, Any]) -> list[str]:
    """What the client asked for that a batch cannot carry, sorted."""
    unsent = {name for name, value in asked.items() if name not in PARAMETERS and value not in (None, False)}
    return sorted(unsent)


def has_audio(messages: object) -> bool:
    """Whether something is to be listened to: its tokens have a price of their own."""
    contents = [each.get("content") for each in messages if isinstance(each, Mapping)] if _is_list(messages) else []
    parts = [part for content in contents if _is_list(content) for part in content]
    return any(isinstance(part, Mapping) and part.get("type") == "input_audio" for part in parts)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
