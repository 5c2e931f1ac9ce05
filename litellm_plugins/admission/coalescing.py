"""Stage 3: of identical requests that are in flight at once, one goes on and the others wait for its answer.

Within a worker whoever waits is woken at once; the flights of other workers are looked at, one look for all who wait
here. What goes wrong with a flight costs at most a call that could have been saved: nobody fails because of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from litellm_plugins.admission.flights import Ending, FlightStore, Standing
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import Part

T = TypeVar("T")

# How long the end of a flight is told: a look-up that missed before it must not lead anew after it.
KEEP_S = 30.0
# So many leaders may fail before one who waits goes on by itself: a provider that is down is no reason to queue.
MOST_FAILURES = 3
# Looks at another worker's flight: after a tenth of the time that was waited already, within these bounds.
_SHORTEST_S, _LONGEST_S = 0.01, 0.25
# A leader that was forgotten by every hook of the host is not renewed for ever.
_MOST_RENEWED_S = 3_600.0


class Flight:
    """A leader's hold on its flight. Whoever leads ends it; a flight that nobody holds any more ends by itself."""

    __slots__ = ("__weakref__", "_land", "asked", "ended", "in_hand")

    def __init__(self, land: Callable[[Flight, Ending], None]) -> None:
        self._land = land
        self.asked = False  # a provider was
        self.in_hand = False  # its answer is being stored
        self.ended = False

    def end(self, ending: Ending) -> None:
        """Say how it ended; what is said later counts for nothing. Waits for nothing."""
        if not self.ended:
            self.ended = True
            self._land(self, ending)

    def fail(self) -> None:
        """End it without an answer."""
        self.end(Ending.FAILED if self.asked else Ending.REFUSED)

    def fail_unless_stored(self, within_s: float) -> None:
        """The call is over; its answer, if there is one, comes within that time."""
        if not self.ended:
            asyncio.get_running_loop().call_later(within_s, self._give_up)

    def _give_up(self) -> None:
        if not self.in_hand:
            self.fail()


@dataclass(frozen=True, slots=True)
class Joined(Generic[T]):
    """What came of it: an `answer`, or a `flight` to lead, or neither: then the request goes on by itself."""

    part: Part
    waited_s: float = 0.0
    answer: T | None = None
    flight: Flight | None = None
    failure: StoreUnavailable | None = None  # why there was no waiting


