"""What is dear to make is given again for a while."""

from __future__ import annotations

import asyncio

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.ui.remembering import Remembered


class Dear:
    """Takes its time by a clock of its own."""

    def __init__(self, takes_s: float) -> None:
        self.now, self.made, self._takes_s = 100.0, 0, takes_s
        self.kept = Remembered[str](clock=lambda: self.now)

    async def ask(self, key: str = "all") -> str:
        async def make() -> str:
            await asyncio.sleep(0)
            self.now += self._takes_s
            self.made += 1
            return f"{key} {self.made}"

        return await self.kept.get(key, make)


async def test_what_took_half_a_second_is_given_again_for_ten() -> None:
    dear = Dear(0.5)
    assert await dear.ask() == "all 1"
    dear.now += 9.9
    assert await dear.ask() == "all 1"
    dear.now += 0.2
    assert await dear.ask() == "all 2"


async def test_what_takes_no_time_is_made_anew() -> None:
    dear = Dear(0.0)
    assert [await dear.ask(), await dear.ask()] == ["all 1", "all 2"]


async def test_each_is_given_their_own_and_many_at_once_have_it_made_once() -> None:
    dear = Dear(0.5)
    told = await asyncio.gather(*(dear.ask(key) for key in ("sales", "support") * 5))
    assert {each.split()[0] for each in told[::2]} == {"sales"}
    assert dear.made == 2


async def test_a_fault_is_not_kept() -> None:
    kept = Remembered[str]()

    async def away() -> str:
        raise StoreUnavailable("store_full")

    async def there() -> str:
        return "there"

    with pytest.raises(StoreUnavailable):
        await kept.get("all", away)
    assert await kept.get("all", there) == "there"


async def test_who_waits_while_it_fails_is_told_so_with_the_others() -> None:
    """Else everybody who looks at the page while a store hangs waits for all who came before."""
    kept, tries = Remembered[str](), list[int]()

    async def hangs() -> str:
        tries.append(1)
        await asyncio.sleep(0.01)
        raise StoreUnavailable("timeout")

    done = await asyncio.gather(*(kept.get("all", hangs) for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in done] == [StoreUnavailable] * 5
    assert len(tries) == 1


async def test_who_leaves_takes_nothing_from_those_who_wait_for_the_same() -> None:
    kept, may_end = Remembered[str](), asyncio.Event()

    async def make() -> str:
        await may_end.wait()
        return "there"

    first, second = (asyncio.create_task(kept.get("all", make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may_end.set()
    assert await second == "there"
