"""Answers that people gave, on a shelf of their own.

A cached answer belongs to one way of asking: the same endpoint, parameters, system prompt and model. A person who
writes down the answer to a question means whoever asks it. So these entries lie in a partition of their own, of tenant
and namespace only; for which model group and system prompt an answer is meant, or for any, is part of its key. It is
served for the same question (whatever the case and spacing), or for one that the semantic layer judges to be the same,
and put into the wire shape of the endpoint that asked.

Not to every request: with earlier turns, tools, a response format or any other parameter that asks for another kind
of answer, nothing on the shelf can fit. How the sampling is set does not matter, for nothing is sampled.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.curated_shapes import SHAPES
from litellm_plugins.cache.dialects import OF_DELIVERY
from litellm_plugins.cache.keys import KEY_VERSION, Keys, tenant_of
from litellm_plugins.cache.store import CacheStore, Entry, Neighbour, Selector
from litellm_plugins.model import Message, Reason, Request

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

EVERYONE = "everyone"  # the tenant of what is meant for all; no identity has this one
SHELF_TAG = "source:shelf"
_TENANTS_KNOWN = 10_000
# How soon every worker sees that a tenant has its first answer on the shelf, and that it has no more: until then, only
# look-ups are wasted.
_KNOWN_FOR_S = {False: 2.0, True: 60.0}
_CHARACTERS_PER_TOKEN = 4
# They change how an answer is worded or delivered, not what is asked for. Whatever is not named here keeps the
# request from the shelf.
_OF_NO_MATTER = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "presence_penalty",
        "frequency_penalty",
        "reasoning_effort",
        "verbosity",
        "parallel_tool_calls",
        "drop_params",
        "headers",
        "extra_headers",
        "provider_specific_header",
        "api_version",
        *OF_DELIVERY,
    }
)
_NOTHING_SPECIAL: Mapping[str, object] = {
    "n": 1,
    "response_format": {"type": "text"},
    "text": {"format": {"type": "text"}},
    "logprobs": False,
    "store": False,  # else a client may come back to the provider for what was never there
    "truncation": "disabled",
}
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_SYSTEM_PARAMETER = {"messages": "system", "responses": "instructions"}  # by endpoint


@dataclass(frozen=True, slots=True)
class Target:
    """For whom an answer is meant. None: for any."""

    tenant: str
    namespace: str = ""
    model_group: str | None = None
    system: str | None = None  # the system prompt's text


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request counts for the shelf."""

    question: str
    endpoint: str
    namespace: str
    model_group: str
    system: str
    tenants: tuple[str, ...]  # whose answers may be served, the nearest first
    max_tokens: float


@dataclass(frozen=True, slots=True)
class OnShelf:
    """A candidate and whose it is."""

    tenant: str
    neighbour: Neighbour


def partition_of(target: Target) -> bytes:
    """Where the semantic layer finds what is meant for `target` and others like it."""
    return _digest("shelf", target.tenant, target.namespace)


def key_of(target: Target, question: str) -> bytes:
    """The key of the answer to `question`; the same question for the same target is one entry."""
    system = None if target.system is None else _normal(target.system)
    return _digest("answer", partition_of(target).hex(), target.model_group, system, _normal(question))


def same_question(one: str, other: str) -> bool:
    """Whether two questions differ in case and spacing at most."""
    return _normal(one) == _normal(other)


