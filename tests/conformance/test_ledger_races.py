"""What every ledger promises of many at once, to the last nano-dollar: in one process, in four, and in killed ones."""

from __future__ import annotations

import asyncio
import random
import time

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.ledger import Ledger
from tests.support.ledger_fixtures import Opener
from tests.support.ledger_worker import (
    EACH,
    LANES,
    cost_of,
    granted_of,
    race,
    room_for,
    times,
    work_until_killed,
    workers,
)
from tests.support.ledgers import LEASE, NOW, held

RACES = 20
DEATHS = 40


async def test_of_64_at_once_exactly_as_many_are_granted_as_there_is_room_for(open_ledger: Opener) -> None:
    """Over four connections, twenty times; and of three settlements of each, one counts."""
    views = [open_ledger() for _ in range(4)]
    for number in range(RACES):
        lines = [room_for(10, f"race-{number}"), room_for(10 * RACES, "all")]
        asked = (granted_of(view, [f"{number}-{at}-{n}" for n in range(16)], lines) for at, view in enumerate(views))
        granted = [name for names in await asyncio.gather(*asked) for name in names]
        assert len(granted) == 10
        assert await held(views[0], f"race-{number}") == (NOTHING, times(10), NOTHING)
        settled = [views[n % 4].settle(name, EACH, now_ms=NOW) for n, name in enumerate(granted * 3)]
        assert sum(each.fresh for each in await asyncio.gather(*settled)) == 10
        assert await held(views[0], f"race-{number}") == (times(10), NOTHING, NOTHING)
    assert await held(views[0], "all") == (times(10 * RACES), NOTHING, NOTHING)


async def test_of_64_in_four_processes_exactly_as_many_are_granted(ledger: Ledger, ledger_url: str) -> None:
    with workers(race, 4, ledger_url, 16) as started:
        for number in range(RACES):
            begin = time.time() + 0.01
            for worker in started:
                worker.pipe.send((number, begin))
            granted = [worker.pipe.recv() for worker in started]
            assert sum(granted) == 10, granted
            assert await held(ledger, f"race-{number}") == (times(10), NOTHING, NOTHING)
    assert await held(ledger, "all") == (times(10 * RACES), NOTHING, NOTHING)


async def test_killed_at_any_point_they_leave_nothing_reserved_and_lose_no_settlement(
    ledger: Ledger, ledger_url: str
) -> None:
    """`kill -9` between reserve, called and settle; the next worker finds sums that agree with what was told."""
    rng, told = random.Random(4), set[tuple[str, str]]()
    for death in range(DEATHS):
        with workers(work_until_killed, 1, ledger_url, first=death) as (worker,):
            worker.pipe.poll(20)  # it is at work
            await asyncio.sleep(rng.uniform(0, 0.03))
            worker.process.kill()
            told.update(worker.told())
    over = NOW + LEASE
    await ledger.lapse(now_ms=over)
    spent, reserved, unconfirmed = await held(ledger, "all", now_ms=over)
    assert reserved == NOTHING
    for name in {name for what, name in told if what == "settled"}:
        assert not (await ledger.settle(name, EACH, now_ms=over)).fresh, name
    assert (spent, reserved, unconfirmed) == await held(ledger, "all", now_ms=over)

    fresh = [(await ledger.settle(name, cost_of(name), now_ms=over)).fresh for name in sorted({n for _, n in told})]
    assert any(fresh), "no worker was killed between called and settle: the test shows nothing"
    spent, reserved, unconfirmed = await held(ledger, "all", now_ms=over)
    costs = [cost_of(name) for name in {name for _, name in told}]
    untold = unconfirmed.requests  # killed after `called`, before they could say so
    assert untold <= DEATHS * LANES
    assert (reserved, unconfirmed) == (NOTHING, times(untold))
    assert spent - unconfirmed == Amounts(*(sum(amounts) for amounts in zip(*costs, strict=True)))
    shares = [await held(ledger, f"worker-{death}", now_ms=over) for death in range(DEATHS)]
    assert spent == Amounts(*(sum(amounts) for amounts in zip(*(share[0] for share in shares), strict=True)))
