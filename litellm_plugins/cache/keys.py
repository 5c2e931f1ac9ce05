"""What makes two requests the same, or comparable. Pure.

The *partition* holds everything that two requests must share before one's answer may even be considered for the
other: tenant, model group, system prompt and earlier turns, tools, format, sampling, namespace, endpoint. Within a
partition the exact layer compares the whole last turn, the semantic layer only its question.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from litellm_plugins.model import Identity, Message, Reason, Request

TenantScope = Literal["team", "key", "end_user", "global"]
Anonymous = Literal["skip", "key"]

KEY_VERSION = b"litellm_plugins/1"  # a change of what goes into a key begins a new world
_NOT_PART_OF_THE_ANSWER = frozenset(
    {
        "timeout",
        "stream_timeout",
        "request_timeout",
        "num_retries",
        "max_retries",
        "stream_options",
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "store",
    }
)
# Their answers hold more than the body we keep, or come from a live outside source.
_UNSUPPORTED_PARAMETERS = frozenset({"audio", "modalities", "web_search_options", "prediction", "functions"})


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a request belongs in the cache."""

    tenant: str
    partition: bytes  # 32 bytes
    exact: bytes  # 32 bytes
    question: str | None  # what the semantic layer compares; None: it must not
    why_exact_only: Reason | None = None


def derive(
    request: Request,
    scope: TenantScope,
    version: str = "",
    *,
    personal: bool = False,
    without_end_user: Anonymous = "skip",
) -> Keys | Reason:
    """The request's keys, or the reason why it has none. Another `version` (of the user's documents), other keys.

    `personal`: its answer is for its own end user only.
    """
    if request.endpoint != "chat":
        return Reason.UNSUPPORTED_ENDPOINT
    unusable = _why_unusable(request)
    if unusable:
        return unusable
    parameters = {k: v for k, v in request.parameters.items() if k not in _NOT_PART_OF_THE_ANSWER and v is not None}
    *context, last = request.messages
    try:
        if not _all_finite(parameters):
            return Reason.MALFORMED
        tenant = tenant_of(request.identity, scope)
        if personal and scope != "end_user":
            tenant = personal_tenant_of(request.identity, scope, without_end_user)
        if isinstance(tenant, Reason):
            return tenant
        partition = _digest(
            "partition",
            tenant,
            request.endpoint,
            request.model_group,
            [request.controls.namespace, version] if version else request.controls.namespace,
            list(request.routing_tags),
            parameters,
            [dict(message) for message in context],
            {k: v for k, v in last.items() if k != "content"},
        )
        exact = _digest("exact", partition.hex(), last.get("content"))
    except (TypeError, ValueError, RecursionError):
        # A lone surrogate, an integer past 64 bits, lists without end: nothing to stake an answer on.
        return Reason.MALFORMED
    question, why_not = _question(request, last)
    return Keys(tenant, partition, exact, question, why_not)


def tenant_of(identity: Identity, scope: TenantScope) -> str | Reason:
    """Whose answers these are. The team where there is one, else the key; never a shared default."""
    if scope == "global":
        return "global"
    if scope in ("team", "end_user") and identity.team_id:
        owner = f"team:{identity.team_id}"
    elif identity.key_id:
        owner = f"key:{identity.key_id}"
    else:
        return Reason.NO_IDENTITY
    if scope != "end_user":
        return owner
    return _end_user_of(owner, identity)


def personal_tenant_of(identity: Identity, scope: TenantScope, without_end_user: Anonymous) -> str | Reason:
    """Whose answers about a user's own data these are: his within `scope`, never wider than a team.

    Who names no end user may be many behind one key: nothing is shared, unless the settings say that a key is one
    user's.
    """
    owner = tenant_of(identity, "team" if scope == "global" else scope)
    if isinstance(owner, Reason) or identity.end_user_id:
        return owner if isinstance(owner, Reason) else _end_user_of(owner, identity)
    return tenant_of(identity, "key") if without_end_user == "key" else Reason.NO_END_USER


def _end_user_of(owner: str, identity: Identity) -> str | Reason:
    if not identity.end_user_id:
        return Reason.NO_END_USER
    return orjson.dumps([owner, "end_user", identity.end_user_id]).decode()


def owner_of(identity: Identity) -> str:
    """The team or key on whose behalf an answer was given; empty where the host names neither."""
    owner = tenant_of(identity, "team")
    return "" if isinstance(owner, Reason) else owner


def _why_unusable(request: Request) -> Reason | None:
    messages: tuple[object, ...] = request.messages  # what a client sent: anything may be in there
    if not messages or not all(isinstance(m, Mapping) and m.get("role") for m in messages):
        return Reason.MALFORMED
    if any(request.parameters.get(name) for name in _UNSUPPORTED_PARAMETERS):
        return Reason.UNSUPPORTED_PARAMETER
    if not all(map(_runs_at_the_client, request.parameters.get("tools") or ())):
        return Reason.UNSUPPORTED_PARAMETER
    if not all(_is_text(message) for message in request.messages):
        return Reason.UNSUPPORTED_CONTENT
    return None


def _runs_at_the_client(tool: object) -> bool:
    """Not so MCP, web search and the like: they read a live world, or change it, on every asking."""
    return isinstance(tool, Mapping) and tool.get("type", "function") in ("function", "custom")


def _is_text(message: Message) -> bool:
    content = message.get("content")
    if message.get("audio"):
        return False
    if content is None or isinstance(content, str):
        return True
    return isinstance(content, list) and all(
        isinstance(part, Mapping) and part.get("type") == "text" for part in content
    )


def _all_finite(value: object) -> bool:
    """NaN and the infinities would all be written as null, and so be taken for each other."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_all_finite, value.values()))
    return not isinstance(value, list) or all(map(_all_finite, value))


def _question(request: Request, last: Message) -> tuple[str | None, Reason | None]:
    if request.parameters.get("tools"):
        # The next words of a tool call ("in Madrid" or "in Paris") are what similarity sees least.
        return None, Reason.TOOLS_OFFERED
    content = last.get("content")
    if isinstance(content, list) and len(content) == 1:
        content = content[0].get("text")
    if last.get("role") != "user" or not isinstance(content, str) or not content.strip():
        return None, Reason.LAST_TURN_NOT_USER_TEXT
    return content.strip(), None


def _digest(*parts: object) -> bytes:
    # One canonical JSON array: no two different lists of parts spell the same bytes.
    return hashlib.sha256(KEY_VERSION + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()
