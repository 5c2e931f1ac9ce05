"""What every keeper of `PromptStore` promises, and what workers know of each other's prompts by it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.blocks import blocks_of
from litellm_plugins.prompt_caching.deciding import Marks, Rules, decide
from litellm_plugins.prompt_caching.diagnosing import diagnosis
from litellm_plugins.prompt_caching.families import Families
from litellm_plugins.prompt_caching.family import Family
from litellm_plugins.prompt_caching.prices import Prices
from litellm_plugins.prompt_caching.sharing import Sharing
from litellm_plugins.prompt_caching.store import KEEP_FAMILIES_MS, KEEP_SIGHTS_MS, Batch, Kept, Told
from litellm_plugins.storage.feeds import READ_AT_ONCE
from tests.support.prompt_stores import MOST, PromptOpener

NOW = time.time_ns() // 1_000_000  # a server forgets by its own clock
PRICES = Prices(3e-6, 3.75e-6, 6e-6, 3e-7, known=True)
RULES = "\n".join(f"Rule {i}: whoever asks about case {i} gets answer number {i}." for i in range(120))
LARGE = 2**45 + 1


async def test_counts_add_up_over_workers_and_the_last_word_stands(open_prompt_store: PromptOpener) -> None:
    one, other = open_prompt_store(), open_prompt_store()
    assert await one.add(Batch("a", "one", {"f": Told({"requests": 2, "x/y": LARGE}, b"first")}), now_ms=NOW)
    assert await other.add(Batch("b", "two", {"f": Told({"requests": 3, "less": -7}, b"last")}), now_ms=NOW + 5)
    assert await one.families() == {"f": Kept(NOW, {"requests": 5, "x/y": LARGE, "less": -7}, b"last")}


async def test_a_batch_that_is_given_again_counts_once(open_prompt_store: PromptOpener) -> None:
    store, batch = open_prompt_store(), Batch("a", "one", {"f": Told({"requests": 1}, b"")}, b"sights")
    assert [await store.add(batch, now_ms=NOW) for _ in range(3)] == [True, False, False]
    assert (await store.families())["f"].counts == {"requests": 1}
    assert (await store.since("", "two"))[0] == [b"sights"]


async def test_each_worker_reads_the_others_sights_once_and_in_their_order(open_prompt_store: PromptOpener) -> None:
    one, other = open_prompt_store(), open_prompt_store()
    for at in range(3):
        await one.add(Batch(f"one{at}", "one", {}, b"one%d" % at), now_ms=NOW + at)
        await other.add(Batch(f"two{at}", "two", {}, b"two%d" % at), now_ms=NOW + at)
    found, cursor = await one.since("", "one")
    assert found == [b"two0", b"two1", b"two2"]
    assert (await one.since(cursor, "one")) == ([], cursor)
    await other.add(Batch("late", "two", {}, b"late"), now_ms=NOW + 9)
    assert (await one.since(cursor, "one"))[0] == [b"late"]
    assert (await other.since("", "two"))[0] == [b"one0", b"one1", b"one2"]


async def test_whoever_comes_late_reads_the_newest_only(open_prompt_store: PromptOpener) -> None:
    store = open_prompt_store()
    for at in range(READ_AT_ONCE + 5):
        await store.add(Batch(f"{at}", "one", {}, b"%d" % at), now_ms=NOW)
    found, cursor = await store.since("", "two")
    assert found == [b"%d" % at for at in range(5, READ_AT_ONCE + 5)]
    assert (await store.since(cursor, "two"))[0] == []


async def test_what_is_old_is_forgotten_and_so_is_what_is_too_much(open_prompt_store: PromptOpener) -> None:
    store = open_prompt_store()
    old = NOW - KEEP_FAMILIES_MS - 1
    await store.add(Batch("old", "one", {"old": Told({"requests": 1}, b"")}, b"old"), now_ms=old)
    for at in range(MOST + 2):
        await store.add(Batch(f"{at}", "one", {f"f{at}": Told({"requests": 1}, b"")}), now_ms=NOW + at)
    assert sorted(await store.families()) == [f"f{at}" for at in range(2, MOST + 2)]
    assert KEEP_SIGHTS_MS < KEEP_FAMILIES_MS


async def test_no_count_is_lost_where_many_tell_at_once(open_prompt_store: PromptOpener) -> None:
    stores = [open_prompt_store() for _ in range(4)]
    told = {"f": Told({"requests": 1}, b"")}
    await asyncio.gather(
        *(
            store.add(Batch(f"{at}/{i}", f"w{i}", told), now_ms=NOW)
            for i, store in enumerate(stores)
            for at in range(25)
        )
    )
    assert (await stores[0].families())["f"].counts == {"requests": 100}


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW / 1_000

    def __call__(self) -> float:
        return self.now_s


class Worker:
    """One worker's families, which it shares when it is told to."""

    def __init__(self, opener: PromptOpener, clock: Clock) -> None:
        self.clock, self.faults = clock, list[str]()
        self.families = Families(clock=clock, max_families=50, max_prefixes=1_000)
        self.sharing = Sharing(self.families, opener(), failed=lambda reason, _: self.faults.append(reason))

    def ask(self, system: str, *turns: str) -> Marks:
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
        messages += [{"role": "user", "content": turn} for turn in turns]
        blocks = blocks_of("chat", {"messages": messages}, lambda text: len(text.split()))
        sight = self.families.see("us", "claude", blocks)
        assert sight is not None
        marks = decide(blocks, sight, Rules(100, ("5m", "1h"), PRICES, now_s=self.clock.now_s))
        sight.family.minimum, sight.family.reason = 100, marks.reason.value
        sight.family.longest_ttl_s = 3_600
        sight.family.reasons[marks.reason.value] += 1
        self.families.written("us", "claude", [(blocks[at].chain, ttl) for at, ttl in marks.at])
        return marks