class Coalescing:
    """One instance serves all requests of a worker."""

    def __init__(
        self,
        store: FlightStore,
        *,
        timeout_s: float,
        lease_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._timeout_s, self._lease_s, self._clock = store, timeout_s, lease_s, clock
        # Flights that somebody here leads or waits for, and how each ended once it did.
        self._here: dict[bytes, asyncio.Future[Standing]] = {}
        self._renewals: weakref.WeakKeyDictionary[Flight, asyncio.Task[None]] = weakref.WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(
        self, key: bytes, answered: Callable[[bool], Awaitable[T | None]], *, window_s: float | None = None
    ) -> Joined[T]:
        """Lead a flight under `key`, or wait for one, or take what one has brought that ended within its window.

        `answered` looks for the answer that a leader has stored; it is told whether that was before it was asked for.

        Raises: what `answered` raises.
        """
        since, past, failures, part = self._clock(), "", 0, Part.LED
        while failures < MOST_FAILURES:
            try:
                boarded = self._here.get(key) or await self._board(key, past, window_s or KEEP_S)
            except StoreUnavailable as exc:
                return Joined(Part.ALONE, self._clock() - since, failure=exc)
            if isinstance(boarded, Flight):
                waited_s = 0.0 if part is Part.LED else self._clock() - since
                return Joined(part, waited_s, flight=boarded)
            ended = await _within(boarded, self._timeout_s - (self._clock() - since))
            waited_s = self._clock() - since
            if ended is None:
                return Joined(Part.TIMED_OUT, waited_s)
            if ended.ending is Ending.NOT_SHARED:
                break
            if ended.ending is Ending.STORED:
                answer = await answered(ended.was_over)
                if answer is not None:
                    part = Part.JUST_ASKED if ended.was_over and window_s else Part.FOLLOWED
                    return Joined(part, waited_s, answer=answer)
                past = ended.owner  # its answer is gone again, or too old for who asks
            else:
                part = Part.TAKEN_OVER
            failures += ended.ending is not Ending.REFUSED
        return Joined(Part.ALONE, self._clock() - since)

    def is_in_flight_here(self, key: bytes) -> bool:
        """Whether somebody in this worker leads or waits under `key`: then joining asks no store."""
        return key in self._here

    async def aclose(self) -> None:
        """End what is under way here, so that other workers need not wait for it to lapse."""
        for flight in list(self._renewals):
            flight.fail()
        tasks = list(self._tasks)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.cancel()

    async def _board(self, key: bytes, past: str, keep_s: float) -> Flight | asyncio.Future[Standing]:
        """Lead, or the ending of the flight that somebody else leads."""
        owner = f"{os.getpid()}-{secrets.token_hex(8)}"  # the process, for whoever looks into the store
        here = self._here[key] = asyncio.get_running_loop().create_future()
        try:
            found = await self._store.lead(key, owner, lease_s=self._lease_s, past=past)
        except asyncio.CancelledError:  # it may lead all the same
            self._begin(self._tell(key, here, Standing(owner, Ending.REFUSED)))
            raise
        except BaseException:
            self._settle(key, here, Standing(owner, Ending.REFUSED))
            raise
        if found.owner == owner:
            return self._led(key, owner, here, keep_s)
        if found.ending is not None:
            self._settle(key, here, replace(found, was_over=True))
        else:
            self._begin(self._watch(key, found.owner, here))
        return here

    def _led(self, key: bytes, owner: str, here: asyncio.Future[Standing], keep_s: float) -> Flight:
        flight = Flight(lambda flight, ending: self._land(flight, key, here, Standing(owner, ending), keep_s))
        renewal = self._renew(key, owner, here, weakref.ref(flight))
        self._renewals[flight] = self._begin(renewal)
        return flight

    def _land(self, flight: Flight, key: bytes, here: asyncio.Future[Standing], ended: Standing, keep_s: float) -> None:
        renewal = self._renewals.pop(flight, None)
        if renewal is not None:
            renewal.cancel()
        self._begin(self._tell(key, here, ended, keep_s))

    async def _renew(self, key: bytes, owner: str, here: asyncio.Future[Standing], flight: weakref.ref[Flight]) -> None:
        """Keep the lease while somebody holds the flight."""
        began = self._clock()
        while True:
            await asyncio.sleep(self._lease_s / 3)
            if flight() is None or self._clock() - began > _MOST_RENEWED_S:
                await self._tell(key, here, Standing(owner, Ending.FAILED))
                return
            with contextlib.suppress(StoreUnavailable):
                if not await self._store.renew(key, owner, lease_s=self._lease_s):
                    self._settle(key, here, Standing(owner, Ending.FAILED))  # this worker stood still for too long
                    return

    async def _watch(self, key: bytes, owner: str, here: asyncio.Future[Standing]) -> None:
        """Look at the flight of another worker until it ends."""
        since = self._clock()
        ended = Standing(owner, Ending.REFUSED)
        try:
            while (waited_s := self._clock() - since) < self._timeout_s:
                await asyncio.sleep(min(max(waited_s / 10, _SHORTEST_S), _LONGEST_S))
                found = await self._store.look(key)
                if found is None or found.owner != owner:
                    ended = Standing(owner, Ending.FAILED)  # it lapsed, and perhaps another leads already
                    break
                if found.ending is not None:
                    ended = found
                    break
        except StoreUnavailable:
            ended = Standing(owner, Ending.NOT_SHARED)
        finally:
            self._settle(key, here, ended)

    async def _tell(self, key: bytes, here: asyncio.Future[Standing], ended: Standing, keep_s: float = KEEP_S) -> None:
        """To the other workers first: who is woken here may want to lead at once."""
        try:
            with contextlib.suppress(StoreUnavailable):
                await self._store.end(key, ended.owner, ended.ending or Ending.FAILED, keep_s=keep_s)
        finally:
            self._settle(key, here, ended)

    def _settle(self, key: bytes, here: asyncio.Future[Standing], ended: Standing) -> None:
        if self._here.get(key) is here:
            del self._here[key]
        if not here.done():
            here.set_result(ended)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)
        return task


async def _within(here: asyncio.Future[Standing], timeout_s: float) -> Standing | None:
    """The ending, or None where it does not come in time."""
    if timeout_s > 0:
        await asyncio.wait({here}, timeout=timeout_s)
    return here.result() if timeout_s > 0 and here.done() else None
