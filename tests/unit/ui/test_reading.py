"""What is read for the page, of whom, and how often."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from litellm_plugins.ui.reading import Reader, Scope, Sources
from litellm_plugins.ui.reviewing import ReviewDesk


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
