"""When a judge is asked, what its word counts for, and what it may cost."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from litellm_plugins.cache.judge import JudgeUnavailable, Said
from litellm_plugins.cache.judging import Judgement, JudgingComparer
from litellm_plugins.cache.own_calls import OwnCalls, put_on
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import JudgeOutcome
from tests.unit.cache.builders import answer
from tests.unit.cache.fakes import Clock

QUESTION = "Where do I cancel?"
COST, BUDGET = 40, 100
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


@dataclass
class Reader:
    """A judge that replies at once, unless it is told to wait; notes what it was shown."""

    reply: str = "SAME"
    broken: JudgeUnavailable | None = None
    wait: asyncio.Event | None = None
    cases: list[dict[str, str]] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)

    async def ask(self, rules: str, case: str) -> Said:
        self.cases.append(json.loads(case))
        self.contexts.append(request_id.get())
        if self.wait is not None:
            await self.wait.wait()
        if self.broken is not None:
            raise self.broken
        return Said(self.reply, COST)


@dataclass
class Purse:
    """Keeps `JudgeSpend` in a dict."""

    days: dict[str, int] = field(default_factory=dict)
    broken: bool = False

    async def spent(self, day: str) -> int:
        return self.days.get(day, 0)

    async def add(self, day: str, nano_usd: int) -> None:
        if self.broken:
            raise StoreUnavailable("store_busy")
        self.days[day] = self.days.get(day, 0) + nano_usd


@dataclass
class Likeness:
    """The comparison inside: says what it is told to say, and notes that it was asked."""

    says: bool | None = False
    asked: int = 0

    async def same(self, fresh: Mapping[str, Any], cached: bytes, question: str | None = None) -> bool | None:
        self.asked += 1
        return self.says


@dataclass
class Court:
    """A comparer with everything around it."""

    timeout_s: float = 5
    judge: Reader = field(default_factory=Reader)
    purse: Purse = field(default_factory=Purse)
    likeness: Likeness = field(default_factory=Likeness)
    clock: Clock = field(default_factory=lambda: Clock(1_763_700_000))  # 2025-11-21, 04:40 UTC
    told: list[Judgement] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.comparer = JudgingComparer(
            self.likeness,
            self.judge,
            spend=self.purse,
            budget_nano_usd=BUDGET,
            timeout_s=self.timeout_s,
            told=self.hear,
            clock=self.clock,
        )

    def hear(self, judged: Judgement) -> None:
        self.told.append(judged)
        self.heard.set()

    async def same(
        self, fresh: str = "In the app.", cached: str = "Call us.", question: str | None = QUESTION
    ) -> bool | None:
        return await self.comparer.same(answer(fresh), orjson.dumps(answer(cached)), question)

    @property
    def outcomes(self) -> list[str]:
        return [each.outcome.value for each in self.told]


@pytest.fixture
def court() -> Court:
    return Court()


@pytest.mark.parametrize(("reply", "verdict"), [("SAME", True), ("DIFFERENT", False)])
@pytest.mark.parametrize("likeness", [True, False])
async def test_the_judge_has_the_last_word_where_nothing_is_certain(
    court: Court, reply: str, verdict: bool, likeness: bool
) -> None:
    court.judge.reply, court.likeness.says = reply, likeness
    assert await court.same() is verdict
    assert court.judge.cases == [{"question": QUESTION, "answer_a": "In the app.", "answer_b": "Call us."}]
    assert court.likeness.asked == 0
    assert court.told[0].cost_nano_usd == COST
    assert court.purse.days == {"2025-11-21": COST}


@pytest.mark.parametrize(
    ("fresh", "cached", "expected"),
    [
        ("In the  APP.", "in the app.", True),
        ('{"city": "Paris"}', '{"city": "Rome"}', False),
        ('{"city": "Paris"}', "The city is Paris.", False),
        ("It takes 24 hours.", "It takes 48 hours.", False),
        ("Yes, you can.", "No, you cannot.", False),
        ("True.", "Incorrect.", False),
        ("", "In the app.", None),
    ],
)
async def test_the_cheap_certain_cases_cost_no_judge(
    court: Court, fresh: str, cached: str, expected: bool | None
) -> None:
    court.judge.reply = "DIFFERENT" if expected else "SAME"
    court.likeness.says = expected
    assert await court.same(fresh, cached) is expected
    assert court.judge.cases == []


@pytest.mark.parametrize(
    ("fresh", "cached"),
    [
        ("It takes 24 hours.", "It takes a day."),
        ("Steps 1, 2 and 3, see page 7.", "Page 7 has the steps."),
        ("Yes, you can.", "You can."),
        ("Correct.", "Yes, it is."),
    ],
)
async def test_where_only_one_answer_gives_a_figure_or_a_yes_the_judge_is_asked(
    court: Court, fresh: str, cached: str
) -> None:
    """The comparison by embedding takes these for different: the judge is here for them."""
    assert await court.same(fresh, cached) is True


async def test_without_a_question_no_judge_is_asked(court: Court) -> None:
    court.likeness.says = True
    assert await court.same(question=None) is True
    assert court.judge.cases == []
    assert court.told == []


@pytest.mark.parametrize("likeness", [True, False, None])
async def test_another_reply_than_a_verdict_leaves_it_to_the_embedding_and_is_paid_for(
    court: Court, likeness: bool | None
) -> None:
    court.judge.reply, court.likeness.says = "Sure! I say SAME.", likeness
    assert await court.same() is likeness
    assert court.outcomes == ["unclear"]
    assert court.purse.days == {"2025-11-21": COST}


async def test_hidden_text_in_an_answer_leaves_it_to_the_embedding(court: Court) -> None:
    assert await court.same("In the app.\U000e0053") is False
    assert court.judge.cases == []
    assert court.likeness.asked == 1


async def test_a_judge_that_is_down_leaves_it_to_the_embedding(court: Court) -> None:
    court.judge.broken, court.likeness.says = JudgeUnavailable("provider_error", "mini: Timeout"), True
    assert await court.same() is True
    (told,) = court.told
    assert (told.outcome, told.reason) == (JudgeOutcome.FAILED, "provider_error")
    assert court.purse.days == {}


async def test_a_late_verdict_is_not_waited_for_and_is_paid_for() -> None:
    court = Court(timeout_s=0.02)
    court.judge.wait = asyncio.Event()
    assert await court.same() is False
    assert (court.likeness.asked, court.told) == (1, [])
    court.judge.wait.set()
    await asyncio.wait_for(court.heard.wait(), 5)
    assert court.outcomes == ["late"]
    assert court.purse.days == {"2025-11-21": COST}


async def test_whose_answer_is_judged_pays_for_it_also_when_the_verdict_is_late() -> None:
    court, own = Court(timeout_s=0.01, judge=Reader(wait=asyncio.Event())), OwnCalls()
    with put_on(own):
        await court.same()
    assert own.take() == 0
    assert court.judge.wait is not None
    court.judge.wait.set()
    await court.heard.wait()
    assert own.take() == COST


async def test_when_the_budget_is_spent_the_judge_rests_until_midnight_utc(court: Court) -> None:
    """Three calls of 40 for 100: what was under the limit when it began is paid."""
    assert [await court.same() for _ in range(5)] == [True, True, True, False, False]
    assert len(court.judge.cases) == 3
    assert court.outcomes == ["same"] * 3 + ["budget_spent"] * 2
    assert [each.reason for each in court.told[3:]] == ["budget_spent", ""], "it is said once a day"
    court.clock.now += 86_400
    assert await court.same() is True
    assert court.purse.days == {"2025-11-21": 3 * COST, "2025-11-22": COST}


async def test_what_could_not_be_counted_counts_all_the_same(court: Court) -> None:
    court.purse.broken = True
    assert [await court.same() for _ in range(4)] == [True, True, True, False]
    assert court.told[0].reason == "store_busy"
    court.purse.broken = False
    court.clock.now += 86_400
    assert await court.same() is False, "still owed"


async def test_a_spend_that_is_owed_is_counted_with_the_next(court: Court) -> None:
    court.purse.broken = True
    await court.same()
    court.purse.broken = False
    await court.same()
    assert court.purse.days == {"2025-11-21": 2 * COST}


async def test_a_store_that_cannot_say_what_was_spent_spends_nothing(court: Court) -> None:
    async def spent(day: str) -> int:
        raise StoreUnavailable("store_busy", day)

    court.purse.spent = spent  # type: ignore[method-assign]
    assert await court.same() is False
    assert court.judge.cases == []
    assert court.told[0].reason == "store_busy"


async def test_only_so_many_are_asked_at_once_and_the_others_go_by_the_embedding(court: Court) -> None:
    """So the budget can be overrun by four calls of a worker at most."""
    court.judge.wait = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, court.judge.wait.set)
    verdicts = await asyncio.gather(*(court.same() for _ in range(20)))
    assert (verdicts.count(True), verdicts.count(False)) == (4, 16)
    assert court.outcomes.count("busy") == 16
    assert await court.same() is False, "4 times 40 is more than 100"


async def test_nothing_of_the_request_clings_to_the_call(court: Court) -> None:
    """Its trace, its call id: the host keeps them in context variables."""
    request_id.set("the user's")
    await court.same()
    assert court.judge.contexts == ["none"]
