"""What every keeper of `UsageStore` promises."""

from __future__ import annotations

import asyncio
import random
import time

from litellm_plugins.insight.routes import RouteSums
from litellm_plugins.insight.store import Batch, UsageStore
from litellm_plugins.insight.usage import (
    DIMENSIONS,
    Dimension,
    Example,
    Row,
    Sums,
    Tally,
    Words,
    grouped,
    hour_of,
    places,
    tallied,
)
from tests.support.usage_stores import KEEP_HOURS, Opener

NOW = time.time_ns() // 1_000_000  # a server forgets by its own clock
HOUR = hour_of(NOW)


def words(**given: str) -> Words:
    return tuple(given.get(name, "") for name in DIMENSIONS)


FAQ = words(endpoint="chat", feature='f"a,q 👩', team="support", layer="miss", ending="success")
HIT = words(endpoint="chat", feature="", team="support", layer="exact", ending="success")
ONE = Sums(1, 100, 20, 30, 2**45 + 1, 3, 4, 5, 6, 7, 1, 2)


def example(number: int, *, at_ms: int = NOW, spent: int = 10) -> Example:
    return Example(at_ms, f"t{number}", "c", "faq", "support", "u", "k", "gpt", "gpt-a", "success", spent, 99)


async def test_what_was_added_comes_back_by_whatever_was_asked_for(usage: UsageStore) -> None:
    assert await usage.add(Batch("a", {(HOUR, FAQ): ONE, (HOUR, HIT): ONE, (HOUR - 1, FAQ): ONE}), now_ms=NOW)
    twice = ONE.plus(ONE)
    assert await usage.rows(HOUR - 1, HOUR + 1, ("team",)) == [
        Row(HOUR - 1, ("support",), ONE),
        Row(HOUR, ("support",), twice),
    ]
    assert await usage.rows(HOUR, HOUR + 1, ("layer", "feature")) == [
        Row(HOUR, ("exact", ""), ONE),
        Row(HOUR, ("miss", 'f"a,q 👩'), ONE),
    ]
    assert await usage.rows(HOUR, HOUR + 1, ()) == [Row(HOUR, (), twice)]
    assert await usage.rows(HOUR + 1, HOUR + 9, ("team",)) == []
    groups: list[tuple[Dimension, ...]] = [(), ("team", "layer"), ("layer",), ("feature",)]
    assert await usage.tallied(HOUR - 1, HOUR + 1, groups) == [
        {(): Tally(twice.plus(ONE), hits=1)},
        {("support", "exact"): Tally(ONE, hits=1), ("support", "miss"): Tally(twice)},
        {("exact",): Tally(ONE, hits=1), ("miss",): Tally(twice)},
        {("",): Tally(ONE, hits=1), ('f"a,q 👩',): Tally(twice)},
    ]
    assert await usage.tallied(HOUR + 1, HOUR + 9, groups) == [{}, {}, {}, {}]


async def test_every_way_to_ask_gives_the_same_sums(usage: UsageStore) -> None:
    """By one dimension a store may answer from other rows than by several."""
    draw, given = random.Random(7), list[Row]()
    choices = {"layer": ("miss", "exact", "off"), "ending": ("success", "failure", "refused", "gone")}
    for number in range(60):
        sums: dict[tuple[int, Words], Sums] = {}
        for _ in range(5):
            named = tuple(draw.choice(choices.get(each, ("", "a", "b"))) for each in DIMENSIONS)
            sums[HOUR - draw.randrange(6), named] = Sums(*(draw.randrange(10**6) for _ in Sums._fields))
        given += [Row(*names, one) for names, one in sums.items()]
        await usage.add(Batch(f"{number}", sums), now_ms=NOW)
    kept = [row for row in given if HOUR - 4 <= row.hour < HOUR]
    every: dict[Words, Sums] = grouped(kept, range(len(DIMENSIONS)))
    groups: list[tuple[Dimension, ...]] = [(), *((each,) for each in DIMENSIONS), ("team", "feature"), DIMENSIONS]
    assert await usage.tallied(HOUR - 4, HOUR, groups) == tallied(every, groups)
    for by in groups:
        there = [(row.hour, *row.words) for row in await usage.rows(HOUR - 4, HOUR, by)]
        assert there == sorted({(row.hour, *(row.words[at] for at in places(by))) for row in kept})


async def test_of_one_teams_calls_alone_nothing_else_is_told(usage: UsageStore) -> None:
    sales = words(endpoint="chat", team="sales", layer="miss", ending="success")
    await usage.add(Batch("a", {(HOUR, FAQ): ONE, (HOUR, HIT): ONE, (HOUR, sales): ONE}), now_ms=NOW)
    expected: dict[tuple[Dimension, ...], list[Row]] = {
        (): [Row(HOUR, (), ONE.plus(ONE))],
        ("layer",): [Row(HOUR, ("exact",), ONE), Row(HOUR, ("miss",), ONE)],
        ("team", "layer"): [Row(HOUR, ("support", "exact"), ONE), Row(HOUR, ("support", "miss"), ONE)],
    }
    for by, rows in expected.items():
        assert await usage.rows(HOUR, HOUR + 1, by, of=("team", "support")) == rows
    assert await usage.rows(HOUR, HOUR + 1, ("layer",), of=("team", "nobody")) == []


