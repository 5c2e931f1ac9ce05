"""A scene for the worker: a provider that fails wherever it can, a ledger, a clock that a test moves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from litellm_plugins.batch.backends.sqlite import SqliteQueue
from litellm_plugins.batch.lines import Result
from litellm_plugins.batch.provider import Ended, File, Paid, Progress
from litellm_plugins.batch.queue import Batch, Deferred, Status
from litellm_plugins.batch.worker import Worker
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.settings.batch import Batch as Rules

START = 1_800_000_000.0
GROUP = "mini"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5}


class Killed(BaseException):
    """The worker's process is gone: nothing after this line of it happens."""


class FakeProvider:
    """Batches by our ids. `before` and `after` are called around each creation, and may raise."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, Any]] = {}
        self.created: list[str] = []  # our ids, one for each creation
        self.uploads: list[list[str]] = []
        self.cancelled: list[str] = []
        self.status = "completed"
        self.made: Callable[[str], Result] = answered
        self.bad_lines: tuple[int, ...] = ()
        self.reason = ""
        self.at_upload = self.before = self.after = self.at_progress = nothing

    async def upload(self, batch: Batch, requests: Sequence[Deferred]) -> File:
        self.at_upload()
        self.uploads.append([each.id for each in requests])
        return File(f"file-{len(self.uploads)}", "deployment")

    async def create(self, batch: Batch, file: File) -> str:
        self.before()
        self.created.append(batch.id)
        self.batches[f"batch_{len(self.created)}"] = {"ours": batch.id, "requests": self.uploads[-1]}
        self.after()
        return f"batch_{len(self.created)}"

    async def look_up(self, batch: Batch) -> str | None:
        return next((id_ for id_, each in self.batches.items() if each["ours"] == batch.id), None)

    async def progress(self, batch: Batch) -> Progress:
        self.at_progress()
        return Progress(self.status, bad_lines=self.bad_lines, reason=self.reason)

    async def results(self, batch: Batch, progress: Progress) -> list[Result]:
        if progress.status != "completed":
            return []
        return [self.made(id_) for id_ in self.batches[batch.provider_id]["requests"]]

    async def cancel(self, batch: Batch) -> None:
        self.cancelled.append(batch.provider_id)
        self.status = "cancelled"


class FakeBooks:
    """A ledger that settles each request once, and can be out of order."""

    def __init__(self) -> None:
        self.settled: dict[str, Mapping[str, Any] | None] = {}
        self.called_for: list[str] = []
        self.is_gone = False

    async def called(self, request: Deferred) -> None:
        self.called_for.append(request.id)

    async def settle(self, request: Deferred, batch: Batch, usage: Mapping[str, Any] | None) -> Paid:
        self._settle(request, usage or {})
        return Paid(nano_usd=5, usual_nano_usd=10)

    async def release(self, request: Deferred) -> None:
        self._settle(request, None)

    def _settle(self, request: Deferred, usage: Mapping[str, Any] | None) -> None:
        if self.is_gone:
            raise StoreUnavailable("store_unreachable")
        self.settled.setdefault(request.id, usage)


def nothing() -> None:
    return None


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def raising_once(work: Callable[..., Any], error: BaseException, *, after: int = 0) -> Callable[..., Any]:
    calls = itertools.count()

    async def once(*args: Any, **more: Any) -> Any:
        if next(calls) == after:
            raise error
        return await work(*args, **more)

    return once


def answered(id_: str) -> Result:
    return Result(id_, Status.COMPLETED, orjson.dumps({"id": id_}), usage=USAGE)


class Scene:
    """One store, one provider, one ledger, a clock that a test moves, and as many workers as it starts."""

    def __init__(self, store: SqliteQueue) -> None:
        self.store, self.provider, self.books = store, FakeProvider(), FakeBooks()
        self.now = START
        self.told: list[Ended] = []
        self.failed: list[str] = []
        self.rules = Rules(enabled=True, models=(GROUP,), window_s=10, max_requests=3, max_wait_s=1_000, poll_every_s=1)

    def worker(self) -> Worker:
        return Worker(
            self.store,
            self.provider,
            self.books,
            self.rules,
            told=self.told.append,
            failed=lambda reason, _: self.failed.append(reason),
            clock=lambda: self.now,
            lease_s=60,
            unsure_s=180,
        )

    async def put(self, *ids: str) -> None:
        for n, id_ in enumerate(ids):
            at = self.now + n / 100
            assert await self.store.put(Deferred(id_, "t", GROUP, b"{}", b"{}", at, at + 1_000), most=100)

    async def killed(self) -> None:
        """A turn of a worker whose process dies in it; whoever comes next must wait for its lease to lapse."""
        with pytest.raises(Killed):
            await self.worker().turn()
        self.provider.before = self.provider.after = self.provider.at_upload = nothing
        self.now += 61

    async def status(self, id_: str) -> str:
        found = await self.store.find(id_, tenant="t")
        assert found is not None
        return str(found.status)
