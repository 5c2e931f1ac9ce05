"""The worker against a provider that fails wherever it can: nothing lost, nothing sent twice, each booked once."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from litellm_plugins.batch.backends.sqlite import SCHEMA, SqliteQueue
from litellm_plugins.batch.lines import Result
from litellm_plugins.batch.provider import Ended, File, Paid, Progress, ProviderFault
from litellm_plugins.batch.queue import Batch, Deferred, Status
from litellm_plugins.batch.worker import HELD_ON_S, Worker
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.settings.batch import Batch as Rules
from litellm_plugins.storage.sqlite import SqliteFile

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


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    store = SqliteQueue(SqliteFile(tmp_path / "queue.db", schema=SCHEMA))
    yield Scene(store)
    await store.aclose()


async def test_a_file_goes_when_it_is_full_or_its_first_request_has_waited(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b")
    await worker.turn()
    assert scene.provider.created == []
    scene.now += 1
    await scene.put("c")
    await worker.turn()
    assert scene.provider.uploads == [["a", "b", "c"]]
    await scene.put("d")
    scene.now += 9
    await worker.turn()
    assert len(scene.provider.created) == 1
    scene.now += 1
    await worker.turn()
    assert scene.provider.uploads[1:] == [["d"]]


async def test_answers_are_booked_kept_and_told_once(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    scene.provider.made = lambda id_: (
        Result(id_, Status.FAILED, b'{"message": "no"}', "bad_request") if id_ == "b" else answered(id_)
    )
    for _ in range(4):
        await worker.turn()
    assert scene.books.settled == {"a": USAGE, "b": None, "c": USAGE}
    assert sorted(scene.books.called_for) == ["a", "b", "c"]
    assert [(each.request.id, str(each.status), each.paid.nano_usd) for each in scene.told] == [
        ("a", "completed", 5),
        ("b", "failed", 0),
        ("c", "completed", 5),
    ]
    kept = await scene.store.find("b", tenant="t")
    assert kept is not None
    assert (kept.reason, kept.answer) == ("bad_request", b'{"message": "no"}')
    assert await scene.store.batches() == []


@pytest.mark.parametrize("place", ["at_upload", "before", "after"])
async def test_a_worker_killed_while_it_submits_loses_nothing_and_nothing_is_sent_twice(
    scene: Scene, place: str
) -> None:
    await scene.put("a", "b", "c")
    setattr(scene.provider, place, raising(Killed()))
    await scene.killed()
    next_one = scene.worker()
    for _ in range(10):
        await next_one.turn()
        scene.now += 61
    assert len(scene.provider.created) == 1
    assert scene.books.settled == {"a": USAGE, "b": USAGE, "c": USAGE}
    assert len(scene.told) == 3


async def test_a_batch_that_may_have_been_created_is_not_created_again_before_that_is_sure(scene: Scene) -> None:
    """The request of a worker that hangs could still arrive."""
    await scene.put("a", "b", "c")
    scene.provider.before = raising(Killed())
    await scene.killed()
    worker = scene.worker()
    while scene.now < START + 179:
        await worker.turn()
        scene.now += 20
    assert scene.provider.created == []
    scene.now = START + 181
    await worker.turn()
    assert len(scene.provider.created) == 1


async def test_a_worker_killed_between_booking_and_keeping_books_once(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    finish = scene.store.finish
    scene.store.finish = raising_once(finish, Killed())  # type: ignore[method-assign] # it dies there, once
    with pytest.raises(Killed):
        await worker.turn()
    assert list(scene.books.settled) == ["a"]
    scene.now += 61
    await scene.worker().turn()
    assert list(scene.books.settled) == ["a", "b", "c"]
    assert [each.request.id for each in scene.told] == ["a", "b", "c"]


def raising_once(work: Callable[..., Any], error: BaseException, *, after: int = 0) -> Callable[..., Any]:
    calls = itertools.count()

    async def once(*args: Any, **more: Any) -> Any:
        if next(calls) == after:
            raise error
        return await work(*args, **more)

    return once


async def test_while_one_worker_has_the_turn_another_does_nothing(scene: Scene) -> None:
    await scene.put("a", "b", "c")
    one, other = scene.worker(), scene.worker()
    busy: list[bool] = []

    async def upload(batch: Batch, requests: Sequence[Deferred]) -> File:
        busy.append(await other.turn())
        return File("file", "deployment")

    scene.provider.upload = upload  # type: ignore[method-assign] # another looks in while it is at work
    scene.provider.uploads = [["a", "b", "c"]]
    assert await one.turn()
    assert busy == [False]
    assert not await other.turn()
    scene.now += 1
    assert await other.turn()
    assert len(scene.provider.created) == 1
    await other.give_back()
    assert await one.turn()


async def test_a_refusal_that_will_not_change_ends_the_requests(scene: Scene) -> None:
    await scene.put("a", "b", "c")
    scene.provider.at_upload = raising(ProviderFault("invalid_api_key", is_certain=True, is_lasting=True))
    await scene.worker().turn()
    assert [await scene.status(id_) for id_ in "abc"] == ["failed"] * 3
    assert scene.books.settled == {"a": None, "b": None, "c": None}
    assert scene.failed == ["invalid_api_key"]
    assert await scene.store.batches() == []


async def test_a_busy_provider_is_asked_again_after_a_pause_that_grows(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    tried: list[float] = []

    def busy() -> None:
        tried.append(scene.now - START)
        raise ProviderFault("rate_limit_exceeded", is_certain=True)

    scene.provider.at_upload = busy
    for _ in range(20):
        await worker.turn()
        scene.now += 1
    assert tried == [0, 2, 6, 14]
    scene.provider.at_upload = nothing
    for _ in range(20):
        await worker.turn()
        scene.now += 1
    assert await scene.status("a") == "completed"


async def test_an_answer_that_cannot_be_booked_is_not_told_until_it_is(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    scene.books.is_gone = True
    with pytest.raises(StoreUnavailable):
        await worker.turn()
    assert await scene.status("a") == "submitted"
    scene.books.is_gone = False
    await worker.turn()
    assert await scene.status("a") == "completed"


async def test_a_request_past_its_time_is_taken_from_the_queue(scene: Scene) -> None:
    scene.rules = scene.rules.model_copy(update={"window_s": 5_000})
    worker = scene.worker()
    await scene.put("a")
    scene.now += 999
    await worker.turn()
    assert await scene.status("a") == "queued"
    scene.now += 2
    await worker.turn()
    assert await scene.status("a") == "expired"
    assert scene.books.settled == {"a": None}
    assert scene.told[0].request.reason == "no_batch_in_time"


async def test_a_batch_with_a_request_past_its_time_is_cancelled_and_the_others_wait_again(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b")
    scene.now += 20
    scene.provider.status = "in_progress"
    await worker.turn()
    scene.now = START + 1_000.005
    await worker.turn()
    assert scene.provider.cancelled == ["batch_1"]
    await worker.turn()
    assert (await scene.status("a"), await scene.status("b")) == ("expired", "submitted")
    assert scene.provider.uploads == [["a", "b"], ["b"]]
    assert scene.books.settled == {"a": None}


async def test_of_a_file_that_is_no_good_only_the_bad_lines_fail(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    scene.provider.status, scene.provider.bad_lines = "failed", (2,)
    await worker.turn()
    assert await scene.status("b") == "failed"
    scene.provider.status, scene.provider.bad_lines = "completed", ()
    scene.now += 10
    await worker.turn()
    await worker.turn()
    assert (await scene.status("a"), await scene.status("c")) == ("completed", "completed")


async def test_a_provider_that_is_gone_for_good_is_given_up_after_a_time(scene: Scene) -> None:
    """What was reserved is left to lapse: it may have been answered, and charged."""
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    scene.provider.at_progress = raising(ProviderFault("provider_unreachable"))
    scene.now = START + 1_000 + HELD_ON_S - 1
    await worker.turn()
    assert await scene.status("a") == "submitted"
    scene.now += 2
    await worker.turn()
    assert [await scene.status(id_) for id_ in "abc"] == ["expired"] * 3
    assert scene.books.settled == {}


async def test_one_batch_that_cannot_be_asked_about_keeps_no_other_waiting(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    scene.provider.at_progress = raising(RuntimeError("odd"))
    await scene.put("d", "e", "f")
    await worker.turn()
    assert len(scene.provider.created) == 2
    assert scene.failed == ["internal_error"]


async def test_ended_requests_are_forgotten_in_time(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    await worker.turn()
    scene.now += 7 * 86_400 + 1
    await worker.turn()
    assert await scene.store.find("a", tenant="t") is None


async def test_where_too_much_waits_at_the_provider_it_is_asked_again_after_a_pause(scene: Scene) -> None:
    """The organization's queue of batches is full, as OpenAI says only once it has looked at the file."""
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    scene.provider.status, scene.provider.reason = "failed", "token_limit_exceeded"
    await worker.turn()
    assert await scene.status("a") == "submitted"
    assert scene.failed == ["provider_busy"]
    await worker.turn()
    assert len(scene.provider.created) == 1
    scene.provider.status, scene.provider.reason = "completed", ""
    scene.now += 2
    await worker.turn()
    await worker.turn()
    assert len(scene.provider.created) == 2
    assert [await scene.status(id_) for id_ in "abc"] == ["completed"] * 3


