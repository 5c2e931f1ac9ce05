"""What only the ledger in an SQLite file has to show: that it neither grows for ever nor forgets by itself."""

# ruff: noqa: ASYNC240 - what blocks here holds up only its own test
from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Limits
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.ledger import Granted, Ledger, Line, Span
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.ledgers import LEASE, NOW, held, line, rolling, usd

TEAM = line("team", usd=100)
DAY_MS = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.ledger.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[Ledger]:
    opened = SqliteLedger(SqliteFile(path, schema=SCHEMA, begins_anew=False))
    yield opened
    await opened.aclose()


async def reserve(ledger: Ledger, call: str, covering: Line = TEAM, *, now_ms: int = NOW) -> bool:
    got = await ledger.reserve(call, [covering], usd(10), now_ms=now_ms, lease_ms=LEASE)
    return isinstance(got, Granted)


async def refusal(call: object) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        await call  # type: ignore[misc]  # any of our coroutines
    return caught.value.reason


def rows(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        tables = ("windows", "calls", "lines", "entries")
        return {table: db.execute(f"SELECT count(*) FROM ledger_{table}").fetchone()[0] for table in tables}


async def test_a_damaged_ledger_stays_and_refuses_until_somebody_decides(ledger: Ledger, path: Path) -> None:
    """A new one would begin at zero: every budget could be spent once more, and nobody would know."""
    await reserve(ledger, "a")
    await ledger.aclose()
    sound, damaged = path.read_bytes(), b"this is no database " * 1_000
    path.write_bytes(damaged)
    ledger = SqliteLedger(SqliteFile(path, schema=SCHEMA, begins_anew=False))
    for _ in range(3):
        assert await refusal(reserve(ledger, "b")) == "store_corrupt"
        assert await refusal(ledger.settle("a", usd(5), now_ms=NOW)) == "store_corrupt"
        assert await refusal(ledger.balances(now_ms=NOW)) == "store_corrupt"
    assert path.read_bytes() == damaged
    path.write_bytes(sound)  # a backup is put back
    assert (await ledger.settle("a", usd(5), now_ms=NOW)).fresh
    assert await held(ledger, "team") == (usd(5), NOTHING, NOTHING)
    await ledger.aclose()


async def test_a_new_ledger_says_that_it_begins_from_nothing(
    ledger: Ledger, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when the old one was moved away while it was open, or by mistake."""
    await reserve(ledger, "a")
    assert [record.message for record in caplog.records] == [f"{path} is new, and begins from nothing"]
    for part in path.parent.iterdir():
        part.unlink()
    assert await refusal(reserve(ledger, "b")) == "store_file_gone"
    assert await reserve(ledger, "b")
    assert len(caplog.records) == 2


async def test_a_read_only_ledger_refuses(ledger: Ledger, path: Path) -> None:
    await reserve(ledger, "a")
    path.chmod(0o400)
    assert await refusal(reserve(ledger, "b")) == "store_read_only"
    assert await refusal(ledger.settle("a", usd(5), now_ms=NOW)) == "store_read_only"
    path.chmod(0o600)
    assert (await ledger.settle("a", usd(5), now_ms=NOW)).fresh


async def test_a_full_disk_refuses_and_changes_nothing(path: Path) -> None:
    file = SqliteFile(path, schema=SCHEMA)
    ledger = SqliteLedger(file)
    await reserve(ledger, "a")
    pages = await file.write(lambda db: db.execute("PRAGMA page_count").fetchone()[0], atomic=False)
    await file.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}"), atomic=False)
    wide = [line(f"{n}-{'x' * 3_000}", usd=10) for n in range(20)]
    asked = ledger.reserve("b", [TEAM, *wide], usd(10), now_ms=NOW, lease_ms=LEASE)
    assert await refusal(asked) == "store_full"
    assert await held(ledger, "team") == (NOTHING, usd(10), NOTHING)
    assert (await ledger.settle("a", usd(5), now_ms=NOW)).fresh
    await ledger.aclose()


async def test_a_settlement_is_carried_out_although_its_asker_is_cancelled(ledger: Ledger) -> None:
    """A client that hangs up cancels whatever its request was waiting for."""
    await reserve(ledger, "a")
    asked = [asyncio.create_task(ledger.settle("a", usd(7), now_ms=NOW))]
    asked += [asyncio.create_task(ledger.settle(f"unknown-{n}", usd(1), now_ms=NOW)) for n in range(50)]
    await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert all(task.cancelled() for task in asked)
    assert await held(ledger, "team") == (usd(7), NOTHING, NOTHING)


async def test_what_is_over_does_not_stay_for_ever(ledger: Ledger, path: Path) -> None:
    """Windows of a minute for a year: a few rows, whatever was settled, let go, charged or only limited."""
    for number in range(300):
        now_ms = NOW + number * DAY_MS
        minute = Line("minute", "minute", Limits(nano_usd=100), Span(now_ms, now_ms + 60_000))
        other = Line("other", "other", Limits(nano_usd=100), Span(now_ms, now_ms + 60_000))
        hour = line("hour", usd=100, span=rolling(3_600_000, now_ms))
        assert await reserve(ledger, f"settled-{number}", minute, now_ms=now_ms)
        assert await reserve(ledger, f"rolling-{number}", hour, now_ms=now_ms)
        assert await reserve(ledger, f"charged-{number}", other, now_ms=now_ms)
        await ledger.called(f"charged-{number}", now_ms=now_ms, lease_ms=LEASE)
        assert await reserve(ledger, f"let-go-{number}", hour, now_ms=now_ms)
        for call in ("settled", "rolling"):
            await ledger.settle(f"{call}-{number}", Amounts(9, 9, 1), now_ms=now_ms)
    assert all(count < 20 for count in rows(path).values()), rows(path)


async def test_a_rolling_window_nobody_uses_any_more_goes(ledger: Ledger, path: Path) -> None:
    await reserve(ledger, "a", line("old", usd=100, span=rolling(1_000, NOW)))
    await ledger.settle("a", usd(10), now_ms=NOW)
    later = NOW + 4 * DAY_MS
    await reserve(ledger, "b", line("new", usd=100, span=rolling(1_000, later)), now_ms=later)
    assert [each.account for each in await ledger.balances(now_ms=later)] == ["new"]
    assert rows(path)["entries"] == 0


async def test_a_long_rolling_window_has_no_more_rows_than_steps(ledger: Ledger, path: Path) -> None:
    month = 30 * DAY_MS
    for number in range(60):
        now_ms = NOW + number * 1_000
        await reserve(ledger, f"{number}", line("m", span=rolling(month, now_ms)), now_ms=now_ms)
        await ledger.settle(f"{number}", usd(10), now_ms=now_ms)
    assert rows(path)["entries"] <= 4
    assert await held(ledger, "m", now_ms=NOW + 60_000) == (usd(600), NOTHING, NOTHING)
