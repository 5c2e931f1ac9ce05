"""What a call cost, from what the host logs of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import litellm
import openai
from litellm.exceptions import MidStreamFallbackError

from litellm_plugins.budgets.amounts import NANO, NOTHING, Amounts

if TYPE_CHECKING:
    from litellm_plugins.budgets.estimate import Price

_MOST_CAUSES = 16
_BREAKS = (httpx.TransportError, aiohttp.ClientError, openai.APIConnectionError)


def of_success(kwargs: Mapping[str, Any], given: Price | None, *, otherwise: Price | None = None) -> Amounts:
    """Of a call that the host logs as a success. `given` is the settings' price, where the host has none.

    `otherwise` is what it was reserved at: for a call that the host, for once, could not price.
    """
    payload = kwargs.get("standard_logging_object")
    logged: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {}
    if kwargs.get("cache_hit") is True or logged.get("cache_hit") is True:
        return NOTHING
    asked, answered = _whole(logged.get("prompt_tokens")), _whole(logged.get("completion_tokens"))
    tokens = max(_whole(logged.get("total_tokens")), asked + answered)
    cost = kwargs.get("response_cost")
    return Amounts(_nano(cost, given if cost is not None else given or otherwise, asked, answered), tokens, 1)


def of_failure(request_data: Mapping[str, Any], given: Price | None, *, streamed: bool) -> Amounts:
    """Of one that failed: what had been streamed, and prompts that were read; errors are not billed."""
    total = NOTHING
    for attempt in request_data.get("billed_failed_attempts") or ():  # as the host counts its earlier tries
        total += _spent(attempt.response_cost, attempt.usage, given)
    cost, usage = request_data.get("response_cost"), request_data.get("combined_usage_object")
    if usage is None or not (cost or (given is not None and streamed)):
        return total
    return total + _spent(cost, usage, given)


def of_prompt(price: Price, tokens: int) -> Amounts:
    """Of a call that was left while its provider worked."""
    return Amounts(round(price.input * tokens) + price.request, tokens, 0)


def prompt_tokens(kwargs: Mapping[str, Any]) -> int:
    """Of a call that the host logs."""
    payload = kwargs.get("standard_logging_object")
    return _whole(payload.get("prompt_tokens")) if isinstance(payload, Mapping) else 0


def failed_prompt_tokens(request_data: Mapping[str, Any]) -> int:
    """Of one that failed, as the host counts them."""
    return _whole(getattr(request_data.get("combined_usage_object"), "prompt_tokens", 0))


def was_read(exception: BaseException) -> bool:
    """Whether a provider had the request and was still at work when it was left: it will want its money."""
    if not isinstance(exception, litellm.Timeout):
        return False
    for cause in _causes(exception):
        if isinstance(cause, httpx.ConnectTimeout | httpx.ReadTimeout):
            return isinstance(cause, httpx.ReadTimeout)
    return False


def was_turned_away(exception: BaseException | None) -> bool:
    """Whether a provider answered with an error: it charges nothing. A connection that broke says nothing of that."""
    if not isinstance(exception, openai.APIStatusError) or isinstance(exception, MidStreamFallbackError):
        return False
    return not any(isinstance(cause, _BREAKS) for cause in _causes(exception))


def _causes(exception: BaseException) -> Iterator[BaseException]:
    """The exception, and what led to it; the nearest first."""
    cause: BaseException | None = exception
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _spent(cost: Any, usage: Any, given: Price | None) -> Amounts:
    asked, answered = _whole(getattr(usage, "prompt_tokens", 0)), _whole(getattr(usage, "completion_tokens", 0))
    return Amounts(_nano(cost, given, asked, answered), asked + answered, 1)


def _nano(cost: Any, given: Price | None, asked: int, answered: int) -> int:
    if given is not None:
        return round(given.input * asked + given.output * answered)
    return nano_of(cost)


def nano_of(cost: Any) -> int:
    """Nano-dollars of what the host writes as a float of dollars."""
    if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
        return 0
    return round(Decimal(str(cost)) * NANO)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
