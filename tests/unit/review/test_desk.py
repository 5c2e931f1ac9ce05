"""What becomes of verdicts, opinions and thumbs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.errors import NotFound, RequestError, StoreUnavailable
from litellm_plugins.review.desk import JudgedMeanwhile, ReviewDesk
from litellm_plugins.review.items import Item, Kind, Source, State, Verdict, Why
from litellm_plugins.review.outcomes import rows
from litellm_plugins.review.rates import factors
from litellm_plugins.telemetry.events import Event
from tests.unit.review.samples import NOW, item

TENANT = item(1).tenant


class Memory:
    """Items of one worker."""

    def __init__(self, *items: Item) -> None:
        self.items = {each.id: each for each in items}

    async def add(self, items: Sequence[Item]) -> None:
        self.items |= {each.id: each for each in items}

    async def find(self, id_: str) -> Item | None:
        return self.items.get(id_)

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        mine = [each for each in self.items.values() if tenant in (None, each.tenant)]
        return next((each for each in mine if name in (each.trace_id, each.call_id)), None)

    async def waiting(self, limit: int, *, team: str | None, tenant: str | None) -> list[Item]:
        found = [each for each in self.items.values() if each.state.worth == 1 and not each.control]
        return [each for each in found if team in (None, each.team)][:limit]

    async def sample(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        return sorted((each for each in self.items.values() if each.control), key=lambda each: each.draw)

    async def judged(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        return [each for each in self.items.values() if each.state.verdict or each.state.thumb]

    async def swap(self, item: Item, state: State) -> bool:
        if self.items[item.id].state != item.state:
            return False
        self.items[item.id] = replace(self.items[item.id], state=state)
        return True

    async def forget_texts(self, *, before_s: float) -> int:
        raise NotImplementedError  # the desk asks for no such thing


class Noted:
    """Takes down what is asked of it; fails as often as it is told to."""

    def __init__(self, fails: int = 0, takes_s: float = 0.0) -> None:
        self.done: list[str] = []
        self._fails, self._takes_s = fails, takes_s

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        if self._fails:
            self._fails -= 1
            raise StoreUnavailable("store_busy")
        await asyncio.sleep(self._takes_s)
        self.done.append(str(verdict))
        return ("remembered",) if verdict is Verdict.WRONG else ("support_raised",)

    async def doubt(self, item: Item) -> tuple[str, ...]:
        if self._fails:
            self._fails -= 1
            raise StoreUnavailable("store_busy")
        await asyncio.sleep(self._takes_s)
        self.done.append("doubt")
        return ("evicted",)

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        self.done.append(f"undo {','.join(effects)}" + ("" if by_reviewer else " of a user"))
        return ("forgotten",)


def ordered(*items: Item) -> list[Item]:
    """The same items of the sample with draws in this order."""
    return [replace(each, draw=number / 100) for number, each in enumerate(items)]


def desk(
    *items: Item, fails: int = 0, acts: bool = True, takes_s: float = 0.0
) -> tuple[ReviewDesk, Memory, Noted, list[Event]]:
    memory, noted, told = Memory(*items), Noted(fails, takes_s), list[Event]()
    made = ReviewDesk(
        memory, noted, tell=told.append, thumbs_act=acts, clock=lambda: NOW + 1_000, between_s=2 * takes_s
    )
    return made, memory, noted, told


async def test_a_verdict_is_carried_out_once_however_often_it_is_given() -> None:
    it = item(1, why=Why.NEAR)
    made, memory, noted, told = desk(it)
    first = await made.judge(it.id, Verdict.WRONG, "ana")

    assert await made.judge(it.id, Verdict.WRONG, "ben") == first == {"id": it.id, "effects": ["remembered"]}
    assert noted.done == ["wrong"]
    assert len(told) == 1
    assert memory.items[it.id].state.by == "ana"


async def test_who_judged_what_is_noted_once_without_a_text() -> None:
    noted: list[tuple[str, dict[str, Any]]] = []

    async def note(actor: str, what: Mapping[str, Any]) -> None:
        noted.append((actor, dict(what)))

    it = replace(item(1, why=Why.NEAR), question="Where does Ann live?", answer="In Oslo.")
    made = ReviewDesk(Memory(it), Noted(fails=1), tell=lambda _: None, clock=lambda: NOW, note=note)
    given = {"item_id": it.id, "verdict": "wrong", "by": "ana", "comment": "Ann Lee's address"}
    with pytest.raises(StoreUnavailable):
        await made.take(given, actor="admin")
    for _ in range(2):
        await made.take(given, actor="admin")
    await made.judge(it.id, Verdict.WRONG, "a-model", source=Source.JUDGE)

    assert [(actor, what["by"], what["effects"]) for actor, what in noted] == [
        ("admin", "ana", ["pending"]),
        ("admin", "ana", ["remembered"]),
    ]
    assert {"item_id", "kind", "verdict", "by", "source", "effects"} <= noted[1][1].keys()
    assert not any(text in str(noted) for text in ("Ann Lee", it.question, it.answer))


async def test_a_verdict_that_is_given_twice_at_once_is_carried_out_once() -> None:
    it = item(1, why=Why.NEAR)
    made, _, noted, told = desk(it, takes_s=0.01)
    both = await asyncio.gather(*(made.judge(it.id, Verdict.WRONG, who) for who in ("ana", "ana")))

    assert [each["effects"] for each in both] == [["remembered"]] * 2
    assert noted.done == ["wrong"]
    assert len(told) == 1


async def test_of_two_verdicts_at_once_the_second_undoes_the_first() -> None:
    it = item(1, why=Why.NEAR)
    made, memory, noted, _ = desk(it, takes_s=0.01)
    await asyncio.gather(made.judge(it.id, Verdict.WRONG, "ana"), made.judge(it.id, Verdict.RIGHT, "ben"))

    assert noted.done == ["wrong", "undo remembered", "right"]
    assert (memory.items[it.id].state.verdict, memory.items[it.id].state.by) == (Verdict.RIGHT, "ben")


async def test_a_changed_verdict_undoes_what_the_first_one_did() -> None:
    it = item(1, why=Why.NEAR)
    made, _, noted, _ = desk(it)
    await made.judge(it.id, Verdict.WRONG, "ana")

    changed = await made.judge(it.id, Verdict.RIGHT, "ana")
    assert changed["effects"] == ["forgotten", "support_raised"]
    assert noted.done == ["wrong", "undo remembered", "right"]


async def test_what_could_not_be_carried_out_is_when_the_verdict_is_given_again() -> None:
    it = item(1, why=Why.NEAR)
    made, _, noted, _ = desk(it, fails=1)
    with pytest.raises(StoreUnavailable):
        await made.judge(it.id, Verdict.WRONG, "ana")

    assert (await made.judge(it.id, Verdict.WRONG, "ana"))["effects"] == ["remembered"]
    assert noted.done == ["wrong"]


async def test_a_model_s_opinion_is_kept_beside_and_does_nothing() -> None:
    it = item(1, why=Why.NEAR)
    made, memory, noted, _ = desk(it)
    await made.judge(it.id, Verdict.WRONG, "gpt", source=Source.JUDGE)

    state = memory.items[it.id].state
    assert (state.opinion, state.opinion_by, state.verdict) == (Verdict.WRONG, "gpt", None)
    assert noted.done == []


async def test_a_verdict_on_a_trace_marks_the_item_as_pointed_at() -> None:
    it = item(1, why=Why.CONTROL)
    made, memory, _, _ = desk(it)
    await made.take({"trace_id": it.trace_id, "verdict": "wrong"}, actor="admin")

    state = memory.items[it.id].state
    assert (state.why, state.by, state.verdict) == (Why.COMPLAINT, "admin", Verdict.WRONG)


async def test_a_thumb_down_acts_once_and_a_thumb_up_takes_it_back() -> None:
    it = item(1)
    made, memory, noted, _ = desk(it)
    assert await made.thumb([it.call_id], is_up=False, tenant=TENANT) == ("evicted",)
    assert await made.thumb([it.call_id], is_up=False, tenant=TENANT) == ("evicted",)
    assert memory.items[it.id].state.why is Why.THUMB_DOWN

    await made.thumb([it.call_id], is_up=True, tenant=TENANT)
    assert noted.done == ["doubt", "undo evicted of a user"]


async def test_a_thumb_that_is_given_twice_at_once_acts_once_and_of_two_the_later_stands() -> None:
    """A double click: else it would teach the verifier twice."""
    it = item(1)
    made, memory, noted, told = desk(it, takes_s=0.01)
    both = await asyncio.gather(*(made.thumb([it.call_id], is_up=False, tenant=TENANT) for _ in range(2)))
    assert both == [("evicted",), ("evicted",)]
    assert (noted.done, len(told)) == (["doubt"], 1)

    other = item(2)
    made, memory, noted, _ = desk(other, takes_s=0.01)
    await asyncio.gather(*(made.thumb([other.call_id], is_up=up, tenant=TENANT) for up in (False, True)))
    assert noted.done == ["doubt", "undo evicted of a user"]
    assert (memory.items[other.id].state.thumb, memory.items[other.id].state.thumb_effects) == ("up", ("forgotten",))


async def test_a_thumb_whose_worker_is_gone_half_way_is_not_waited_for_long() -> None:
    it = item(1)
    left = replace(it, state=replace(it.state, thumb="down", thumb_effects=("pending", "in_hand")))
    made, _, noted, _ = desk(left)
    assert await made.thumb([it.call_id], is_up=False, tenant=TENANT) == ("evicted",)
    assert noted.done == ["doubt"]


async def test_a_thumb_that_could_not_be_acted_on_is_when_it_is_given_again() -> None:
    it = item(1)
    made, _, noted, _ = desk(it, fails=1)
    with pytest.raises(StoreUnavailable):
        await made.thumb([it.call_id], is_up=False, tenant=TENANT)

    assert await made.thumb([it.call_id], is_up=False, tenant=TENANT) == ("evicted",)
    assert noted.done == ["doubt"]


async def test_a_thumb_does_nothing_by_itself_where_that_is_set_and_after_a_reviewer_s_word() -> None:
    it, seen = item(1), item(2, why=Why.NEAR, verdict=Verdict.RIGHT)
    made, memory, noted, _ = desk(it, seen, acts=False)
    assert await made.thumb([it.call_id], is_up=False, tenant=TENANT) == ()
    assert memory.items[it.id].state.why is Why.THUMB_DOWN
    other, _, noted_too, _ = desk(seen)

    assert await other.thumb([seen.call_id], is_up=False, tenant=TENANT) == ()
    assert noted.done == noted_too.done == []
    assert await made.thumb(["f" * 32], is_up=False, tenant=TENANT) == ()


async def test_a_thumb_on_what_was_served_long_ago_and_is_not_kept_waits_for_nothing() -> None:
    class Counting(Memory):
        looks = 0

        async def named(self, name: str, *, tenant: str | None) -> Item | None:
            self.looks += 1
            return None

    memory = Counting()
    made = ReviewDesk(memory, Noted(), tell=lambda _: None, clock=lambda: NOW, between_s=0.0)
    for served_at_s, looks in ((NOW - 60, 1), (NOW - 1, 5)):
        memory.looks = 0
        assert await made.thumb(["f" * 32], is_up=False, tenant=TENANT, served_at_s=served_at_s) == ()
        assert memory.looks == looks


async def test_what_was_judged_as_another_item_s_is_not_asked_again_when_its_turn_comes() -> None:
    one = item(1, why=Why.CONTROL)
    again = item(2, why=Why.CONTROL, pair=one.pair)
    made, memory, noted, _ = desk(one, again)
    shown = await made.queue(10)
    await made.judge(shown[0]["id"], Verdict.RIGHT, "ana")

    assert len(shown) == 1
    assert await made.queue(10) == []
    assert {each.state.verdict for each in memory.items.values()} == {Verdict.RIGHT}
    assert noted.done == ["right"]


async def test_a_thumb_reaches_no_other_tenant_s_answer_by_a_trace_of_the_same_name() -> None:
    """A client chooses the id of its trace, and nothing need be kept of its own call: that of an embedding, say."""
    it = item(1)
    made, memory, noted, _ = desk(it)

    assert await made.thumb(["f" * 32, it.trace_id], is_up=False, tenant="team:others") == ()
    assert noted.done == []
    assert memory.items[it.id] == it


async def test_a_verdict_on_the_same_pair_is_taken_over_when_its_turn_comes_and_not_before() -> None:
    """Else who judges what is doubtful first would have it counted first as well."""
    doubtful = item(9, why=Why.NEAR, verdict=Verdict.WRONG)
    first, same_too, waits, last = ordered(
        item(1, why=Why.CONTROL), item(2, why=Why.CONTROL, pair=doubtful.pair), item(3, why=Why.CONTROL),
        item(4, why=Why.CONTROL, pair=doubtful.pair),
    )  # fmt: skip
    made, memory, *_ = desk(first, same_too, waits, last, doubtful)

    assert [each["id"] for each in await made.queue(10)] == [first.id, waits.id]
    assert memory.items[same_too.id].state.verdict is None
    await made.judge(first.id, Verdict.RIGHT, "ana")
    assert [each["id"] for each in await made.queue(10)] == [waits.id]
    assert memory.items[same_too.id].state.verdict is Verdict.WRONG
    assert memory.items[last.id].state.verdict is None
    await made.queue(10, TENANT, tenant=TENANT)  # a look at a part says nothing of the whole's turns
    assert memory.items[last.id].state.verdict is None
    await made.judge(waits.id, Verdict.RIGHT, "ana")
    await made.sample(30)
    assert memory.items[last.id].state.verdict is Verdict.WRONG


async def test_a_changed_verdict_is_changed_wherever_it_was_taken_over_and_a_word_of_its_own_is_not() -> None:
    """Else a mistake that was corrected would go on counting in the estimate, once for each time it was served."""
    pair, times = item(1).pair, itertools.count(NOW)
    one, copy, own = ordered(*(item(number, why=Why.CONTROL, pair=pair) for number in range(3)))
    memory = Memory(one, copy, own)
    made = ReviewDesk(memory, Noted(), tell=lambda _: None, clock=lambda: next(times))
    await made.judge(one.id, Verdict.WRONG, "ana")
    await made.sample(30)
    assert memory.items[copy.id].state.verdict is memory.items[own.id].state.verdict is Verdict.WRONG
    assert memory.items[copy.id].state.taken
    await made.judge(own.id, Verdict.RIGHT, "ben")
    await made.judge(own.id, Verdict.WRONG, "ben")

    await made.judge(one.id, Verdict.RIGHT, "ana")
    said = {each.id: each.state.verdict for each in await made.sample(7)}
    assert said == {one.id: Verdict.RIGHT, copy.id: Verdict.RIGHT, own.id: Verdict.WRONG}


@pytest.mark.parametrize(
    "given",
    [
        {"verdict": "right"},
        {"item_id": "a", "trace_id": "b", "verdict": "right"},
        {"item_id": "a", "verdict": "perhaps"},
        {"item_id": "a", "verdict": "right", "source": "oracle"},
        {"item_id": "a", "verdict": "right", "comment": 5},
        {"item_id": "a", "verdict": "right", "more": 1},
    ],
)
async def test_nonsense_is_refused_by_the_name_of_its_field(given: dict[str, Any]) -> None:
    made, *_ = desk()
    with pytest.raises(RequestError):
        await made.take(given, actor="admin")


async def test_an_unknown_item_is_not_found() -> None:
    made, *_ = desk()
    with pytest.raises(NotFound):
        await made.judge("f" * 32, Verdict.RIGHT, "ana")


def test_verdicts_on_routed_answers_are_rows_by_prompt() -> None:
    cheap = item(1, verdict=Verdict.WRONG, kind=Kind.ROUTE, route="auto/simple", model="mini", question="Why?")
    dear = item(2, verdict=Verdict.RIGHT, kind=Kind.ROUTE, route="auto/hard", model="large", question="Why?")
    other = replace(cheap, id="o" * 32, question="How?")

    assert rows([cheap, dear, item(3)])[0]["outcomes"] == {"mini": 0.0, "large": 1.0}
    assert rows([other])[0]["outcomes"] == {"mini": 0.0}
    assert rows([replace(other, question="How? " * 800), replace(other, question="")]) == []  # cut; swept
    assert rows([other], strong="large")[0] == {
        "id": "o" * 32, "prompt": "How?", "outcomes": {"mini": 0.0, "large": 1.0}, "task": "", "assumed": ["large"],
    }  # fmt: skip


def test_wrong_answers_to_shortened_prompts_lower_the_rate_of_their_family_and_right_ones_raise_it() -> None:
    def said(number: int, verdict: Verdict, feature: str = "faq") -> Item:
        plain = item(number, verdict=verdict, methods="lossless", feature=feature, model_group="gpt")
        return replace(plain, state=replace(plain.state, judged_at_s=NOW + number))

    wrong = [said(1, Verdict.WRONG), said(2, Verdict.WRONG)]
    assert factors(wrong) == {("faq", "gpt"): pytest.approx(4 / 9)}
    assert factors([*wrong, said(3, Verdict.RIGHT)])["faq", "gpt"] > 4 / 9
    assert factors([said(4, Verdict.RIGHT, "other")]) == {}
    assert min(factors([said(n, Verdict.WRONG) for n in range(50)]).values()) == pytest.approx(0.1)


async def test_who_was_shown_an_item_overrules_nothing_that_was_said_since() -> None:
    it = item(1, why=Why.NEAR)
    made, memory, noted, _ = desk(it)  # its clock stands at NOW + 1,000
    given = {"item_id": it.id, "verdict": "wrong"}
    await made.take(given, actor="ana", shown_at_s=NOW)
    with pytest.raises(JudgedMeanwhile) as refused:
        await made.take({**given, "verdict": "right"}, actor="ben", shown_at_s=NOW + 999)
    assert refused.value.verdict is Verdict.WRONG
    assert await made.take(given, actor="ben", shown_at_s=NOW + 999) == {"id": it.id, "effects": ["remembered"]}
    assert noted.done == ["wrong"]
    for knows in (NOW + 1_001, None):  # it was shown with that verdict; or they say that they know
        await made.take({**given, "verdict": "right"}, actor="ben", shown_at_s=knows)
        assert memory.items[it.id].state.verdict is Verdict.RIGHT
        await made.take(given, actor="ana")


async def test_of_two_verdicts_at_once_on_what_both_were_shown_one_is_taken_in() -> None:
    it = item(1, why=Why.NEAR)
    made, _, noted, _ = desk(it, takes_s=0.01)
    both = (made.take({"item_id": it.id, "verdict": word}, actor=word, shown_at_s=NOW) for word in ("right", "wrong"))
    done = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["JudgedMeanwhile", "dict"]
    assert len(noted.done) == 1
