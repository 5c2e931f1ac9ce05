"""The worker from turn to turn: what goes when, whose turn it is, what is past its time."""

from __future__ import annotations

from collections.abc import Sequence

from litellm_plugins.batch.provider import File
from litellm_plugins.batch.queue import Batch, Deferred
from tests.unit.batch.scenes import GROUP, START, Scene


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


async def test_what_cannot_be_read_any_more_fails_alone(scene: Scene) -> None:
    await scene.put("a", "b")
    unread = Deferred("c", "t", GROUP, b"", b"{}", scene.now, scene.now + 1_000)  # as with a key that is gone
    assert await scene.store.put(unread, most=100)
    worker = scene.worker()
    await worker.turn()
    await worker.turn()
    assert [await scene.status(id_) for id_ in "abc"] == ["completed", "completed", "failed"]
    assert scene.provider.uploads == [["a", "b"]]


async def test_ended_requests_are_forgotten_in_time(scene: Scene) -> None:
    worker = scene.worker()
    await scene.put("a", "b", "c")
    await worker.turn()
    await worker.turn()
    scene.now += 7 * 86_400 + 1
    await worker.turn()
    assert await scene.store.find("a", tenant="t") is None
