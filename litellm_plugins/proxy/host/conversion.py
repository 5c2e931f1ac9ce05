"""From the host's dicts to our values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm.types.utils import all_litellm_params

from litellm_plugins.errors import RequestError
from litellm_plugins.model import CacheControls, Identity, Request, checked_tags
from litellm_plugins.proxy.cache.tag_routing import routing_tags

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

CONTROL_HEADER = "x-litellm-plugins-cache"
TAGS_HEADER = "x-litellm-plugins-cache-tags"
# The host's call types that we understand: our name of each, and the field that holds the conversation.
_ENDPOINTS = {
    "acompletion": ("chat", "messages"),
    "anthropic_messages": ("messages", "messages"),
    "aresponses": ("responses", "input"),
    "atext_completion": ("completions", "prompt"),
    "aembedding": ("embeddings", "input"),
}
_SAY_IT_AT_ONCE = ("completions", "embeddings")
_A_CENTURY_S = 3_155_760_000
_HASH = re.compile(r"[0-9a-f]{64}")
_FEATURE_TAG = "feature:"
_MODES = ("default", "bypass", "refresh")
_OWN_FIELDS = frozenset(
    {
        "model",
        "stream",
        "metadata",
        "litellm_metadata",
        "cache",
        "user",
        "proxy_server_request",
        "secret_fields",
    }
)
# The host takes these from HTTP headers and may send them on: they can choose what a provider answers.
_FORWARDED = frozenset({"headers", "provider_specific_header", "api_version"})
_HOST_FIELDS = frozenset(all_litellm_params) - _FORWARDED


def to_request(
    data: Mapping[str, Any], auth: UserAPIKeyAuth, *, call_type: str, router: object = None, deliverable: bool = True
) -> Request:
    """The request as the host holds it before its pre-call hooks ran. Raises: RequestError."""
    model_group, identity = str(data.get("model") or ""), identity_of(auth)
    if call_type not in _ENDPOINTS:  # not ours to understand: it is told of, and passes through
        return Request(call_type, model_group, (), {}, identity, feature=feature_of(data))
    endpoint, conversation = _ENDPOINTS[call_type]
    body = _mapping(_mapping(data.get("proxy_server_request")).get("body"))
    return Request(
        endpoint=endpoint,
        model_group=model_group,
        messages=_messages(endpoint, data.get(conversation)),
        parameters={
            name: value
            for name, value in data.items()
            # A field of the host's own is not part of the question, unless the client sent it.
            if name not in _OWN_FIELDS and name != conversation and (name not in _HOST_FIELDS or name in body)
        }
        | _odd_stream(data),
        identity=identity,
        stream=data.get("stream") is True,
        controls=controls_of(data),
        routing_tags=routing_tags(data, router),
        feature=feature_of(data),
        deliverable=deliverable,
    )


def endpoint_of(call_type: str) -> str | None:
    """Our name of a host's call type; None for one that is not ours to understand."""
    return _ENDPOINTS[call_type][0] if call_type in _ENDPOINTS else None


