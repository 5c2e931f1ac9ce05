"""What is read for the page, of whom, and how often."""

from __future__ import annotations

import asyncio
import threading
from collections import UserDict
from typing import Any, cast

from litellm_plugins.ui.reading import Reader, Scope, Sources
from litellm_plugins.ui.reviewing import ReviewDesk
from tests.support.shown_day import item


class SlowDesk:
    """Its store is full of judged items."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str | None]] = []

    async def report(self, team: str | None, tenant: str | None) -> dict[str, Any]:
        self.asked.append((team, tenant))
        await asyncio.sleep(0.02)
        right = 0.5 if team else 0.9
        return {"precision": {"all": {"judged": 7, "right": right, "low": 0.1, "high": 0.99}}}


async def test_a_report_that_takes_long_is_asked_for_once_by_each_team() -> None:
    desk = SlowDesk()
    reader = Reader(Sources(cast("Any", None), cast("Any", None), desk=cast("ReviewDesk", desk)))
    sales, others = (Scope("sales", frozenset({"sales"}), id_, f"team:{id_}") for id_ in ("a", "b"))
    for _ in range(2):
        told = [await reader.precision(scope) for scope in (None, sales, others)]
    assert [each.share for each in told if each] == ["90.0%", "50.0%", "50.0%"]
    assert desk.asked == [(None, None), ("sales", "team:a"), ("sales", "team:b")]


class Watched(UserDict[str, Any]):
    """An item, and in which threads somebody has looked at it."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told)
        self.threads = set[threading.Thread]()

    def get(self, key: str, default: Any = None) -> Any:
        self.threads.add(threading.current_thread())
        return super().get(key, default)


async def test_requests_go_on_while_long_texts_are_told_apart() -> None:
    """Thirty pairs of long questions take 24 ms."""
    watched = Watched(item(1))

    class Desk(SlowDesk):
        async def queue(self, *_: object) -> list[Watched]:
            return [watched]

    reader = Reader(Sources(cast("Any", None), cast("Any", None), desk=cast("ReviewDesk", Desk())))
    assert len(await reader.queue(None)) == 1
    assert watched.threads
    assert threading.current_thread() not in watched.threads
