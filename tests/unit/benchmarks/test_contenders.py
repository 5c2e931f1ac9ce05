"""Ours among the contenders of `benchmarks/cache.py`: it asks the cache as the proxy does, and learns."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.contenders import Ours, Place

PIN, ALSO_PIN, CARD = "How do I reset my card PIN?", "How can I reset my card PIN?", "Where is my card?"


async def test_ours_serves_what_was_stored_and_takes_misses_for_lessons(tmp_path: Path) -> None:
    ours = Ours(Place(tmp_path, None, 0), on_redis=False)
    try:
        for text, group in ((PIN, "pin"), (ALSO_PIN, "pin"), (CARD, "card")):
            if await ours.look_up(text) is None:
                await ours.store(text, group)
        assert [await ours.look_up(text) for text in (PIN, CARD)] == ["pin", "card"]
    finally:
        await ours.aclose()
    with closing(sqlite3.connect(tmp_path / "ours.db")) as db:
        assert db.execute("SELECT count(*) FROM verifier_labels").fetchone()[0] >= 1