def _odd_stream(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is no truth value some providers refuse: they are to be asked."""
    stream = data.get("stream")
    return {} if stream is None or isinstance(stream, bool) else {"stream": stream}


def _messages(endpoint: str, given: object) -> tuple[Any, ...]:
    if given is not None and (endpoint in _SAY_IT_AT_ONCE or (endpoint == "responses" and isinstance(given, str))):
        return ({"role": "user", "content": given},)
    return tuple(given) if isinstance(given, list) else ()


def identity_of(auth: UserAPIKeyAuth) -> Identity:
    """Who the host says is asking. A key that the host left in the clear is hashed before it goes anywhere."""
    token = auth.token or auth.api_key
    if token and not _HASH.fullmatch(token):
        token = hashlib.sha256(token.encode()).hexdigest()
    return Identity(
        key_id=token,
        key_alias=auth.key_alias,
        team_id=auth.team_id,
        team_alias=auth.team_alias,
        user_id=auth.user_id,
        end_user_id=auth.end_user_id,
    )


def feature_of(data: Mapping[str, Any]) -> str:
    """What the client says it uses the answer for: `metadata.feature`, or a request tag `feature:NAME`."""
    places = [_mapping(data.get(place)) for place in ("metadata", "litellm_metadata")]
    named = next((place["feature"] for place in places if isinstance(place.get("feature"), str)), None)
    if named is not None:
        return str(named)
    lists = (place.get("tags") for place in places)
    tags = (tag for tags in lists if isinstance(tags, list) for tag in tags if isinstance(tag, str))
    return next((tag.removeprefix(_FEATURE_TAG) for tag in tags if tag.startswith(_FEATURE_TAG)), "")


def controls_of(data: Mapping[str, Any]) -> CacheControls:
    """LiteLLM's own `cache: {…}` and ours, from header or `metadata.litellm_plugins.cache`. Raises: RequestError."""
    own = data.get("cache") or {}
    if not isinstance(own, Mapping):
        raise RequestError('cache must be an object, such as {"no-cache": true}', param="cache")
    mode = _mode(data)
    namespace = own.get("namespace", "")
    if not isinstance(namespace, str):
        raise RequestError("cache.namespace must be a string", param="cache.namespace")
    return CacheControls(
        bypass=mode == "bypass",
        no_cache=mode == "refresh" or own.get("no-cache") is True,
        no_store=own.get("no-store") is True,
        ttl_s=_seconds(own.get("ttl"), "cache.ttl"),
        max_age_s=_seconds(own.get("s-maxage", own.get("s-max-age")), "cache.s-maxage"),
        namespace=namespace,
        tags=_tags(data),
    )


def wire_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as a client would have seen it fresh: the host's cache hands over every unset field as null."""
    wire = _without_nulls(body)
    wire["choices"] = [
        {**_without_nulls(choice), "message": _without_nulls(choice.get("message") or {}, keep=("content",))}
        for choice in body.get("choices") or ()
    ]
    if isinstance(usage := body.get("usage"), Mapping):
        wire["usage"] = {
            name: _without_nulls(value) if isinstance(value, Mapping) else value
            for name, value in _without_nulls(usage).items()
        }
    return wire


def _without_nulls(fields: Mapping[str, Any], *, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None or name in keep}


def _mode(data: Mapping[str, Any]) -> str:
    headers = _mapping(_mapping(data.get("proxy_server_request")).get("headers"))
    mode = headers.get(CONTROL_HEADER)
    where = CONTROL_HEADER
    for place in ("metadata", "litellm_metadata"):
        if mode is None:
            mode = _mapping(_mapping(data.get(place)).get("litellm_plugins")).get("cache")
            where = "metadata.litellm_plugins.cache"
    if mode is None:
        return "default"
    if mode not in _MODES:
        raise RequestError(f"{where}: expected one of {', '.join(_MODES)}", param=where)
    return str(mode)


def _tags(data: Mapping[str, Any]) -> tuple[str, ...]:
    """From the header, separated by commas, and from `metadata.litellm_plugins.tags`; all of them count."""
    headers = _mapping(_mapping(data.get("proxy_server_request")).get("headers"))
    tags: list[object] = [tag for tag in map(str.strip, str(headers.get(TAGS_HEADER) or "").split(",")) if tag]
    for place in ("metadata", "litellm_metadata"):
        given = _mapping(_mapping(data.get(place)).get("litellm_plugins")).get("tags")
        if given is not None and not isinstance(given, list):
            raise RequestError("metadata.litellm_plugins.tags must be a list", param="metadata.litellm_plugins.tags")
        tags += given or ()
    try:
        return checked_tags(tags) if tags else ()
    except ValueError as exc:
        raise RequestError(f"metadata.litellm_plugins.tags: {exc}", param="metadata.litellm_plugins.tags") from exc


def _seconds(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _A_CENTURY_S:
        raise RequestError(f"{name} must be a number of seconds, 0 or more", param=name)
    return float(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
