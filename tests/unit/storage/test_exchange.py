from __future__ import annotations

import asyncio

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.exchange import Exchange


class Board:
    """What all workers told, in a list; it can be away, or hang."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []
        self.is_away = self.hangs = self.closed = False

    async def add(self, worker: str, body: bytes) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_away:
            raise StoreUnavailable("store_unreachable")
        self.told.append((worker, body))

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        return [body for who, body in self.told[int(cursor or 0) :] if who != worker], str(len(self.told))

    async def aclose(self) -> None:
        self.closed = True


class Worker(Exchange):
    def __init__(self, board: Board) -> None:
        self.faults: list[str] = []
        super().__init__(board, failed=lambda reason, _: self.faults.append(reason), every_s=60, last_s=0.01)
        self.board, self.news, self.heard = board, list[bytes](), list[bytes]()

    async def _tell(self) -> None:
        while self.news:
            await self.board.add(self._worker, self.news[0])
            del self.news[0]

    def _learn(self, told: bytes) -> None:
        self.heard.append(told)


async def test_each_hears_the_others_once_and_never_itself() -> None:
    board = Board()
    one, other = Worker(board), Worker(board)
    one.news, other.news = [b"a"], [b"b"]
    for each in (one, other, one, other):
        assert await each.sync()
    assert (one.heard, other.heard) == ([b"b"], [b"a"])


async def test_a_store_that_is_away_is_told_of_and_asked_again() -> None:
    board = Board()
    one, other = Worker(board), Worker(board)
    one.news, board.is_away = [b"a"], True
    assert not await one.sync()
    assert one.faults == ["store_unreachable"]
    board.is_away = False
    assert await one.sync()
    assert await other.sync()
    assert other.heard == [b"a"]


async def test_closing_tells_the_last_of_it_and_closes_the_store() -> None:
    board = Board()
    one = Worker(board)
    one.start()
    one.start()  # with the next request
    await asyncio.sleep(0)
    one.news = [b"last"]
    await one.aclose()
    assert ([body for _, body in board.told], board.closed) == ([b"last"], True)


async def test_closing_waits_no_longer_than_it_may_for_a_store_that_hangs() -> None:
    board = Board()
    one = Worker(board)
    one.start()
    await asyncio.sleep(0)
    one.news, board.hangs = [b"last"], True
    async with asyncio.timeout(5):
        await one.aclose()
    assert (board.told, board.closed) == ([], True)
