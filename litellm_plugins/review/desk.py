"""The review desk: what is worth a look, and what becomes of a verdict. One per worker; the store is the truth."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from litellm_plugins.errors import NotFound, PluginError
from litellm_plugins.review.given import Given, word_of
from litellm_plugins.review.in_hand import carried_out, in_hand, thumb_in, verdict_in, with_late
from litellm_plugins.review.items import COMPLAINED, IN_HAND, PENDING, Item, Kind, Second, Source, State, Verdict, Why
from litellm_plugins.review.queue import ranked
from litellm_plugins.review.resuming import thumb_is_left, verdict_is_left
from litellm_plugins.review.second_opinions import is_due, surprises, unsaid
from litellm_plugins.review.store import ItemStore
from litellm_plugins.review.taking_over import SAMPLE_DAYS, TakingOver, waits_for_chance
from litellm_plugins.review.telling import told
from litellm_plugins.telemetry.events import Event, ReviewJudged
from litellm_plugins.telemetry.sinks.langfuse_spans import trace_id_of

_IN_HAND_S = 10.0
_WAITING = 2_000  # items that are ranked
_TRIES = 20
_LOOKS, _BETWEEN_S = 5, 0.4  # an item is kept within a moment, by whichever worker gave its answer
_KEPT_WITHIN_S = 5.0  # or not at all
_PACK = "pack"  # who acts where nobody asks

Json = dict[str, Any]


class Effects(Protocol):
    """What a verdict does. Raises: StoreUnavailable, from each method; each may be called again after that."""

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        """See to all that a reviewer's verdict asks for; what was done."""

    async def doubt(self, item: Item) -> tuple[str, ...]:
        """What an end user's thumb down does by itself, until a reviewer looks."""

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        """Take back what can be; what was. An end user takes nothing back that a reviewer said."""


class Busy(PluginError):
    """Others keep changing the same item."""

    code = "review_item_busy"
    retryable = True
    http_status = 409


class JudgedMeanwhile(PluginError):
    """Somebody said otherwise after this reviewer had been shown the item; `verdict` is what they said."""

    code = "review_judged_meanwhile"
    http_status = 409

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(f"somebody has judged this item as {verdict} meanwhile")


class _InHand(Exception):
    """Somebody is carrying out a verdict on this very item."""


