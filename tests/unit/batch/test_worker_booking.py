"""What the worker books: each answer once, and none is told before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from litellm_plugins.batch.lines import Result
from litellm_plugins.batch.provider import Paid
from litellm_plugins.batch.queue import Batch, Deferred, Status
from litellm_plugins.batch.worker import HELD_ON_S
from litellm_plugins.errors import StoreUnavailable
from tests.unit.batch.scenes import START, USAGE, Killed, Scene, answered, raising_once


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
