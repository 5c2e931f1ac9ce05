"""What every keeper of `Journal` promises."""

from __future__ import annotations

import asyncio

from litellm_plugins.cache.admin.audit import Journal, Record


async def test_a_record_comes_back_as_it_was_written(journal: Journal) -> None:
    kept = Record(
        at=1_700_000_000.25, actor="Ana 👩", action="invalidate", count=3, what={"tag": "a|b", "n": [1, None]}
    )
    await journal.append(kept)
    (found,) = await journal.latest(limit=5)
    assert (found.at, found.actor, found.action, found.count, dict(found.what)) == (
        kept.at, kept.actor, kept.action, kept.count, dict(kept.what),
    )  # fmt: skip


async def test_an_empty_journal_has_nothing_to_tell(journal: Journal) -> None:
    assert await journal.latest(limit=5) == []


async def test_the_newest_come_first_and_are_numbered_in_their_order(journal: Journal) -> None:
    for number in range(7):
        await journal.append(Record(float(number), "a", "warm", number))
    found = await journal.latest(limit=3)
    assert [record.count for record in found] == [6, 5, 4]
    assert [record.id for record in found] == sorted((record.id for record in found), reverse=True)
    older = await journal.latest(limit=10, before=found[-1].id)
    assert [record.count for record in older] == [3, 2, 1, 0]
    assert await journal.latest(limit=10, before=older[-1].id) == []


async def test_the_records_of_one_action_are_told_however_far_back(journal: Journal) -> None:
    await journal.append(Record(0.0, "a", "curate", 1))
    await asyncio.gather(*(journal.append(Record(float(n), "a", "event", n)) for n in range(1_100)))
    assert [record.count for record in await journal.latest(limit=2, action="curate")] == [1]
    assert len(await journal.latest(limit=2_000)) == 1_101
    assert await journal.latest(limit=5, action="never done") == []


async def test_records_written_at_once_are_all_kept_each_with_a_number_of_its_own(journal: Journal) -> None:
    await asyncio.gather(*(journal.append(Record(0.0, "a", "event", n)) for n in range(100)))
    found = await journal.latest(limit=1_000)
    assert {record.count for record in found} == set(range(100))
    assert len({record.id for record in found}) == 100
