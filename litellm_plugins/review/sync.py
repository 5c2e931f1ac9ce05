"""Both ways with Langfuse: our queue into one of its annotation queues, its reviewers' scores back as verdicts.

Nothing is created or read twice, over restarts and workers: what is about to be created is noted before, and where an
answer was lost, Langfuse's own list says what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from litellm_plugins.errors import PluginError, StoreUnavailable
from litellm_plugins.review.items import Item
from litellm_plugins.review.langfuse_client import LangfuseClient, LangfuseFailed, LangfuseUnsure
from litellm_plugins.review.scores import Scored, Scores
from litellm_plugins.review.sync_store import Note, SyncStore

LEASE_S = 180.0  # longer than the longest wait and one attempt take
_TRIES = 4
_QUEUES, _CONFIGS = "/annotation-queues", "/score-configs"
_ABOUT = "Answers that litellm-plugins asks about. Score each: was it right for this question?"
_CATEGORIES = ({"label": "wrong", "value": 0}, {"label": "right", "value": 1})

Json = dict[str, Any]


class SyncBusy(PluginError):
    """Another worker is at it."""

    code = "review_sync_busy"
    retryable = True
    http_status = 409


@dataclass(frozen=True, slots=True)
class Names:
    """How things are called in Langfuse, and how many items wait there at most."""

    queue: str
    score: str
    limit: int


@dataclass(slots=True)
class Synced:
    """What one sync did; `failed` says what it could not, and will the next time."""

    pushed: int = 0
    there: int = 0  # of our queue, in Langfuse already
    scores: Scored = field(default_factory=Scored)
    failed: list[dict[str, str]] = field(default_factory=list)

    def told(self) -> Json:
        """As JSON."""
        return asdict(self)


class Queue(Protocol):
    """What is worth a look."""

    async def queue(self, limit: int) -> list[Json]:
        """As `ReviewDesk.queue`."""


class Named(Protocol):
    """Items by the names of their traces."""

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        """As `ItemStore.named`."""


class LangfuseSync:
    """One sync at a time, over all workers."""

    def __init__(  # noqa: PLR0913 - whom it works for is put together once, in proxy/review/sync.py
        self,
        connect: Callable[[Callable[[], Any]], LangfuseClient],
        store: SyncStore,
        desk: Queue,
        items: Named,
        scores: Scores,
        names: Names,
        *,
        scope: str,
        owner: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connect, self._store, self._desk, self._items, self._scores = connect, store, desk, items, scores
        self._names, self._scope, self._owner, self._clock = names, scope, owner, clock

    async def run(self) -> Synced:
        """Take in what reviewers said, then put out what is new. Raises: SyncBusy, StoreUnavailable."""
        await self._hold()
        client, done = self._connect(self._hold), Synced()
        try:
            await self._tried("scores", done, lambda: self._scores.pull(client, done.scores))
            await self._tried("queue", done, lambda: self._push(client, done))
        finally:
            await client.aclose()
            await self._store.release(self._scope, self._owner)
        return done

    async def _hold(self) -> None:
        """Have the lease for another while: taken anew before each call, so that it never runs out under us."""
        if not await self._store.lease(self._scope, self._owner, now_s=self._clock(), for_s=LEASE_S):
            raise SyncBusy("another worker is syncing with Langfuse: try again")

    async def _tried(self, step: str, done: Synced, work: Callable[[], Any]) -> None:
        try:
            await work()
        except LangfuseFailed as exc:
            done.failed.append({"step": step, "reason": exc.reason, "detail": exc.detail})
        except StoreUnavailable as exc:
            done.failed.append({"step": step, "reason": exc.reason, "detail": "our store"})

    async def _push(self, client: LangfuseClient, done: Synced) -> None:
        waiting = [item for item in await self._desk.queue(self._names.limit) if item["trace_id"]]
        queue = await self._queue(client)
        await self._settle(client, queue)
        known = await self._store.noted(self._scope, Note.PUSHED, [item["trace_id"] for item in waiting])
        for item in waiting:
            trace = item["trace_id"]
            if trace in known:
                done.there += 1
                continue
            known[trace] = item["id"]  # several items may be of one trace: the first stands for it
            await self._create(client, queue, trace, item["id"])
            done.pushed += 1

    async def _queue(self, client: LangfuseClient) -> str:
        """The id of our queue. Made where it is missing."""
        queue = await _named(client, _QUEUES, self._names.queue)
        if queue is not None:
            return str(queue["id"])
        kind = {"name": self._names.score, "dataType": "CATEGORICAL", "categories": _CATEGORIES}
        config = await _found_or_made(client, _CONFIGS, kind)
        told = {"name": self._names.queue, "description": _ABOUT, "scoreConfigIds": [config]}
        return await _found_or_made(client, _QUEUES, told)

    async def _settle(self, client: LangfuseClient, queue: str) -> None:
        """What became of items that were about to be created; and of a queue that we meet first, what is in it."""
        pending = await self._store.all_noted(self._scope, Note.PUSHING)
        first = f"met:{queue}"
        if not pending and await self._store.noted(self._scope, Note.CURSOR, [first]):
            return
        there = await _traces(client, queue)
        known = await self._store.noted(self._scope, Note.PUSHED, sorted(there))
        new = {trace: pending.get(trace) or await self._item_of(trace) for trace in there if trace not in known}
        await self._store.note(self._scope, Note.PUSHED, new)
        await self._store.forget(self._scope, Note.PUSHING, sorted(pending))
        await self._store.note(self._scope, Note.CURSOR, {first: "1"})

    async def _item_of(self, trace: str) -> str:
        found = await self._items.named(trace, tenant=None)
        return "" if found is None else found.id

    async def _create(self, client: LangfuseClient, queue: str, trace: str, item: str) -> None:
        await self._store.note(self._scope, Note.PUSHING, {trace: item})
        for attempt in range(1, _TRIES + 1):
            try:
                await client.create(f"{_QUEUES}/{queue}/items", {"objectId": trace, "objectType": "TRACE"})
                break
            except LangfuseUnsure:
                if trace in await _traces(client, queue):
                    break
                if attempt == _TRIES:
                    raise
                await client.pause(attempt)
        await self._store.note(self._scope, Note.PUSHED, {trace: item})
        await self._store.forget(self._scope, Note.PUSHING, [trace])


async def _named(client: LangfuseClient, path: str, name: str) -> Json | None:
    async for page in client.pages(path):
        for each in page:
            if each.get("name") == name and not each.get("isArchived"):
                return each
    return None


async def _found_or_made(client: LangfuseClient, path: str, told: Mapping[str, Any]) -> str:
    """The id of what has that name."""
    for attempt in range(1, _TRIES + 1):
        found = await _named(client, path, told["name"])
        if found is not None:
            return str(found["id"])
        try:
            return str((await client.create(path, told))["id"])
        except LangfuseUnsure:
            if attempt == _TRIES:
                raise
            await client.pause(attempt)
    raise AssertionError  # the last attempt has returned or raised


async def _traces(client: LangfuseClient, queue: str) -> set[str]:
    found: set[str] = set()
    async for page in client.pages(f"{_QUEUES}/{queue}/items"):
        found |= set(_objects(page))
    return found


def _objects(page: Sequence[Json]) -> list[str]:
    return [str(each["objectId"]) for each in page if each.get("objectType") == "TRACE" and each.get("objectId")]
