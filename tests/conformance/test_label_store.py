"""What every keeper of `LabelStore` promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np

from litellm_plugins.cache.second_looks import SecondLooks
from litellm_plugins.cache.verifier.labels import REVIEWER, SECOND_LOOK, Label, LabelStore


def label(number: int, **different: bool) -> Label:
    return Label(np.array([number, 0.5, -1.25]), different.get("right", True), 1 / 3, number, 1_700_000_000.125)


async def test_a_label_comes_back_as_it_was_given(labels: LabelStore) -> None:
    for right in (True, False):
        await labels.add_label("d", label(7, right=right))
    first, second = await labels.newest_labels("d", 5)
    assert (first.right, second.right) == (True, False)
    assert (first.weight, first.requests, first.created_at) == (1 / 3, 7, 1_700_000_000.125)
    assert first.features.tolist() == [7, 0.5, -1.25]


async def test_a_second_look_takes_the_place_of_what_the_comparison_said_and_is_no_label_itself(
    labels: LabelStore,
) -> None:
    looks = SecondLooks(labels)
    for number in (1, 2, 3):
        await looks.add_label("d", label(number, right=False))
    await looks.add_label("d", replace(label(3, right=False), by=REVIEWER))
    for right in (False, True):  # the last word holds
        assert await looks.add_label("d", replace(label(2, right=right), by=SECOND_LOOK)) == 0
    await looks.add_label("another", replace(label(1), by=SECOND_LOOK))
    await looks.add_label("d", replace(label(3), by=SECOND_LOOK))

    found = await looks.newest_labels("d", 9)
    assert [(each.requests, each.right, each.by) for each in found] == [
        (1, False, ""), (2, True, SECOND_LOOK), (3, True, SECOND_LOOK), (3, False, REVIEWER)
    ]  # fmt: skip
    assert await looks.count_labels("d") == 4
    assert await looks.add_label("d", label(5)) == 5


async def test_labels_are_counted_and_the_last_of_them_come_oldest_first(labels: LabelStore) -> None:
    numbers = [await labels.add_label("d", label(n)) for n in range(1, 8)]
    assert numbers == list(range(1, 8))
    assert [each.requests for each in await labels.newest_labels("d", 3)] == [5, 6, 7]
    assert await labels.newest_labels("another", 3) == []
    assert await labels.add_label("another", label(1)) == 1


async def test_how_many_there_were_can_be_asked(labels: LabelStore) -> None:
    assert await labels.count_labels("d") == 0
    for number in range(1, 4):
        await labels.add_label("d", label(number))
    assert (await labels.count_labels("d"), await labels.count_labels("another")) == (3, 0)


async def test_every_worker_gets_a_number_of_its_own(labels: LabelStore) -> None:
    numbers = await asyncio.gather(*(labels.add_label("d", label(n)) for n in range(100)))
    assert sorted(numbers) == list(range(1, 101))


async def test_the_oldest_labels_make_room(labels: LabelStore) -> None:
    for start in range(0, 11_000, 1_000):
        await asyncio.gather(*(labels.add_label("d", label(n)) for n in range(start, start + 1_000)))
    assert await labels.add_label("d", label(0)) == 11_001
    kept = await labels.newest_labels("d", 20_000)
    assert 10_000 <= len(kept) < 10_500
    assert kept[-1].requests == 0


async def test_a_fit_gives_way_to_newer_ones_only(labels: LabelStore) -> None:
    assert await labels.newest_fit("d", above=-1) is None
    for version, fit in ((2, b"two"), (1, b"one"), (2, b"two again"), (10, b"ten"), (9, b"nine")):
        await labels.save_fit("d", version, fit)
    assert await labels.newest_fit("d", above=9) == (10, b"ten")
    assert await labels.newest_fit("d", above=10) is None
    assert await labels.newest_fit("another", above=0) is None


async def test_who_says_so_is_kept_with_a_label(labels: LabelStore) -> None:
    for by in ("", "reviewer", "user"):
        await labels.add_label("d", replace(label(1), by=by))
    assert [each.by for each in await labels.newest_labels("d", 5)] == ["", "reviewer", "user"]
