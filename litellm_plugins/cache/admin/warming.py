"""Filling the cache before anybody asks: from FAQs that people wrote, and from logs of what was answered before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from litellm_plugins.cache.admin import reading
from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.errors import RequestError
from litellm_plugins.model import Identity, Reply, Request

if TYPE_CHECKING:
    from litellm_plugins.cache.admin.shelving import Shelver
    from litellm_plugins.cache.layers import CacheLayers
    from litellm_plugins.settings import Cache, Policies

_One = Callable[[Mapping[str, Any], Mapping[str, Any]], Awaitable[str]]
MAX_ROWS = 500  # of one call
# An administrator fills it, whoever may use it yet.
_NOBODY_WAITS = {"lookup_timeout_ms": 60_000.0, "rollout": 1.0, "shadow": False, "recheck_share": 0.0}
_TARGET = ("team", "key", "tenant", "everyone")


class LogReader(Protocol):
    """Knows how the host logs a request and its answer."""

    def read(self, row: Mapping[str, Any], default: Identity) -> tuple[Request, Reply]:
        """What was asked, as the live request would be seen, and what was answered. Raises: RequestError."""


class Warmer:
    """Stores rows one by one. One that is there already is left alone, so a broken run can simply be repeated."""

    def __init__(self, *, layers: CacheLayers, shelver: Shelver, policies: Policies, logs: LogReader) -> None:
        self._layers, self._shelver, self._policies, self._logs = layers, shelver, policies, logs

    async def warm(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What became of each row: stored, present, or bad with its problem. Raises: RequestError, StoreUnavailable."""
        reading.refuse_unknown(given, ("rows", "source", "ttl_s", "pin", *_TARGET))
        rows, source = given.get("rows"), given.get("source", "faq")
        if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
            raise RequestError(f"rows: expected a list of 1 to {MAX_ROWS}", param="rows")
        if source not in ("faq", "log"):
            raise RequestError("source: expected faq or log", param="source")
        one = self._faq if source == "faq" else self._log
        return [await self._row(one, row, given) for row in rows]

    async def _row(self, one: _One, row: object, given: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(row, Mapping):
            return {"status": "bad", "problem": "expected an object"}
        try:
            return {"status": await one(row, given)}
        except RequestError as exc:
            return {"status": "bad", "problem": str(exc)}
        except EmbedderUnavailable as exc:
            return {"status": "bad", "problem": f"cannot be embedded now: {exc}"}

    async def _faq(self, row: Mapping[str, Any], given: Mapping[str, Any]) -> str:
        defaults = {} if any(row.get(name) for name in _TARGET) else {n: given[n] for n in _TARGET if n in given}
        curation = reading.curation_of({**defaults, **{name: row[name] for name in row if row[name] is not None}})
        pinned = bool(reading.flag(given, "pin", default=False))
        if await self._shelver.has(curation, pinned=pinned):
            return "present"
        ttl_s = reading.seconds_of(given, "ttl_s") or self._policies.base.max_ttl_s
        await self._shelver.put(curation, pinned=pinned, ttl_s=ttl_s)
        return "stored"

    async def _log(self, row: Mapping[str, Any], given: Mapping[str, Any]) -> str:
        team, key = (reading.text_of(given, name) for name in ("team", "key"))
        request, reply = self._logs.read(row, Identity(key_id=key, team_id=team))
        ttl_s = reading.seconds_of(given, "ttl_s")
        policy = self._policies.cache_for(request.identity, request.model_group)
        policy = policy.model_copy(update=_NOBODY_WAITS)
        if await self._is_present(request, policy):
            return "present"
        # As a client would ask who wants a fresh answer, which then is the one that was logged.
        asked = replace(request, controls=replace(request.controls, no_cache=True, ttl_s=ttl_s))
        verdict = await self._layers.look_up(asked, policy)
        if verdict.failure:
            raise RequestError(f"cannot be stored now: {verdict.failure}", param="row")
        if verdict.keys is None:
            raise RequestError(f"this request is not cached: {verdict.reason}", param="row")
        refusal = await self._layers.remember(verdict, asked, reply, policy)
        if refusal is not None:
            raise RequestError(f"this answer is not kept: {refusal}", param="row")
        return "stored"

    async def _is_present(self, request: Request, policy: Cache) -> bool:
        exact_only = policy.model_copy(update={"semantic": policy.semantic.model_copy(update={"enabled": False})})
        return (await self._layers.look_up(request, exact_only)).is_hit
