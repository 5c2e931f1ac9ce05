"""The sync with Langfuse in the running proxy: asked for by a route, and by one worker from time to time."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.errors import PluginError, RequestError, StoreUnavailable
from litellm_plugins.model import Reason
from litellm_plugins.proxy.langfuse.project import project_of
from litellm_plugins.review.langfuse_client import LangfuseClient, Project
from litellm_plugins.review.scores import Scores
from litellm_plugins.review.sync import LangfuseSync, Names, SyncBusy, Synced
from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import StageFailed

if TYPE_CHECKING:
    from litellm_plugins.review.desk import ReviewDesk
    from litellm_plugins.review.store import ItemStore
    from litellm_plugins.review.sync_store import SyncStore
    from litellm_plugins.settings.review import ReviewLangfuse
    from litellm_plugins.telemetry.events import Event

STAGE = "review_sync"
_SOON_S = 20.0  # after a start

Json = dict[str, Any]


class HostSync:
    """One per worker."""

    def __init__(
        self,
        wanted: ReviewLangfuse,
        store: SyncStore,
        desk: ReviewDesk,
        items: ItemStore,
        *,
        tell: Callable[[Event], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._wanted, self._store, self._desk, self._items = wanted, store, desk, items
        self._tell, self._environ = tell, environ
        self._owner = secrets.token_hex(8)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sync from time to time, where the settings ask for it. Raises: RuntimeError where no loop runs."""
        if self._wanted.enabled:
            self._task = asyncio.get_running_loop().create_task(self._for_ever())

    async def aclose(self) -> None:
        """Stop that. What was under way is taken up by whoever runs next."""
        if self._task is not None:
            await stop(self._task)

    async def run(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """`POST /plugins/review/sync`. Raises: SyncBusy, LangfuseUnset, RequestError, StoreUnavailable."""
        for name in given:
            raise RequestError(f"{name}: unknown; nothing is to be said here", param=name)
        return (await self._sync(project_of(self._environ))).told()

    async def _for_ever(self) -> None:
        every_s = self._wanted.every_minutes * 60
        await asyncio.sleep(random.uniform(0, min(_SOON_S, every_s)))  # noqa: S311 - workers start together
        while True:
            try:
                await self._turn(every_s)
            except SyncBusy:
                pass  # somebody asked for it by hand
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and it must not end unseen
                self._tell(StageFailed(STAGE, reason_of(exc), type(exc).__name__))
            await asyncio.sleep(every_s * random.uniform(0.9, 1.1))  # noqa: S311 - so that workers keep no step

    async def _turn(self, every_s: float) -> None:
        """One worker of all in that time: its turn is a lease that nobody gives back."""
        project = project_of(self._environ)
        turn = f"{self._scope(project)}:turn"
        if await self._store.lease(turn, secrets.token_hex(8), now_s=time.time(), for_s=every_s * 0.85):
            await self._sync(project)

    async def _sync(self, project: Project) -> Synced:
        wanted, scope = self._wanted, self._scope(project)
        sync = LangfuseSync(
            lambda hold: LangfuseClient(project, before=hold),
            self._store,
            self._desk,
            self._items,
            Scores(self._store, self._desk, self._items, wanted.score, scope=scope),
            Names(wanted.queue, wanted.score, wanted.limit),
            scope=scope,
            owner=f"{self._owner}-{secrets.token_hex(4)}",  # two that are asked for in one worker are two
        )
        done = await sync.run()
        for each in done.failed:
            self._tell(StageFailed(STAGE, each["reason"], f"{each['step']}: {each['detail']}"))
        return done

    def _scope(self, project: Project) -> str:
        """What is noted is about this project, queue and name of scores."""
        told = "\0".join((project.host, project.public_key, self._wanted.queue, self._wanted.score))
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def reason_of(exc: Exception) -> str:
    """The word of log and metric."""
    if isinstance(exc, StoreUnavailable):
        return exc.reason
    return exc.code if isinstance(exc, PluginError) else str(Reason.INTERNAL_ERROR)