class Workers:
    """Four, that are asked in turn."""

    def __init__(self, opener: PromptOpener, *, share: bool = True) -> None:
        self.clock, self.share, self.at = Clock(), share, 0
        self.all = [Worker(opener, self.clock) for _ in range(4)]

    async def ask(self, system: str, *turns: str) -> Marks:
        worker, self.at = self.all[self.at % 4], self.at + 1
        marks = worker.ask(system, *turns)
        if self.share:
            for each in (worker, *self.all):
                assert await each.sharing.sync()
        return marks


async def test_a_prompt_is_marked_from_its_second_time_on_whichever_worker_saw_the_first(
    open_prompt_store: PromptOpener,
) -> None:
    workers = Workers(open_prompt_store)
    reasons = [(await workers.ask(RULES, f"Question {i}?")).reason for i in range(4)]
    assert reasons == [Why.FIRST_SEEN, *[Why.STABLE_PREFIX] * 3]


async def test_the_lifetime_is_of_the_gaps_over_all_workers(open_prompt_store: PromptOpener) -> None:
    """A request every 4 minutes: each of four workers sees one every 16."""
    chosen = {}
    for share in (True, False):
        workers, marks = Workers(open_prompt_store, share=share), None
        for i in range(16):
            marks = await workers.ask(f"{share} {RULES}", f"Question {i}?")
            workers.clock.now_s += 240
        assert marks is not None
        chosen[share] = marks.ttl
    assert chosen == {True: "5m", False: "1h"}


async def test_the_report_is_of_all_workers(open_prompt_store: PromptOpener) -> None:
    workers = Workers(open_prompt_store)
    for i in range(8):
        await workers.ask(f"You help.\nIt is 10:{i:02} o'clock.\n{RULES}", "One?")
    found = await workers.all[3].sharing.all()
    assert found is not None
    (family,) = found
    assert family.requests == 8
    assert sum(family.reasons.values()) == 8
    assert next(words for _, words in diagnosis(family)).startswith("a timestamp in line 2 changes")


async def test_requests_that_are_rare_are_told_with_their_true_gap(open_prompt_store: PromptOpener) -> None:
    workers = Workers(open_prompt_store)
    for _ in range(8):
        await workers.ask(RULES, "One?")
        workers.clock.now_s += 7_200
    (family,) = await workers.all[0].sharing.all() or []
    assert family.gap_s == 7_200
    assert ("too_far_apart", "requests are 120 minutes apart, TTL is 60") in diagnosis(family)


async def test_a_worker_that_starts_knows_what_the_others_saw(open_prompt_store: PromptOpener) -> None:
    workers = Workers(open_prompt_store)
    await workers.ask(RULES, "One?")
    new = Worker(open_prompt_store, workers.clock)
    await new.sharing.sync()
    assert new.ask(RULES, "Two?").reason is Why.STABLE_PREFIX


async def test_tenants_stay_apart_over_workers(open_prompt_store: PromptOpener) -> None:
    clock = Clock()
    one, other = (Worker(open_prompt_store, clock) for _ in range(2))
    one.ask(RULES, "One?")
    await one.sharing.sync()
    await other.sharing.sync()
    blocks = blocks_of("chat", {"messages": [{"role": "system", "content": RULES}]}, len)
    assert other.families.known("us", "claude", [blocks[0].chain])[0] is not None
    assert other.families.known("them", "claude", [blocks[0].chain])[0] is None
    assert other.families.known("us", "another model", [blocks[0].chain])[0] is None


def test_nothing_of_a_prompt_is_told() -> None:
    from litellm_plugins.prompt_caching.telling import counts_of, last_of, sights_as_bytes

    families = Families(clock=Clock(), max_families=5, max_prefixes=100)
    blocks = blocks_of("chat", {"messages": [{"role": "system", "content": f"Secretword.\n{RULES}"}]}, len)
    sight = families.see("us", "claude", blocks)
    assert sight is not None
    told = [sights_as_bytes(families.news(), {}), last_of(sight.family), str(counts_of(sight.family)).encode()]
    assert not any(b"Secretword" in each or b"Rule" in each for each in told)


def test_a_family_comes_back_as_it_was_told() -> None:
    from litellm_plugins.prompt_caching.telling import counts_of, family_of, last_of

    family = Family("f", "us", "claude", since_s=1.0, requests=4, team="Support", read_tokens=9, saved_nano_usd=-3)
    family.changes["tools", 3, "an id"] = 2
    family.reasons["first_seen"] = 1
    family.features_named["faq"] = 2
    family.gaps_s.extend((1.0, 2.0))
    back = family_of("f", Kept(1_000, counts_of(family), last_of(family)))
    assert back == family