async def test_of_bad_lines_none_is_another_for_a_worker_that_goes_on(scene: Scene) -> None:
    """It counts the requests that have no end yet."""
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    scene.provider.status, scene.provider.bad_lines = "failed", (1, 3)
    release = scene.books.release
    scene.books.release = raising_once(release, StoreUnavailable("store_unreachable"), after=1)  # type: ignore[method-assign] # as said
    with pytest.raises(StoreUnavailable):
        await worker.turn()
    await worker.turn()
    assert {id_: await scene.status(id_) for id_ in "abc"} == {"a": "failed", "b": "queued", "c": "failed"}


async def test_one_answer_that_cannot_be_booked_keeps_no_other_from_its_client(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    settle = scene.books.settle

    async def odd(request: Deferred, batch: Batch, usage: Mapping[str, Any] | None) -> Paid:
        if request.id == "a":
            raise TypeError("odd")
        return await settle(request, batch, usage)

    scene.books.settle = odd  # type: ignore[method-assign] # as said
    await worker.turn()
    assert [await scene.status(id_) for id_ in "abc"] == ["submitted", "completed", "completed"]
    assert scene.failed == ["internal_error"]
    scene.now = START + 1_000 + HELD_ON_S + 1
    await worker.turn()
    assert await scene.status("a") == "expired"
    assert len(scene.provider.created) == 1


async def test_what_cannot_be_read_any_more_fails_alone(scene: Scene) -> None:
    await scene.put("a", "b")
    unread = Deferred("c", "t", GROUP, b"", b"{}", scene.now, scene.now + 1_000)  # as with a key that is gone
    assert await scene.store.put(unread, most=100)
    worker = scene.worker()
    await worker.turn()
    await worker.turn()
    assert [await scene.status(id_) for id_ in "abc"] == ["completed", "completed", "failed"]
    assert scene.provider.uploads == [["a", "b"]]


async def test_a_batch_that_its_provider_never_ends_is_given_up_after_a_time(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    scene.provider.status = "cancelling"
    await worker.turn()
    for passed_s, status in ((1_000 + HELD_ON_S - 1, "submitted"), (1_000 + HELD_ON_S + 1, "expired")):
        scene.now = START + passed_s
        await worker.turn()
        assert [await scene.status(id_) for id_ in "abc"] == [status] * 3
    assert scene.books.settled == {}
