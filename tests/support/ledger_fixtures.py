"""The backends of the ledger, in one table: a new one gets its line here and no test of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from litellm_plugins.budgets.ledger import Ledger, OnLapse
from tests.support.ledgers import ledger_at
from tests.support.redis_server import RedisServer

Opener = Callable[..., Ledger]


def _in_folder(request: pytest.FixtureRequest) -> str:
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder / 'ledger.db'}"


def _on_server(request: pytest.FixtureRequest) -> str:
    server: RedisServer = request.getfixturevalue("redis_server")
    server.call("FLUSHALL")
    return server.url


LEDGERS: dict[str, Callable[[pytest.FixtureRequest], str]] = {"sqlite": _in_folder, "redis": _on_server}


@pytest.fixture(params=list(LEDGERS.values()), ids=list(LEDGERS))
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Where an empty ledger is kept; of each backend in turn."""
    url: str = request.param(request)
    return url


@pytest.fixture
async def open_ledger(ledger_url: str) -> AsyncIterator[Opener]:
    """Opens views of the ledger as other workers have them, and closes them all in the end."""
    opened: list[Ledger] = []

    def open_one(on_lapse: OnLapse = "charge") -> Ledger:
        opened.append(ledger_at(ledger_url, on_lapse=on_lapse))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.aclose()


@pytest.fixture
def ledger(open_ledger: Opener) -> Ledger:
    """One that charges what lapses."""
    return open_ledger()
