"""Asking for summaries: once for the same turns, bounded in number, not again and again from what is down."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from litellm_plugins.cache.judge import JudgeUnavailable, Said
from litellm_plugins.cache.own_calls import OwnCalls, put_on
from litellm_plugins.compression.history import Budget, plan
from litellm_plugins.compression.summary import Part, parts_of
from litellm_plugins.model import HistoryReason
from litellm_plugins.proxy.compression.history_summaries import Summaries
from litellm_plugins.settings.history import History

RULES = History(max_tokens=1_000, how="summarise", model="mini", summary_tokens=50)
ITEMS: list[dict[str, Any]] = [
    {"role": role, "content": f"{role} {place}"} for place in range(40) for role in ("user", "assistant")
]


class Writer:
    """Says what it is told to, when it is told to."""

    def __init__(self, text: str = "They talked.") -> None:
        self.text, self.cases, self.limits = text, list[dict[str, Any]](), list[tuple[str, int]]()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.broken = False

    def __call__(self, name: str, max_tokens: int) -> Writer:
        self.limits.append((name, max_tokens))
        return self

    async def ask(self, rules: str, case: str) -> Said:
        self.cases.append(json.loads(case))
        await self.may_answer.wait()
        if self.broken:
            raise JudgeUnavailable("provider_error", "mini: APIError")
        return Said(self.text, 700)


def parts(turns: int, tenant: str = "t", *, items: list[dict[str, Any]] = ITEMS) -> tuple[Part, ...]:
    """Of the steps of the cut when the conversation had so many turns, at ten tokens a message."""
    said = items[: 2 * turns]
    return parts_of(said, plan(said, [10] * len(said), Budget(100, 0.6, 2)), tenant)


async def test_two_that_ask_at_once_share_one_call_which_the_first_pays() -> None:
    writer, first, second = Writer(), OwnCalls(), OwnCalls()
    summaries = Summaries(model=writer)
    writer.may_answer.clear()
    with put_on(first):
        one = asyncio.create_task(summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=5))
    await asyncio.sleep(0)
    with put_on(second):
        other = asyncio.create_task(summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=5))
    await asyncio.sleep(0)
    writer.may_answer.set()
    assert [(await each).text for each in (one, other)] == ["They talked."] * 2
    assert (len(writer.cases), writer.limits) == (1, [("mini", 50)])
    assert (first.total_nano_usd, second.total_nano_usd) == (700, 0)


async def test_it_is_remembered_and_what_comes_later_builds_on_it() -> None:
    writer = Writer()
    summaries = Summaries(model=writer)
    for turns in (20, 20, 30):
        assert (await summaries.of(parts(turns), ITEMS, RULES, tenant="t", within_s=5)).text == "They talked."
    gone = sum(len(part.items) for part in parts(20))
    assert len(writer.cases) == 2
    assert "before" not in writer.cases[0]
    assert writer.cases[1]["before"] == "They talked."
    assert writer.cases[1]["turns"][0]["text"] == ITEMS[gone]["content"]


async def test_another_tenant_is_told_nothing() -> None:
    writer = Writer()
    summaries = Summaries(model=writer)
    for tenant in ("t", "u"):
        await summaries.of(parts(20, tenant), ITEMS, RULES, tenant="t", within_s=5)
    assert len(writer.cases) == 2


async def test_a_late_one_is_not_asked_for_twice_and_is_there_the_next_time() -> None:
    writer, payer = Writer(), OwnCalls()
    summaries = Summaries(model=writer)
    writer.may_answer.clear()
    with put_on(payer):
        late = [await summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=0.01) for _ in range(2)]
    assert [each.reason for each in late] == [HistoryReason.SUMMARY_LATE] * 2
    writer.may_answer.set()
    assert (await summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=5)).text == "They talked."
    assert (len(writer.cases), payer.total_nano_usd) == (1, 700)


async def test_a_model_that_is_down_is_left_alone_for_a_while() -> None:
    writer, now = Writer(), [0.0]
    writer.broken = True
    summaries = Summaries(model=writer, clock=lambda: now[0])
    failed = [await summaries.of(parts(20, f"t{at}"), ITEMS, RULES, tenant="t", within_s=5) for at in range(5)]
    assert {each.reason for each in failed} == {HistoryReason.SUMMARY_FAILED}
    assert [each.fault for each in failed] == ["provider_error"] * 3 + ["paused"] * 2
    writer.broken, now[0] = False, 10.0
    assert (await summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=5)).text == "They talked."


async def test_no_words_are_no_summary_and_too_many_calls_wait_for_nobody() -> None:
    writer = Writer("  ")
    summaries = Summaries(model=writer)
    assert (await summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=5)).fault == "empty"
    writer.may_answer.clear()
    waiting = [
        asyncio.create_task(summaries.of(parts(20, f"t{at}"), ITEMS, RULES, tenant="t", within_s=5)) for at in range(16)
    ]
    await asyncio.sleep(0)
    assert (
        await summaries.of(parts(20, "one more"), ITEMS, RULES, tenant="t", within_s=5)
    ).reason is HistoryReason.BUSY
    writer.may_answer.set()
    await asyncio.gather(*waiting)


async def test_turns_of_which_it_said_nothing_are_not_paid_for_again() -> None:
    """A model that thinks until its tokens are used up says nothing each time, and charges for it."""
    writer, payer = Writer("  "), OwnCalls()
    summaries = Summaries(model=writer)
    with put_on(payer):
        found = [await summaries.of(parts(20), ITEMS, RULES, tenant="t", within_s=5) for _ in range(3)]
    assert {(each.text, each.reason) for each in found} == {(None, HistoryReason.SUMMARY_FAILED)}
    assert [each.fault for each in found] == ["empty", "", ""]
    assert (len(writer.cases), payer.total_nano_usd) == (1, 700)
    writer.text = "They talked."
    assert (await summaries.of(parts(30), ITEMS, RULES, tenant="t", within_s=5)).text == "They talked.", (
        "other turns are asked of"
    )
