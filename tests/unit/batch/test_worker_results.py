"""Batches that their provider has, and does not end as it should."""

from __future__ import annotations

import pytest

from litellm_plugins.batch.provider import ProviderFault
from litellm_plugins.batch.worker import HELD_ON_S
from litellm_plugins.errors import StoreUnavailable
from tests.unit.batch.scenes import START, Scene, raising, raising_once


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
