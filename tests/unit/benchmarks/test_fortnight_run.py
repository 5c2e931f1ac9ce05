"""The simulated fortnight's own parts, at work: requests, reviewer, and what is kept of each hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import fortnight_run
from benchmarks.fortnight_run import NOBODY, QUEUE, Plan, simulate
from litellm_plugins.evaluation.stream import Asked
from litellm_plugins.review.backends.sqlite_items import SqliteItems
from tests.unit.cache.fakes import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_plugins.review.items import Item

GROUPS = 4
ANGLES = {f"{group}-{n}": 90.0 * group + 0.4 * n for n in range(60) for group in range(GROUPS)}  # near its own group
EMBEDDER = FakeEmbedder()
EMBEDDER.angles.update(ANGLES)
ASKED = [Asked(text, text[0]) for text in ANGLES]


@pytest.mark.parametrize("reviewer", [NOBODY, QUEUE])
async def test_a_run_tells_the_same_each_time(reviewer: str) -> None:
    plan = Plan(reviewer, seed=1, days=2, a_day=3)
    days = await simulate(ASKED, plan, EMBEDDER)

    assert days == await simulate(ASKED, plan, EMBEDDER)
    assert sum(day.requests for day in days) == len(ASKED)
    assert days[1].hits > 20
    assert days[1].judged == (0 if reviewer == NOBODY else 3)


async def test_a_hit_is_kept_with_how_often_its_answer_had_been_given(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Item] = []

    class Seen(SqliteItems):
        async def add(self, items: Sequence[Item]) -> None:
            kept.extend(items)
            await super().add(items)

    monkeypatch.setattr(fortnight_run, "SqliteItems", Seen)
    await simulate(ASKED, Plan(NOBODY, seed=3, days=2), EMBEDDER)

    by_meaning = [item for item in kept if item.room is not None]
    fresh = [item for item in kept if item.layer == "miss"]
    assert by_meaning
    assert fresh
    assert all(item.given is None for item in fresh)
    for answer in {item.answer for item in by_meaning}:
        given = [item.given or 0 for item in by_meaning if item.answer == answer]
        assert given == sorted(set(given))
