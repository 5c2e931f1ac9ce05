"""Stage 1 in the running proxy: requests that are not fit to be asked are refused before they cost anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.admission import urgency, validation
from litellm_plugins.admission.faults import Fault
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.admission.streams import end_in_time
from litellm_plugins.proxy.host.conversion import endpoint_of, identity_of
from litellm_plugins.proxy.host.token_counts import counted
from litellm_plugins.proxy.host.tokenizers import O200K
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.telemetry.events import RequestRefused
from litellm_plugins.telemetry.sinks.headers import PREFIX, refusal_headers

if TYPE_CHECKING:
    from litellm.proxy._types import ProxyException, UserAPIKeyAuth
    from starlette.responses import StreamingResponse

    from litellm_plugins.model import Identity
    from litellm_plugins.settings import Policies, Settings
    from litellm_plugins.settings.admission import Admission
    from litellm_plugins.telemetry.events import Telemetry

PRIORITY_HEADER = f"{PREFIX}priority"
_IN_METADATA = "metadata.litellm_plugins.priority"
_OURS = "litellm_plugins"  # in metadata: the client's, a key's, a team's
_CEILING = "highest_priority"
_SCHEDULED = frozenset({"chat", "completions"})  # elsewhere the host sends `priority` on to the provider
_SAY_WHERE = ("api_key", "api_base", "user_config", "router_settings_override")  # the host calls another than its own
_INLINE_BYTES = 16_000  # a longer prompt is counted in a thread


class HostAdmission:
    """One for all requests of a worker."""

    def __init__(self, policies: Policies, telemetry: Telemetry, *, headers: bool = True) -> None:
        self._policies, self._telemetry, self._headers = policies, telemetry, headers

    async def check(self, data: dict[str, Any], auth: UserAPIKeyAuth, call_type: str) -> None:
        """Raises: ProxyException, in OpenAI's shape, where the request is not let in."""
        endpoint = endpoint_of(call_type)
        if endpoint is None:
            return
        identity = identity_of(auth)
        rules = self._policies.admission_for(identity, _model(data))
        if not rules.enabled:
            return
        fault, found = validation.fault_of(
            data,
            endpoint,
            rules,
            known_model=lambda model: is_served(model, data, auth),
            body_bytes=0 if rules.max_body_kb is None else _body_bytes(data),
        )
        if fault is None and not validation.surely_short(found, rules):
            if found.most_tokens <= _INLINE_BYTES:
                fault = validation.too_long(found, endpoint, rules, _tokens)
            else:
                fault = await asyncio.to_thread(validation.too_long, found, endpoint, rules, _tokens)
        if fault is None:
            place = _priority(data, auth, rules)
            fault = place if isinstance(place, Fault) else None
        if fault is not None:
            raise self._refusal(fault, endpoint, data, identity)

    def prepare(self, data: dict[str, Any], auth: UserAPIKeyAuth, call_type: str) -> None:
        """Have the host end the call in time, and put it in order. Neither is part of what was looked up."""
        endpoint = endpoint_of(call_type)
        if endpoint is None:
            return
        rules = self._policies.admission_for(identity_of(auth), _model(data))
        if not rules.enabled:
            return
        allowed = rules.timeouts.get(_model(data))
        if allowed is not None:
            _shorten(data, "timeout", allowed)
            if data.get("stream"):
                data.setdefault("stream_timeout", data["timeout"])
                _shorten(data, "stream_timeout", allowed)
        if rules.priorities is not None and endpoint in _SCHEDULED:
            place = _priority(data, auth, rules)
            data.pop("priority", None)  # the host's own word for it: a client could put itself before all others
            if isinstance(place, int):
                data["priority"] = place

    def bound(self, response: StreamingResponse, data: Mapping[str, Any], *, took_s: float) -> None:
        """End a stream when its time is over, however lively it is; `took_s` of it is gone."""
        ticket = tickets.find(data)
        asked = None if ticket is None else ticket.decision.request
        if asked is None:
            return
        allowed = self._policies.admission_for(asked.identity, asked.model_group)
        told = data.get("timeout")
        if allowed.enabled and asked.model_group in allowed.timeouts and isinstance(told, int | float):
            end_in_time(response, asked.endpoint, allowed_s=told, left_s=told - took_s)

    def _refusal(self, fault: Fault, endpoint: str, data: Mapping[str, Any], identity: Identity) -> ProxyException:
        event = RequestRefused(
            fault.reason,
            endpoint,
            _model(data),
            team=identity.team_name,
            key=identity.key_name,
        )
        self._telemetry.emit(event)
        return Refusal(
            str(fault.reason),
            message=fault.message,
            type="invalid_request_error",
            param=fault.field,
            code=fault.http_status,
            openai_code=str(fault.reason),
            headers=refusal_headers(event) if self._headers else {},
        )