def tokens_about(text: str) -> int:
    """How many tokens a text is, roughly."""
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def asked(request: Request, keys: Keys) -> Asked | None:
    """The request as the shelf sees it; None where nothing there can fit."""
    *before, _last = request.messages
    if keys.question is None or request.endpoint not in SHAPES or not all(map(_is_system, before)):
        return None
    parameters = dict(request.parameters)
    system = parameters.pop(_SYSTEM_PARAMETER.get(request.endpoint, ""), None)
    if request.routing_tags or not all(_of_no_matter(*each) for each in parameters.items()):
        return None
    scopes = (tenant_of(request.identity, "key"), tenant_of(request.identity, "team"), EVERYONE)
    limits = (parameters.get(name) for name in _LIMITS)
    said_before = ([_text(system)] if system else []) + [_text(message.get("content")) for message in before]
    return Asked(
        question=keys.question,
        endpoint=request.endpoint,
        namespace=request.controls.namespace,
        model_group=request.model_group,
        system="\n".join(said_before),
        tenants=tuple(dict.fromkeys(scope for scope in scopes if not isinstance(scope, Reason))),
        max_tokens=min((limit for limit in limits if isinstance(limit, int)), default=math.inf),
    )


class Shelf:
    """Looks curated answers up. Where a tenant has none, that costs one question to the store every two seconds."""

    def __init__(self, store: CacheStore, *, timer: Callable[[], float] = time.monotonic) -> None:
        self._store, self._timer = store, timer
        self._known: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    async def same(self, wanted: Asked) -> Entry | None:
        """The answer to this very question."""
        for tenant in await self._stocked(wanted):
            for target in _targets(tenant, wanted):
                entry = await self._store.get(tenant, key_of(target, wanted.question))
                if entry is not None and entry.completion_tokens <= wanted.max_tokens:
                    return _shaped(entry, wanted)
        return None

    async def near(self, wanted: Asked, vector: Vector, *, space: str, k: int) -> list[OnShelf]:
        """Candidates that are meant for this request, the more narrowly meant first; they are still to be judged."""
        found: list[OnShelf] = []
        for tenant in await self._stocked(wanted):
            place = partition_of(Target(tenant, wanted.namespace))
            neighbours = await self._store.nearest(tenant, place, vector, space=space, k=k)
            for target in _targets(tenant, wanted):
                found += [OnShelf(tenant, n) for n in neighbours if n.key == key_of(target, n.question)]
        return found

    async def fetch(self, wanted: Asked, candidates: Sequence[OnShelf], chosen: Neighbour) -> Entry | None:
        """The entry of the candidate that was judged to answer the question, if it still is there, and fits."""
        tenant = next(each.tenant for each in candidates if each.neighbour is chosen)
        entry = await self._store.get(tenant, chosen.key)
        fits = entry is not None and entry.completion_tokens <= wanted.max_tokens
        return _shaped(entry, wanted) if entry is not None and fits else None

    async def has_any(self, wanted: Asked) -> bool:
        """Whether there is anything at all that might be served."""
        return bool(await self._stocked(wanted))

    async def _stocked(self, wanted: Asked) -> list[str]:
        return [tenant for tenant in wanted.tenants if await self._has_of(tenant)]

    async def _has_of(self, tenant: str) -> bool:
        looked_at, has_any = self._known.get(tenant, (-math.inf, False))
        now = self._timer()
        if now - looked_at > _KNOWN_FOR_S[has_any]:
            has_any = bool(await self._store.count(Selector(tenant=tenant, tag=SHELF_TAG)))
            self._known[tenant] = (now, has_any)
            self._known.move_to_end(tenant)
            if len(self._known) > _TENANTS_KNOWN:
                self._known.popitem(last=False)
        return has_any


def _targets(tenant: str, wanted: Asked) -> Iterator[Target]:
    for system in (wanted.system, None):
        for model_group in (wanted.model_group, None):
            yield Target(tenant, wanted.namespace, model_group, system)


def _shaped(entry: Entry, wanted: Asked) -> Entry:
    return replace(entry, body=SHAPES[wanted.endpoint](entry.body))


def _of_no_matter(name: str, value: object) -> bool:
    return value is None or name in _OF_NO_MATTER or _NOTHING_SPECIAL.get(name, _of_no_matter) == value


def _is_system(message: Message) -> bool:
    return message.get("role") in ("system", "developer")


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content or "")


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(KEY_VERSION + b" shelf" + orjson.dumps(parts)).digest()
