"""What one call to a provider cost, where the host logs another call of the same request, or none.

The host logs a client request once. Of the calls that it makes for it one after the other (tools that it carries out)
it tells most to nobody: but each answer goes by, as an object, as the provider's own JSON, or as chunks of a stream.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import litellm
import orjson
from litellm.types.llms.openai import ResponsesAPIResponse

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.estimate import FREE, reserved_for
from litellm_plugins.proxy.budgets.costs import nano_of

if TYPE_CHECKING:
    from litellm_plugins.budgets.estimate import Price

_ASKED = ("prompt_tokens", "input_tokens")
_ASKED_BESIDE = ("cache_creation_input_tokens", "cache_read_input_tokens")  # Anthropic counts them apart
_ANSWERED = ("completion_tokens", "output_tokens")


def is_json(raw: object) -> TypeGuard[str | bytes]:
    """Whether it is an answer: of a stream that has begun the host hands over the stream itself, or a sentence."""
    return isinstance(raw, str | bytes) and raw.lstrip()[:1] in ("{", b"{")


def reply_in(raw: object) -> Any:
    """The answer in a provider's own JSON, as the host would price it; None: it is none that tells its usage."""
    if not is_json(raw):
        return None
    with contextlib.suppress(ValueError):  # pydantic's is one, too
        told = orjson.loads(raw)
        if not isinstance(told, dict) or not isinstance(told.get("usage"), Mapping):
            return None
        if told.get("object") == "response":
            return ResponsesAPIResponse(**told)
        if "choices" in told:
            return litellm.ModelResponse(**told)
        if told.get("type") == "message":
            return told
    return None


def reply_of(chunks: list[Any]) -> Any:
    """The answer that a whole stream of chat chunks makes up."""
    try:
        return litellm.stream_chunk_builder(chunks)
    except Exception:  # noqa: BLE001 - the host's; then it is not known
        return None


def is_message(reply: Any) -> bool:
    """Whether it is a whole answer of `/v1/messages`."""
    return isinstance(reply, Mapping) and reply.get("type") == "message"


def tells_usage(reply: Any) -> bool:
    """Whether it says how many tokens it took."""
    return any(_tokens(_settled(reply)))


def cost_of(reply: Any, log: Any, *, given: Price | None, otherwise: Price) -> Amounts | None:
    """Of one answer, by the host's own reckoning. `log` is what the host keeps of the call that it is the answer to.

    `given` is the settings' price, where the host has none, and `otherwise` what it was reserved at. None: it does not
    tell its usage. Of the requests that a budget limits it counts for none.
    """
    reply = _settled(reply)
    asked, answered = _tokens(reply)
    if not asked and not answered:
        return None
    if given is None:
        try:
            cost = log.response_cost_calculator(result=reply)
        except Exception:  # noqa: BLE001 - the host's; then it goes by what was reserved
            cost = None
        if cost is not None:
            return Amounts(nano_of(cost), asked + answered)
    price = given or otherwise
    nano = reserved_for(price, prompt_tokens=asked, output_tokens=answered).nano_usd if price != FREE else 0
    return Amounts(nano, asked + answered)


def _settled(reply: Any) -> Any:
    """Of the last event of a stream of the Responses API, what it brings."""
    return getattr(reply, "response", None) or reply


def _tokens(reply: Any) -> tuple[int, int]:
    usage = _get(reply, "usage")
    asked = next((n for name in _ASKED if (n := _whole(_get(usage, name)))), 0)
    if isinstance(reply, Mapping):
        asked += sum(_whole(_get(usage, name)) for name in _ASKED_BESIDE)
    return asked, next((n for name in _ANSWERED if (n := _whole(_get(usage, name)))), 0)


def _get(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
