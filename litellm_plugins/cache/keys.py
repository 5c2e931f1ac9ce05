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

from litellm_plugins.cache.dialects import DIALECTS, Dialect
from litellm_plugins.model import Identity, Message, Reason, Request

TenantScope = Literal["team", "key", "end_user", "global"]
Anonymous = Literal["skip", "key"]

KEY_VERSION = b"litellm_plugins/1"  # a change of what goes into a key begins a new world


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
    dialect = DIALECTS.get(request.endpoint)
    if dialect is None:
        return Reason.UNSUPPORTED_ENDPOINT
    unusable = dialect.why_unusable(request)
    if unusable:
        return unusable
    if not request.deliverable:
        return Reason.NO_DELIVERY
    if request.unshared is not None:
        return request.unshared
    try:
        parameters = dialect.parameters(request)
        *context, last = messages = dialect.messages(request)
        # What a chat's messages hold is text.
        if not _all_finite(parameters) or (request.endpoint != "chat" and not _all_finite(messages)):
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
            [*map(_tag, request.routing_tags), *_marks(request)],
            parameters,
            context,
            {k: v for k, v in last.items() if k != "content"},
        )
        exact = _digest("exact", partition.hex(), last.get("content"))
    except (TypeError, ValueError, RecursionError):
        # A lone surrogate, an integer past 64 bits, lists without end: nothing to stake an answer on.
        return Reason.MALFORMED
    question, why_not = _question(request, dialect, last)
    return Keys(tenant, partition, exact, question, why_not)


def aside(derived: Keys) -> Keys:
    """Where what is kept for a moment lies: nothing that looks for the request itself finds it."""
    return Keys(derived.tenant, derived.partition, _digest("aside", derived.exact.hex()), None)


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


def _marks(request: Request) -> list[str]:
    """What the pack itself does to it that shapes the answer."""
    prompt = [f"prompt:{request.prompt_mark}"] if request.prompt_mark else []
    return [*(f"output:{mark}" for mark in request.output_marks), *prompt]


def _tag(tag: str) -> str:
    """A client's, that may look like a mark of ours."""
    return f"tag:{tag}" if tag.startswith(("output:", "prompt:", "tag:")) else tag


def _all_finite(value: object) -> bool:
    """NaN and the infinities would all be written as null, and so be taken for each other."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_all_finite, value.values()))
    return not isinstance(value, list) or all(map(_all_finite, value))


def _question(request: Request, dialect: Dialect, last: Message) -> tuple[str | None, Reason | None]:
    if not dialect.compares:
        return None, Reason.EXACT_ONLY
    if request.parameters.get("tools"):
        # The next words of a tool call ("in Madrid" or "in Paris") are what similarity sees least.
        return None, Reason.TOOLS_OFFERED
    content = last.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], Mapping):
        content = content[0].get("text") if content[0].get("type") in dialect.text else None
    if last.get("role") != "user" or not isinstance(content, str) or not content.strip():
        return None, Reason.LAST_TURN_NOT_USER_TEXT
    return content.strip(), None


def _digest(*parts: object) -> bytes:
    # One canonical JSON array: no two different lists of parts spell the same bytes.
    return hashlib.sha256(KEY_VERSION + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()
