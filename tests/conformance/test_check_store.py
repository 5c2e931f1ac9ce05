"""What every keeper of `CheckStore` promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from litellm_plugins.cache.checks import Check, CheckStore
from litellm_plugins.model import Layer, Outcome, Reason

CHECK = Check(
    at=1_700_000_000.125,
    layer=Layer.SEMANTIC,
    reason=Reason.SHADOW_CHECK,
    outcome=Outcome.WRONG,
    weight=1 / 0.3,
    model_group="gpt|4.1 é",
    team="Soporte 👩",
    similarity=0.9375,
    probability=1 / 3,
)


async def test_a_check_comes_back_as_it_was_made(checks: CheckStore) -> None:
    bare = replace(CHECK, layer=Layer.EXACT, reason=Reason.RECHECK, similarity=None, probability=None)
    await checks.add(CHECK)
    await checks.add(bare)
    assert await checks.newest(5) == [bare, CHECK]
    assert await checks.newest(1) == [bare]


async def test_checks_are_told_apart_by_time_team_and_model(checks: CheckStore) -> None:
    old, other_team, other_model = (
        replace(CHECK, at=CHECK.at - 60),
        replace(CHECK, team=""),
        replace(CHECK, model_group="small"),
    )
    for check in (old, other_team, other_model):
        await checks.add(check)
    assert await checks.newest(9, since=CHECK.at) == [other_model, other_team]
    assert await checks.newest(9, team="") == [other_team]
    assert await checks.newest(9, model_group="small", team=CHECK.team) == [other_model]


async def test_the_oldest_checks_make_room(checks: CheckStore) -> None:
    for start in range(0, 21_000, 1_000):
        await asyncio.gather(*(checks.add(replace(CHECK, weight=n)) for n in range(start, start + 1_000)))
    kept = await checks.newest(50_000)
    assert 20_000 <= len(kept) < 20_500
    assert {check.weight for check in kept} >= set(range(1_500, 21_000))
