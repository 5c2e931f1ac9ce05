"""Whether a client lets its request wait, and what of a request a batch can carry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

# What a line of a batch may hold: the parameters of OpenAI's chat completions. Not `stream`, and not what only the
# host understands: whoever sends such a thing means a call that the host makes.
PARAMETERS = frozenset(
    {
        *("model", "messages", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "modalities", "n", "parallel_tool_calls", "prediction"),
        *("presence_penalty", "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed"),
        *("stop", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"),
        "web_search_options",
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
