"""How long each step of a look-up took."""

from __future__ import annotations

import asyncio

import pytest

from litellm_plugins.cache.steps import Steps, step
from litellm_plugins.model import Step


class Timer:
    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def test_steps_know_their_stage_and_when_they_were() -> None:
    timer = Timer()
    steps = Steps(clock=lambda: 1_000.0, timer=timer)
    with steps.stage("lookup"):
        timer.now += 1
        with step("embed"):
            timer.now += 2
        timer.now += 1

    assert steps.taken == (Step("embed", 1_001.0, 2.0, "lookup"), Step("lookup", 1_000.0, 4.0))


def test_a_step_that_fails_is_timed_too() -> None:
    steps = Steps()
    with pytest.raises(ValueError, match="no"), steps.stage("lookup"), step("search"):
        raise ValueError("no")
    assert [each.name for each in steps.taken] == ["search", "lookup"]


def test_outside_of_a_stage_nothing_is_kept() -> None:
    with step("embed"):
        pass
    steps = Steps()
    assert steps.taken == ()


async def test_what_outlives_its_stage_is_no_part_of_it() -> None:
    steps, over = Steps(), asyncio.Event()

    async def later() -> None:
        await over.wait()
        with step("embed"):
            pass

    with steps.stage("lookup"):
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
    over.set()
    await task
    assert [each.name for each in steps.taken] == ["lookup"]


async def test_requests_at_once_do_not_mix_their_steps() -> None:
    async def request(name: str) -> Steps:
        steps = Steps()
        with steps.stage("lookup"), step(name):
            await asyncio.sleep(0)
        return steps

    for place, steps in enumerate(await asyncio.gather(*(request(str(place)) for place in range(20)))):
        assert [each.name for each in steps.taken] == [str(place), "lookup"]


def test_a_request_of_many_steps_keeps_the_first_of_them() -> None:
    steps = Steps()
    with steps.stage("lookup"):
        for _ in range(100):
            with step("exact"):
                pass
    assert len(steps.taken) == 32
