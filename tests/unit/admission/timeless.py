"""A loop in which no time passes but what is slept, and a flight store in memory that several workers share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litellm_plugins.admission.coalescing import Coalescing
from litellm_plugins.admission.flights import Ending, Standing
from litellm_plugins.errors import StoreUnavailable

T = TypeVar("T")


class TimelessLoop(asyncio.SelectorEventLoop):
    """Where nothing is left to do, it is at once as late as the next timer says."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__()

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def timeless(work: Coroutine[Any, Any, T]) -> T:
    """Run it there."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(work)


def now() -> float:
    """Seconds since it began."""
    return asyncio.get_running_loop().time()


class SharedFlights:
    """Keeps `FlightStore`."""

    def __init__(self) -> None:
        self.held: dict[bytes, tuple[Standing, float]] = {}
        self.led: list[str] = []
        self.looks = 0
        self.gone = self.hangs = False

    async def lead(self, key: bytes, owner: str, *, lease_s: float, past: str = "") -> Standing:
        found = await self.look(key)
        if found and (found.ending is None or (found.ending is Ending.STORED and found.owner != past)):
            return found
        self.held[key] = Standing(owner), now() + lease_s
        self.led.append(owner)
        if self.hangs:
            await asyncio.Event().wait()
        return Standing(owner)

    async def renew(self, key: bytes, owner: str, *, lease_s: float) -> bool:
        return await self._put_own(key, Standing(owner), lease_s)

    async def end(self, key: bytes, owner: str, ending: Ending, *, keep_s: float) -> None:
        await self._put_own(key, Standing(owner, ending), keep_s)

    async def look(self, key: bytes) -> Standing | None:
        self.looks += 1
        await asyncio.sleep(0)
        if self.gone:
            raise StoreUnavailable("store_unreachable")
        standing, until = self.held.get(key, (None, 0.0))
        return standing if until > now() else None

    async def _put_own(self, key: bytes, standing: Standing, for_s: float) -> bool:
        found = await self.look(key)
        if found is not None and found != Standing(standing.owner):
            return False
        self.held[key] = standing, now() + for_s
        return True


def worker(store: SharedFlights, *, timeout_s: float = 60.0, lease_s: float = 5.0) -> Coalescing:
    """One of several on the same store."""
    return Coalescing(store, timeout_s=timeout_s, lease_s=lease_s, clock=now)
