"""A judge model's first opinion: asked once, kept beside, measured, and never acting."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.backends import sqlite_judge
from litellm_plugins.cache.judge import JudgeUnavailable, Said
from litellm_plugins.proxy.review.opinions import HostOpinions, NoJudge
from litellm_plugins.review.backends import sqlite_items
from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.items import Item, State, Verdict, Why
from litellm_plugins.review.opinions import agreement, case_of, verdict_in
from litellm_plugins.settings.judge import Judge as Wanted
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.telemetry.events import Event, StageFailed
from tests.unit.review.samples import item

TEXTS: dict[str, Any] = {"question": "How?", "matched_question": 'How so? "}', "answer": "So."}
WANTED = Wanted(model="judge", budget_usd_per_day=Decimal(1))


class Judging:
    """Says what it is told to, one after the other."""

    def __init__(self, *replies: str, cost_nano_usd: int = 10) -> None:
        self.replies, self.cases, self._cost = list(replies), list[str](), cost_nano_usd

    async def ask(self, rules: str, case: str) -> Said:
        if not self.replies:
            raise JudgeUnavailable("provider_error", "judge: Timeout")
        self.cases.append(case)
        return Said(self.replies.pop(0), self._cost)


class Idle:
    """No verdict may get here."""

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        raise AssertionError

    async def doubt(self, item: Item) -> tuple[str, ...]:
        raise AssertionError

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        raise AssertionError


async def test_opinions_are_kept_beside_and_asked_for_once(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "items.db", schema=(*sqlite_items.SCHEMA, *sqlite_judge.SCHEMA))
    store, told = sqlite_items.SqliteItems(file, max_items=100), list[Event]()
    await store.add([item(number, why=Why.NEAR, **TEXTS) for number in (1, 2, 3)] + [item(4, why=Why.NEAR)])
    desk = ReviewDesk(store, Idle(), tell=told.append)
    judge = Judging("RIGHT", "wrong.", "Right, I think")
    opinions = HostOpinions(
        WANTED, store, desk, sqlite_judge.SqliteJudgeSpend(file), tell=told.append, judge=judge, clock=lambda: 1e9
    )
    done = await opinions.run({}, actor="ada")
    assert done == {"right": 1, "wrong": 1, "unclear": 1, "no_text": 1, "cost_nano_usd": 30, "failed": ""}
    queue = await desk.queue(10)
    assert sorted(str(each["opinion"]) for each in queue) == ["None", "None", "right", "wrong"]
    assert {each["verdict"] for each in queue} == {None}

    judge.replies.append("RIGHT")
    assert (await opinions.run({}, actor="ada"))["right"] == 1
    assert len(judge.cases) == 4  # those that have one are not asked about again
    assert (await opinions.run({"judged": True}, actor="ada"))["right"] == 0
    await file.aclose()


async def test_it_stops_where_the_money_or_the_model_ends_and_says_so(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "items.db", schema=(*sqlite_items.SCHEMA, *sqlite_judge.SCHEMA))
    store, told = sqlite_items.SqliteItems(file, max_items=100), list[Event]()
    await store.add([item(number, why=Why.NEAR, **TEXTS) for number in (1, 2, 3)])
    desk, spend = ReviewDesk(store, Idle(), tell=lambda _: None), sqlite_judge.SqliteJudgeSpend(file)
    for judge, reason in (
        (Judging(), "provider_error"),
        (Judging("right", "right", cost_nano_usd=10**9), "budget_spent"),
    ):
        opinions = HostOpinions(WANTED, store, desk, spend, tell=told.append, judge=judge, clock=lambda: 1e9)
        assert (await opinions.run({}, actor="ada"))["failed"] == reason
    assert [(each.stage, each.reason) for each in told if isinstance(each, StageFailed)] == [
        ("review_judge", "provider_error"),
        ("review_judge", "budget_spent"),
    ]
    with pytest.raises(NoJudge):
        await HostOpinions(None, store, desk, spend, tell=told.append).run({}, actor="ada")
    await file.aclose()


def test_a_text_cannot_break_out_of_what_the_judge_is_shown() -> None:
    case = case_of(item(1, **TEXTS))
    assert case is not None
    assert json.loads(case) == {"question": "How?", "answer": "So.", "first_asked": 'How so? "}'}
    assert case_of(item(1)) is None


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [("RIGHT", Verdict.RIGHT), (" *Wrong*. ", Verdict.WRONG), ("right or wrong", None), ("", None)],
)
def test_a_reply_is_one_word_or_none(reply: str, verdict: Verdict | None) -> None:
    assert verdict_in(reply) is verdict


def test_agreement_is_told_with_its_interval_and_by_what_people_said() -> None:
    def both(number: int, verdict: Verdict, opinion: Verdict | None) -> Item:
        return replace(item(number), state=State(verdict=verdict, opinion=opinion))

    judged = [both(n, Verdict.RIGHT, Verdict.RIGHT) for n in range(8)]
    judged += [both(8, Verdict.WRONG, Verdict.RIGHT), both(9, Verdict.WRONG, Verdict.WRONG)]
    judged += [both(10, Verdict.WRONG, None)]
    told = agreement(judged)
    assert (told["compared"], told["agreed"], told["of_wrong"]["compared"], told["of_wrong"]["agreed"]) == (10, 9, 2, 1)
    assert told["low"] == pytest.approx(0.5958, abs=1e-4)  # Wilson's, of 9 in 10
    assert told["high"] == pytest.approx(0.9821, abs=1e-4)
    assert agreement([])["low"] is None