def host_admission(settings: Settings, policies: Policies, telemetry: Telemetry) -> HostAdmission | None:
    """None where it is on for nobody."""
    overrides = [*settings.per_team.values(), *settings.per_key.values(), *settings.per_model.values()]
    if not (settings.admission.enabled or any(each.admission.get("enabled") for each in overrides)):
        return None
    return HostAdmission(policies, telemetry, headers=settings.telemetry.headers)


def is_served(model: str, data: Mapping[str, Any], auth: UserAPIKeyAuth) -> bool:
    """Whether the host may find something that answers to this name. In doubt it may: it has the last word."""
    from litellm.proxy import proxy_server as host

    router = host.llm_router
    elsewhere: tuple[Any, ...] = (host.user_model, host.prisma_client)  # another worker may have put it there
    if router is None or any(each is not None for each in elsewhere) or any(name in data for name in _SAY_WHERE):
        return True
    if "," in model or model.startswith("a2a/"):  # several at once; an agent
        return True
    catch_all: Any = router.default_deployment
    if (
        catch_all is not None
        or router.pattern_router.patterns
        or router.router_general_settings.pass_through_all_models
    ):
        return True
    if router.is_recognized_model(model) or model in router.deployment_names:
        return True
    if model in router.team_public_model_names:
        return True
    return auth.team_id is not None and router.map_team_model(model, auth.team_id) is not None


def _shorten(data: dict[str, Any], name: str, allowed: float) -> None:
    shorter = urgency.timeout_s(allowed, data.get(name))
    if shorter is not None:
        data[name] = shorter


def _priority(data: Mapping[str, Any], auth: UserAPIKeyAuth, rules: Admission) -> int | Fault | None:
    asked, where = _asked_priority(data)
    return urgency.priority(asked, where, rules.priorities, held_to=_ceilings(auth))


def _asked_priority(data: Mapping[str, Any]) -> tuple[object, str]:
    headers = _mapping(_mapping(data.get("proxy_server_request")).get("headers"))
    if (asked := headers.get(PRIORITY_HEADER)) is not None:
        return asked, PRIORITY_HEADER
    for place in ("metadata", "litellm_metadata"):
        asked = _mapping(_mapping(data.get(place)).get(_OURS)).get("priority")
        if asked is not None:
            return asked, _IN_METADATA
    return None, _IN_METADATA


def _ceilings(auth: UserAPIKeyAuth) -> Iterator[object]:
    for metadata in (auth.metadata, auth.team_metadata):
        yield _mapping(_mapping(metadata).get(_OURS)).get(_CEILING)


def _body_bytes(data: Mapping[str, Any]) -> int:
    sent = _mapping(data.get("proxy_server_request"))
    length = _mapping(sent.get("headers")).get("content-length")
    if isinstance(length, str) and length.isdecimal():
        return int(length)
    try:
        return len(orjson.dumps(sent.get("body"), default=str, option=orjson.OPT_NON_STR_KEYS))
    except orjson.JSONEncodeError:  # too deep, or half a surrogate pair
        return len(repr(sent.get("body")))


def _tokens(text: str) -> int:
    """Which model it will be is not known yet."""
    return counted(text, O200K)


def _model(data: Mapping[str, Any]) -> str:
    model = data.get("model")
    return model if isinstance(model, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