async def test_a_batch_counts_once_however_often_it_is_given(open_usage: Opener) -> None:
    one, other = open_usage(), open_usage()
    batch = Batch("a", {(HOUR, FAQ): ONE}, (example(1),))
    told = await asyncio.gather(*(store.add(batch, now_ms=NOW) for store in (one, other) * 3))
    assert sum(told) == 1
    assert await one.rows(HOUR, HOUR + 1, ()) == [Row(HOUR, (), ONE)]
    assert len(await other.examples(0)) == 1


async def test_many_workers_add_to_the_same_row_and_nothing_is_lost(open_usage: Opener) -> None:
    workers = [open_usage() for _ in range(4)]
    batches = [Batch(f"{number}", {(HOUR, FAQ): ONE, (HOUR, HIT): ONE}) for number in range(40)]
    await asyncio.gather(*(workers[i % 4].add(batch, now_ms=NOW) for i, batch in enumerate(batches)))
    rows = await workers[0].rows(HOUR, HOUR + 1, ("layer",))
    expected = Sums(*(each * 40 for each in ONE))
    assert [row.sums for row in rows] == [expected, expected]


async def test_what_is_too_old_is_forgotten(usage: UsageStore) -> None:
    old = HOUR - KEEP_HOURS - 1
    day_4 = NOW - 4 * 86_400_000
    await usage.add(Batch("a", {(old - 1, FAQ): ONE, (old, FAQ): ONE}, (example(1, at_ms=day_4),)), now_ms=NOW)
    for number in range(2):
        await usage.add(Batch(f"b{number}", {(HOUR, FAQ): ONE}, (example(2, at_ms=NOW),)), now_ms=NOW)
    for by in ((), ("feature",), ("feature", "team")):
        assert {row.hour for row in await usage.rows(old - 5, HOUR + 1, by)} == {HOUR}
    assert {each.trace_id for each in await usage.examples(0)} == {"t2"}


async def test_examples_come_the_dearest_first(usage: UsageStore) -> None:
    given = tuple(example(number, spent=spent, at_ms=NOW - number) for number, spent in enumerate((5, 500, 50)))
    await usage.add(Batch("a", {}, given), now_ms=NOW)
    assert await usage.examples(NOW - 1) == [given[1], given[0]]


async def test_of_all_who_ask_one_has_the_turn_until_it_is_over(open_usage: Opener) -> None:
    workers = [open_usage() for _ in range(4)]
    taken = await asyncio.gather(*(each.take_turn("look", now_ms=NOW, for_ms=60_000) for each in workers))
    assert sum(taken) == 1
    assert await workers[0].take_turn("other", now_ms=NOW, for_ms=60_000)
    assert not await workers[1].take_turn("look", now_ms=NOW + 59_999, for_ms=60_000)
    assert await workers[2].take_turn("look", now_ms=NOW + 60_000, for_ms=60_000)
    assert not await workers[3].take_turn("look", now_ms=NOW + 60_001, for_ms=60_000)


async def test_routes_add_up_over_hours_and_count_once(usage: UsageStore) -> None:
    one = RouteSums(1, 0, 2**45, 2**45, 3, 9)
    good, bad = ("auto/strong/trial:b", "success"), ("auto/strong/trial:b", "failure")
    batch = Batch("a", {(HOUR, FAQ): ONE}, (), {(HOUR, good): one, (HOUR - 1, good): one, (HOUR, bad): one})
    assert await usage.add(batch, now_ms=NOW)
    assert not await usage.add(batch, now_ms=NOW)
    assert await usage.add(Batch("b", {(HOUR, FAQ): ONE}, (), {(HOUR, good): one}), now_ms=NOW)

    assert await usage.routes(HOUR - 1, HOUR + 1) == {good: one.plus(one).plus(one), bad: one}
    assert await usage.routes(HOUR - 1, HOUR) == {good: one}
    assert await usage.routes(HOUR + 1, HOUR + 9) == {}
    assert await usage.rows(HOUR, HOUR + 1, ()) == [Row(HOUR, (), ONE.plus(ONE))]


async def test_old_hours_of_routes_are_forgotten(usage: UsageStore) -> None:
    route, one = ("auto/small", "success"), RouteSums(1)
    await usage.add(Batch("old", {}, (), {(HOUR - KEEP_HOURS - 9, route): one}), now_ms=NOW)
    await usage.add(Batch("new", {}, (), {(HOUR, route): one}), now_ms=NOW)
    await usage.add(Batch("newer", {}, (), {(HOUR, route): one}), now_ms=NOW)

    assert await usage.routes(0, HOUR + 1) == {route: one.plus(one)}


async def test_truth_values_are_kept_as_numbers(usage: UsageStore) -> None:
    """A row with the word for one could never be read again."""
    odd = ONE._replace(first_tokens=False, attempts=True)
    await usage.add(Batch("a", {(HOUR, FAQ): odd}), now_ms=NOW)
    await usage.add(Batch("b", {(HOUR, FAQ): odd}), now_ms=NOW)
    [row] = await usage.rows(HOUR, HOUR + 1, ())
    assert (row.sums.first_tokens, row.sums.attempts) == (0, 2)


async def test_what_was_saved_may_be_less_than_nothing(usage: UsageStore) -> None:
    for name, saved in (("a", -700), ("b", 300), ("c", -5)):
        await usage.add(Batch(name, {(HOUR, FAQ): Sums(saved_nano_usd=saved)}), now_ms=NOW)
    assert await usage.rows(HOUR, HOUR + 1, ()) == [Row(HOUR, (), Sums(saved_nano_usd=-405))]
