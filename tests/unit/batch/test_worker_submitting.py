"""Requests on their way to a provider that fails: nothing lost, nothing sent twice."""

from __future__ import annotations

import pytest

from litellm_plugins.batch.provider import ProviderFault
from tests.unit.batch.scenes import START, USAGE, Killed, Scene, nothing, raising


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
