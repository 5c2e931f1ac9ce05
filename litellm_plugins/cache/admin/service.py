"""The administrator's operations: JSON in, JSON out, each of consequence written into the audit journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.admin import events, reading
from litellm_plugins.cache.admin.audit import Journal, Record
from litellm_plugins.cache.admin.gating import gate_of
from litellm_plugins.cache.admin.shelving import Shelver
from litellm_plugins.cache.admin.warming import Warmer
from litellm_plugins.cache.checks import CheckStore
from litellm_plugins.cache.store import CacheStore, Entry, Selector
from litellm_plugins.cache.tags import version_tag
from litellm_plugins.errors import NotFound, RequestError

if TYPE_CHECKING:
    from litellm_plugins.cache.verifier.standing import Standing
    from litellm_plugins.settings import Settings

AUDIT_LOG = logging.getLogger("litellm_plugins.audit")
_LISTED_OF_A_DRY_RUN = 100
_MOST_LISTED = 1_000
_LARGEST = 50  # tenants and the like in the statistics: there may be one per end user

Json = dict[str, Any]


class CacheAdmin:
    """One per worker. The store is the truth: what is done here holds for every worker at once.

    Every method takes what was sent as a mapping and raises `RequestError`, `NotFound` or `StoreUnavailable`.
    """

    def __init__(
        self,
        *,
        store: CacheStore,
        journal: Journal,
        checks: CheckStore,
        shelver: Shelver,
        warmer: Warmer,
        settings: Settings,
        standing: Callable[[], Awaitable[Standing]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._journal, self._settings, self._clock = store, journal, settings, clock
        self._checks, self._shelver, self._warmer = checks, shelver, warmer
        self._standing = standing

    # Looking

    async def stats(self, given: Mapping[str, Any]) -> Json:
        """What lies in the cache, in numbers, and what its verifier has learned; null where nothing is promised."""
        reading.refuse_unknown(given, ())
        found = await self._store.stats()
        by = {name: _largest(counted) for name, counted in found.by.items()}
        verifier = asdict(await self._standing()) if self._standing is not None else None
        return {**asdict(found), "by": by, "verifier": verifier, "at": self._clock()}

    async def entries(self, given: Mapping[str, Any]) -> Json:
        """The newest entries that a selector names, or of all, without their answers."""
        selector = reading.selector_of(given, also=("limit",))
        limit = reading.whole_number(given, "limit", default=50, most=_MOST_LISTED)
        if selector is None:
            curated = reading.flag(given, "curated", default=None)
            kinds = (True, False) if curated is None else (curated,)
            found = [pair for kind in kinds for pair in await self._store.find(Selector(pinned=kind), limit=limit)]
            found = sorted(found, key=lambda pair: -pair[1].created_at)[:limit]
        else:
            found = await self._store.find(selector, limit=limit)
        return {"entries": [_summary(tenant, entry) for tenant, entry in found]}

    async def entry(self, cache_id: str) -> Json:
        """One entry with its answer."""
        tenant, entry = await self._one(Selector(cache_id=cache_id.lower()))
        return {**_summary(tenant, entry), "answer": orjson.loads(entry.body)}

    async def audit(self, given: Mapping[str, Any]) -> Json:
        """What was done, newest first; `next` is what to give as `before` for what came earlier."""
        reading.refuse_unknown(given, ("limit", "before", "action"))
        limit = reading.whole_number(given, "limit", default=100, most=_MOST_LISTED)
        before = reading.whole_number(given, "before", default=1, most=2**62) if given.get("before") else None
        action = reading.text_of(given, "action")
        records = await self._journal.latest(limit=limit, before=before, action=action)
        return {
            "records": [asdict(each) for each in records],
            "next": records[-1].id if len(records) == limit else None,
        }

    async def gate(self, given: Mapping[str, Any]) -> Json:
        """Whether the cache's answers are as good as the model's own, by the recorded checks."""
        return await gate_of(self._checks, given, now=self._clock())

    # Removing

    async def invalidate(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """Remove what the selector names, or with `dry_run` say what would go."""
        selector = reading.selector_of(given, also=("all", "dry_run"))
        everything = reading.flag(given, "all", default=False)
        if everything and selector is not None:
            raise RequestError("all: give either a selector or all, not both", param="all")
        if selector is None:
            if not everything:
                names = ", ".join(name for name in reading.SELECTING if name != "curated")
                raise RequestError(f"give at least one of {names}; all: true for everything", param="all")
            selector = Selector(pinned=reading.flag(given, "curated", default=False))
        if reading.flag(given, "dry_run", default=False):
            found = await self._store.find(selector, limit=_LISTED_OF_A_DRY_RUN)
            listed = [_summary(tenant, entry) for tenant, entry in found]
            return {"dry_run": True, "would_remove": await self._store.count(selector), "entries": listed}
        removed = await self._store.remove(selector)
        await self._note(actor, "invalidate", removed, self._without_prompts(given))
        return {"dry_run": False, "removed": removed}

    async def event(self, given: Mapping[str, Any]) -> Json:
        """Remove what an event makes stale. The caller has made sure that it is ours to believe."""
        tags = events.stale_tags(given, self._settings.events)
        version = reading.text_of(given, "version", most=64)
        if not tags and version is None:
            raise RequestError("tags: the event names neither tags nor a version, and its type has none", param="tags")
        actor = f"event:{given['type'][:80]}"
        removed = 0
        for tag in tags:
            removed += await self._store.remove(Selector(tag=tag))
        if tags:
            await self._note(actor, "event", removed, {"tags": tags})
        if version is not None:
            removed += await self._new_version(version, given, actor)
        return {"removed": removed, "tags": tags, **({"version": version} if version else {})}

    async def _new_version(self, version: str, given: Mapping[str, Any], actor: str) -> int:
        """Remove what was answered from another version; told of the same version again, nothing."""
        reading.tags_of({"tags": [version]})  # it is to be one
        narrowed = {name: given[name] for name in ("namespace", "model", "tenant", "team", "key") if name in given}
        scope = reading.selector_of(narrowed) or Selector(pinned=False)
        told = {"version": version, **narrowed}
        for record in await self._journal.latest(limit=_MOST_LISTED, action="version"):
            if {name: value for name, value in record.what.items() if name != "version"} == narrowed:
                if record.what.get("version") == version:
                    return 0
                break
        removed = await self._store.remove(
            Selector(
                tenant=scope.tenant,
                namespace=scope.namespace,
                model_group=scope.model_group,
                pinned=False,
                without_tag=version_tag(version),
            )
        )
        await self._note(actor, "version", removed, told)
        return removed

    # Writing

    async def curate(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """Keep an answer that a person wrote; it never expires and is never evicted."""
        curation = reading.curation_of(given)
        kept = await self._shelver.put(curation, pinned=True, ttl_s=None)
        what = {
            name: value for name, value in given.items() if name not in ("question", "questions", "answer", "system")
        }
        ids = [entry.cache_id for entry in kept]
        await self._note(actor, "curate", len(kept), {**what, "cache_ids": ids})
        return {"cache_ids": ids, "exact_only": [e.cache_id for e in kept if e.question is None]}

    async def uncurate(self, cache_id: str, *, actor: str) -> Json:
        """Remove one curated answer."""
        selector = Selector(cache_id=cache_id.lower(), pinned=True)
        removed = await self._store.remove(selector)
        if not removed:
            raise NotFound(f"no curated answer has the id {cache_id[:64]!r}")
        await self._note(actor, "uncurate", removed, {"cache_id": cache_id.lower()})
        return {"removed": removed}

    async def warm(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """Store answers from FAQs or past logs; a row that cannot be used is reported and does not stop the others."""
        results = await self._warmer.warm(given)
        stored = sum(result["status"] == "stored" for result in results)
        if stored:
            await self._note(actor, "warm", stored, {name: given[name] for name in given if name != "rows"})
        return {"stored": stored, "results": results}

    def _without_prompts(self, given: Mapping[str, Any]) -> Json:
        """What may be kept of a selector: where prompts are encrypted, a part of one must not stand in the journal."""
        encrypted = bool(self._settings.storage.encryption_keys_env)
        return {name: "(not kept)" if encrypted and name == "text" else value for name, value in given.items()}

    async def _one(self, selector: Selector) -> tuple[str, Entry]:
        found = await self._store.find(selector, limit=1)
        if not found:
            raise NotFound(f"no live entry has the id {(selector.cache_id or '')[:64]!r}")
        return found[0]

    async def _note(self, actor: str, action: str, count: int, what: Mapping[str, Any]) -> None:
        record = Record(at=self._clock(), actor=actor, action=action, count=count, what=dict(what))
        told = {
            "time": record.at,
            "level": "INFO",
            "event": "cache_audit",
            "actor": actor,
            "action": action,
            "count": count,
        }
        AUDIT_LOG.info("%s", orjson.dumps(told).decode())
        await self._journal.append(record)


def _summary(tenant: str, entry: Entry) -> Json:
    return {
        "cache_id": entry.cache_id,
        "tenant": tenant,
        "question": entry.question,
        "model_group": entry.model_group,
        "namespace": entry.namespace,
        "tags": entry.tags,
        "volatility": entry.volatility,
        "curated": entry.pinned,
        "created_at": entry.created_at,
        "expires_at": None if entry.pinned else entry.expires_at,
        "bytes": len(entry.body),
        "model": entry.model,
        "cost_usd": entry.cost_nano_usd / 1e9,
    }


def _largest(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda pair: -pair[1])[:_LARGEST])
