"""The events of the end of a request, put together. Pure but for the clock of a call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from litellm_plugins.model import Layer
from litellm_plugins.proxy.calls.log import PASSED_THROUGH, endpoint_of_url, of_success
from litellm_plugins.proxy.host.conversion import feature_of, identity_of
from litellm_plugins.proxy.host.deployment import deployment_of
from litellm_plugins.proxy.ticket import metadata_of
from litellm_plugins.telemetry.events import CallFinished

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.budgets.amounts import Amounts
    from litellm_plugins.model import Identity
    from litellm_plugins.proxy.calls.call import Call
    from litellm_plugins.proxy.calls.log import Logged
    from litellm_plugins.proxy.compression.replaced import Compressed, Shortened


class _Who(TypedDict):
    team: str
    key: str
    user: str
    end_user: str


def finished(call: Call, ending: str, paid: Amounts, log: Logged, *, now_s: float) -> CallFinished:
    """How `call` ended: as its client was told, where that was an error."""
    request, decided = call.decision.request, call.decision.event
    reason = fault = ""
    if call.failed_as is not None:
        ending, reason, fault = call.failed_as
    elif call.gone and ending == "success":
        ending = "gone"
    hit = log.cache_hit and call.decision.verdict.is_hit
    took_ms = (time.perf_counter() - call.started) * 1_000
    if log.ended_s is not None:
        took_ms = min(took_ms, max(0.0, (log.ended_s - call.at_s) * 1_000))  # the host logs some time after
    asked, shorter = _asked(call, log), _saved(call.compressed, log)
    cut = (0, 0) if hit else _saved(call.history, log)
    return CallFinished(
        at_s=now_s,
        endpoint=request.endpoint,
        model_group=request.model_group,
        layer=decided.layer if hit or not call.decision.verdict.is_hit else Layer.MISS,
        ending=ending,
        reason=reason,
        fault=fault,
        model=log.model_group if not hit and ending in ("success", "gone") else "",
        deployment=asked[0] if not hit else "",
        provider=asked[1] if not hit else "",
        **_who(request.identity),
        feature=request.feature,
        stream=request.stream,
        prompt_tokens=0 if hit else log.prompt_tokens,
        cached_prompt_tokens=0 if hit else log.cached_prompt_tokens,
        completion_tokens=0 if hit else log.completion_tokens,
        spent_nano_usd=0 if hit else paid.nano_usd,
        own_nano_usd=call.own_nano_usd,
        saved_nano_usd=decided.saved_nano_usd if hit else shorter[0],
        saved_tokens=decided.saved_tokens if hit else shorter[1],
        history_nano_usd=cut[0] - call.summaries_nano_usd,
        history_tokens=cut[1],
        prompt_cache_nano_usd=0 if hit else sum(call.prompt_cache_nano_usd.values()),
        took_ms=took_ms,
        first_token_ms=_first_token_ms(call, log, took_ms, hit=hit),
        attempts=0 if hit else call.attempts,
        call_id=call.call_id,
        trace_id=log.trace_id or call.trace_id,
        route="" if hit else call.route,
        early_stop=call.stopped or "",
    )


def turned_away(
    request_data: Mapping[str, Any], auth: UserAPIKeyAuth, failed_as: tuple[str, str, str], now_s: float
) -> CallFinished:
    """Of a request that was never decided on: by stage 1, or by the host's own limits."""
    sent = request_data["proxy_server_request"]
    return CallFinished(
        at_s=now_s,
        endpoint=endpoint_of_url(sent.get("url")),
        model_group=str(request_data.get("model") or ""),
        layer=Layer.BYPASS,
        ending=failed_as[0],
        reason=failed_as[1],
        fault=failed_as[2],
        **_who(identity_of(auth)),
        feature=feature_of(request_data),
        stream=request_data.get("stream") is True,
        call_id=str(request_data.get("litellm_call_id") or ""),
    )


def passed_through(kwargs: Mapping[str, Any], paid: Amounts, now_s: float) -> CallFinished:
    """Of a request to a pass-through path, as the host logs it."""
    log, payload = of_success(kwargs), kwargs.get("standard_logging_object") or {}
    metadata = payload.get("metadata") or {}
    took_s = (log.ended_s or 0) - (payload.get("startTime") or log.ended_s or 0)
    return CallFinished(
        at_s=now_s,
        endpoint=PASSED_THROUGH,
        model_group=log.model_group or log.deployment,
        layer=Layer.BYPASS,
        ending="success",
        deployment=log.deployment,
        provider=log.provider,
        team=str(metadata.get("user_api_key_team_alias") or metadata.get("user_api_key_team_id") or ""),
        key=str(metadata.get("user_api_key_alias") or ""),
        user=str(metadata.get("user_api_key_user_id") or ""),
        end_user=str(metadata.get("user_api_key_end_user_id") or ""),
        prompt_tokens=log.prompt_tokens,
        cached_prompt_tokens=log.cached_prompt_tokens,
        completion_tokens=log.completion_tokens,
        spent_nano_usd=paid.nano_usd,
        took_ms=max(0.0, took_s * 1_000),
        attempts=1,
        call_id=str(kwargs.get("litellm_call_id") or ""),
        trace_id=log.trace_id,
    )


def _saved(shorter: Compressed | Shortened | None, log: Logged) -> tuple[int, int]:
    """Nano-dollars and tokens, of a prompt that somebody billed: what went would have been cached as the rest was."""
    if shorter is None or not log.prompt_tokens:
        return 0, 0
    event, cached = shorter.event, min(1.0, log.cached_prompt_tokens / log.prompt_tokens)
    return round(event.saved_nano_usd * (1 - cached * (1 - shorter.read_share))), event.saved_tokens


def _asked(call: Call, log: Logged) -> tuple[str, str]:
    if log.deployment or call.kwargs is None:
        return log.deployment, log.provider
    found = deployment_of(call.kwargs, metadata_of(call.kwargs) or {})
    return found.model, found.provider


def _first_token_ms(call: Call, log: Logged, took_ms: float, *, hit: bool) -> float | None:
    if not call.decision.request.stream:
        return None
    if hit:
        return took_ms
    return None if log.first_token_s is None else max(0.0, (log.first_token_s - call.at_s) * 1_000)


def _who(identity: Identity) -> _Who:
    return {
        "team": identity.team_name,
        "key": identity.key_name,
        "user": identity.user_id or "",
        "end_user": identity.end_user_id or "",
    }
