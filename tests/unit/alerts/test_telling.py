"""What is put into the outbox, for whom, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from litellm_plugins.alerts.backends.sqlite import SCHEMA, SqliteOutbox
from litellm_plugins.alerts.message import Message, body
from litellm_plugins.alerts.telling import Teller
from litellm_plugins.storage.sqlite import SqliteFile

NOW = 1_800_000_000_000
MESSAGE = Message(
    "anomaly.hit_rate", "hit_rate|faq", "id-1", NOW, NOW + 3_600_000, {"feature": "faq", "x": None}, "It fell."
)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[SqliteOutbox]:
    file = SqliteFile(tmp_path / "alerts.db", schema=SCHEMA)
    yield SqliteOutbox(file)
    await file.aclose()


async def test_each_receiver_is_told_once_by_however_many_workers(outbox: SqliteOutbox) -> None:
    woken: list[int] = []
    one = Teller(outbox, ["log", "HOOK"], put=lambda: woken.append(1))
    other = Teller(outbox, ["log", "HOOK"])
    assert await one.tell(MESSAGE)
    assert not await other.tell(MESSAGE)
    assert not await one.tell(replace(MESSAGE, at_ms=NOW + 400_000))  # later than what it remembers itself
    assert len(woken) == 2
    assert [await outbox.waiting(target) for target in ("log", "HOOK")] == [1, 1]


def test_a_message_keeps_its_own_fields_and_leaves_out_what_is_none() -> None:
    assert body(MESSAGE.payload, "generic", attempt=2) == (
        b'{"id":"id-1","type":"anomaly.hit_rate","at":"2027-01-15T08:00:00Z","feature":"faq",'
        b'"text":"It fell.","attempt":2}'
    )
    assert body(MESSAGE.payload, "slack", attempt=1) == b'{"text":"It fell."}'