class ReviewDesk:
    """Raises: RequestError, NotFound, Busy, StoreUnavailable."""

    def __init__(
        self,
        store: ItemStore,
        effects: Effects,
        *,
        tell: Callable[[Event], None],
        thumbs_act: bool = True,
        second_opinion_from: float = 1.1,
        clock: Callable[[], float] = time.time,
        between_s: float = _BETWEEN_S,
        note: Callable[[str, Mapping[str, Any]], Awaitable[None]] | None = None,
    ) -> None:
        self._store, self._effects, self._tell, self._note = store, effects, tell, note
        self._taking = TakingOver(store, clock=clock)
        self._second_from = second_opinion_from
        self._thumbs_act, self._clock, self._between_s = thumbs_act, clock, between_s

    async def queue(
        self, limit: int, team: str | None = None, kind: Kind | None = None, *, tenant: str | None = None
    ) -> list[Json]:
        """The items to look at, in this order."""
        now = self._clock()
        waiting = await self._store.waiting(_WAITING, team=team, tenant=tenant)
        sample, known = await self._taking.settled(SAMPLE_DAYS, team, tenant)
        sample = [each for each in sample if each.pair not in known or not waits_for_chance(each)]
        chosen = await asyncio.to_thread(ranked, waiting, sample, limit, now_s=now, kind=kind)
        served = {each.id: each.served for each in chosen}
        found = [await self._store.find(each.id) for each in chosen]
        return [told(unsaid(replace(item, served=served[item.id]))) for item in found if item is not None]

    async def sample(self, days: float, team: str | None = None, tenant: str | None = None) -> list[Item]:
        """The control sample of so many days, by its draw."""
        return (await self._taking.settled(days, team, tenant))[0]

    async def judge(
        self, item_id: str, verdict: Verdict, by: str, *, source: Source = Source.HUMAN, comment: str = ""
    ) -> Json:
        """A verdict on an item that the queue gave out."""
        given = Given(verdict, by, source, comment, actor=by)
        return await self._judged(await self._known(item_id), given, was_pointed_at=False)

    async def take(self, given: Mapping[str, Any], *, actor: str, shown_at_s: float | None = None) -> Json:
        """A verdict as the route gets it: on an item, or on whatever a trace or call id names.

        With `shown_at_s` it overrules nothing that was said since then. Raises: JudgedMeanwhile, and as above.
        """
        target, pointed, word = word_of(given, actor=actor, shown_at_s=shown_at_s)
        item = await self._named(trace_id_of(target), target) if pointed else await self._known(target)
        return await self._judged(item, word, was_pointed_at=pointed)

    async def _judged(self, item: Item, given: Given, *, was_pointed_at: bool) -> Json:
        verdict, by, source = given.verdict, given.by, given.source
        if source is Source.JUDGE:
            item, _ = await self._changed(item, lambda s: replace(s, opinion=verdict, opinion_by=by))
            self._tell(ReviewJudged(item.id, item.kind, verdict, source, item.team, item.layer, ()))
            return {"id": item.id, "effects": []}

        def said(state: State) -> State:
            now = self._clock()
            if IN_HAND in state.effects and now - state.judged_at_s < _IN_HAND_S:
                raise _InHand
            if state.verdict is verdict and PENDING not in state.effects:
                # A second opinion that says the same is a word, too: who was shown the item before has not seen it.
                return replace(state, second=Second.GIVEN, judged_at_s=now) if is_due(state, now) else state
            if state.verdict is not None and state.verdict is not verdict and state.judged_at_s > given.shown_at_s:
                raise JudgedMeanwhile(state.verdict)
            why = Why.COMPLAINT if was_pointed_at and state.why not in COMPLAINED else state.why
            return replace(
                state, why=why, verdict=verdict, by=by, source=source, comment=given.comment,
                judged_at_s=now, effects=in_hand(state.effects),
                second=self._second(item, state, verdict), taken=False,
            )  # fmt: skip

        was_due = is_due(item.state, self._clock())
        item = await self._said(item, said)
        if PENDING in item.state.effects:
            return await self._carry_out(item, given)
        if was_due:  # it was said before, and now by two
            await self._noted(item, given, ())
            self._tell(ReviewJudged(item.id, item.kind, verdict, source, item.team, item.layer, ()))
        return {"id": item.id, "effects": list(item.state.effects)}

    async def _carry_out(self, item: Item, given: Given) -> Json:
        """Do what the verdict asks for that is in hand here."""
        earlier = carried_out(item.state.effects)

        def is_mine(state: State) -> bool:  # still
            return verdict_in(state) == verdict_in(item.state)

        try:
            undone = await self._effects.undo(item, earlier, by_reviewer=True) if earlier else ()
            done = (*undone, *await self._effects.apply(item, given.verdict))
        except Exception:
            with contextlib.suppress(PluginError):  # else it stays in hand for a while
                await self._changed(item, lambda s: replace(s, effects=(PENDING, *earlier)) if is_mine(s) else s)
            await self._noted(item, given, (PENDING,))
            raise

        def after(state: State) -> State:
            is_same = state.verdict is given.verdict
            return replace(state, effects=done if is_mine(state) else with_late(state.effects, done, is_same=is_same))

        await self._changed(item, after)
        await self._noted(item, given, done)
        self._tell(ReviewJudged(item.id, item.kind, given.verdict, given.source, item.team, item.layer, done))
        return {"id": item.id, "effects": list(done)}

    def _second(self, item: Item, state: State, verdict: Verdict) -> Second:
        """Whether the item waits for a second verdict once this one is given."""
        if state.second is not Second.NO:
            return state.second if verdict is state.verdict else Second.GIVEN
        asked = surprises(replace(item, state=state), verdict, self._second_from)
        return Second.ASKED if asked else Second.NO

    async def _noted(self, item: Item, given: Given, effects: tuple[str, ...]) -> None:
        """Who judged what, and what came of it; no text of anybody."""
        if self._note is not None:
            told = {"item_id": item.id, "kind": str(item.kind), "verdict": str(given.verdict), "by": given.by}
            told |= {"source": str(given.source), "team": item.team, "cache_id": item.cache_id}
            named = {name: value for name, value in told.items() if value}
            await self._note(given.actor, {**named, "effects": list(effects)})

    async def _said(self, item: Item, said: Callable[[State], State], *, looks: int = _LOOKS) -> Item:
        """Once nobody else is at it: a verdict that is given twice at once (a double click) is carried out once."""
        for _ in range(looks):
            try:
                return (await self._changed(item, said))[0]
            except _InHand:
                await asyncio.sleep(self._between_s)
                item = await self._known(item.id)
        raise Busy("others keep changing this item: try again")

    async def thumb(
        self, names: Sequence[str], *, is_up: bool, tenant: str, served_at_s: float | None = None
    ) -> tuple[str, ...]:
        """An end user's thumb on what these ids name of `tenant`'s; what it did: nothing where no item is kept."""
        was_kept = served_at_s is not None and self._clock() - served_at_s > _KEPT_WITHIN_S
        try:
            item = await self._named(*names, tenant=tenant, looks=1 if was_kept else _LOOKS)
            return await self._thumbed(item, is_up=is_up)
        except NotFound:  # it may make room at any moment
            return ()

    async def resume(self, item_id: str) -> bool:
        """Carry out what was said of an item, where that was broken off; False: somebody else is at it, or was."""
        item = await self._known(item_id)
        state, now = item.state, self._clock()
        if state.verdict is not None and verdict_is_left(state, now):
            given = Given(state.verdict, state.by, state.source or Source.HUMAN, state.comment, actor=_PACK)
            mine = replace(state, judged_at_s=now, effects=in_hand(state.effects))
            if await self._store.swap(item, mine):
                await self._carry_out(replace(item, state=mine), given)
                return True
        elif thumb_is_left(state, now):
            mine = replace(state, thumb_at_s=now, thumb_effects=in_hand(state.thumb_effects))
            if await self._store.swap(item, mine):
                await self._act_on(replace(item, state=mine), is_up=state.thumb == "up")
                return True
        return False

    async def _thumbed(self, item: Item, *, is_up: bool) -> tuple[str, ...]:
        word = "up" if is_up else "down"

        looks = iter(range(_LOOKS))

        def said(state: State) -> State:
            now = self._clock()
            is_in_hand = IN_HAND in state.thumb_effects and now - state.thumb_at_s < _IN_HAND_S
            if is_in_hand and next(looks, None) is not None:
                raise _InHand  # a double click, say; who was at it and is gone is not waited for longer
            if state.thumb == word and PENDING not in state.thumb_effects:
                return state
            why = state.why if is_up or state.why in COMPLAINED else Why.THUMB_DOWN
            return replace(state, thumb=word, why=why, thumb_effects=in_hand(state.thumb_effects), thumb_at_s=now)

        item = await self._said(item, said, looks=_LOOKS + 1)
        if PENDING not in item.state.thumb_effects:  # it was said before, and carried out
            return item.state.thumb_effects
        return await self._act_on(item, is_up=is_up)

    async def _act_on(self, item: Item, *, is_up: bool) -> tuple[str, ...]:
        """Do what the thumb asks for that is in hand here."""
        earlier = carried_out(item.state.thumb_effects)

        def is_mine(state: State) -> bool:  # still
            return thumb_in(state) == thumb_in(item.state)

        try:
            done = await self._acted(item, is_up=is_up)
        except Exception:
            with contextlib.suppress(PluginError):  # else it stays in hand for a while
                await self._changed(item, lambda s: replace(s, thumb_effects=(PENDING, *earlier)) if is_mine(s) else s)
            raise

        def after(state: State) -> State:
            is_same = state.thumb == item.state.thumb
            return replace(
                state, thumb_effects=done if is_mine(state) else with_late(state.thumb_effects, done, is_same=is_same)
            )

        await self._changed(item, after)
        self._tell(ReviewJudged(item.id, item.kind, item.state.thumb, "thumb", item.team, item.layer, done))
        return done

    async def _acted(self, item: Item, *, is_up: bool) -> tuple[str, ...]:
        """What a thumb does. A reviewer's word goes before."""
        if item.state.verdict is not None:
            return ()
        if is_up:
            return await self._effects.undo(item, carried_out(item.state.thumb_effects), by_reviewer=False)
        return await self._effects.doubt(item) if self._thumbs_act else ()

    async def point_at(self, names: Sequence[str], why: Why) -> bool:
        """Something else points at an answer; whether an item is kept of it."""
        try:
            item = await self._named(*names)
        except NotFound:
            return False
        await self._changed(item, lambda s: s if s.why in COMPLAINED else replace(s, why=why))
        return True

    async def _known(self, item_id: str) -> Item:
        item = await self._store.find(item_id)
        if item is None:
            raise NotFound(f"no item has the id {item_id[:64]!r}: it was never kept, or has made room")
        return item

    async def _named(self, *names: str, tenant: str | None = None, looks: int = _LOOKS) -> Item:
        for look in range(looks):
            for name in filter(None, names):  # an item may bear none
                item = await self._store.named(name, tenant=tenant)
                if item is not None:
                    return item
            if look + 1 < looks:
                await asyncio.sleep(self._between_s)
        raise NotFound("no item is kept of that: it was never served, or has made room")

    async def _changed(self, item: Item, change: Callable[[State], State]) -> tuple[Item, State]:
        """The item with its state changed in one step, and the state before."""
        for _ in range(_TRIES):
            state = change(item.state)
            if state == item.state or await self._store.swap(item, state):
                return replace(item, state=state), item.state
            item = await self._known(item.id)
        raise Busy("others keep changing this item: try again")
