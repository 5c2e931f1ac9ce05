"""Two workers, one ledger on SQLite: the limit holds over both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Provider, RunningProxy
from tests.support.budget_proxy import ONE_USD_NANO, ROOM_FOR_TEN_NANO, budget, budget_config, race
from tests.support.budgets import billed, held_by, ledger_file, settled

RACES = 3
pytestmark = pytest.mark.timeout(200)  # the first boots two workers


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    limit = ROOM_FOR_TEN_NANO / ONE_USD_NANO
    config = budget_config(charging.url, charging.url, [budget(f"race{n}", limit_usd=limit) for n in range(RACES)])
    config["router_settings"]["num_retries"] = 2  # the provider closes a connection that lies idle while it is taken
    folder = tmp_path_factory.mktemp("budgets_two_workers")
    with RunningProxy(config, folder, provider_url=charging.url, num_workers=2) as running:
        yield running


@pytest.mark.parametrize("number", range(RACES))
def test_of_64_at_once_exactly_as_many_succeed_as_there_is_room_for(
    proxy: RunningProxy, charging: Provider, number: int
) -> None:
    charging.clear()
    assert race(proxy, f"race{number}") == {200: 10, 429: 54}
    held = settled(lambda: held_by(proxy, f"race{number}"), 10)
    assert held.spent == billed(charging) <= ROOM_FOR_TEN_NANO
    assert (held.requests, held.reserved) == (10, 0)


def test_both_workers_took_part(proxy: RunningProxy) -> None:
    """After the races: each worker counts in files of its own."""
    counters = (proxy.folder / "prometheus").glob("counter_*.db")
    assert sum(b"litellm_plugins_budget_decisions_total" in file.read_bytes() for file in counters) == 2


def test_told_to_stop_both_close_the_ledger(proxy: RunningProxy) -> None:
    """The last test: it leaves no proxy. Whoever closes a SQLite file last clears its log away."""
    file = ledger_file(proxy)
    assert file.with_name(f"{file.name}-wal").exists()
    proxy.stop()
    assert file.exists()
    assert not file.with_name(f"{file.name}-wal").exists()
