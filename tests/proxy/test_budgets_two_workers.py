"""Two workers, one ledger on SQLite: the limit holds over both. And streams that end too early, booked in full."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import orjson
import pytest

from tests.support import KEYS, Provider, RunningProxy
from tests.support.budget_proxy import ONE_USD_NANO, ROOM_FOR_TEN_NANO, body_of, budget, budget_config, post, race
from tests.support.budgets import Held, billed, held_by, ledger_file, settled
from tests.support.waiting import eventually

RACES = 3
ENDPOINTS = ("chat", "azure", "messages", "responses")
pytestmark = pytest.mark.timeout(200)  # the first boots two workers


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def pacing() -> Iterator[Provider]:
    """Behind the model `slow`, whose words come one after the other."""
    with Provider(latency_scale=0.5) as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(charging: Provider, pacing: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    limit = ROOM_FOR_TEN_NANO / ONE_USD_NANO
    budgets = [budget("ended", limit_usd=1), *(budget(f"race{n}", limit_usd=limit) for n in range(RACES))]
    config = budget_config(charging.url, pacing.url, budgets, broken_streams="reserved", left_streams="reserved")
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


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", ["disconnect", "silent_end"])
def test_a_stream_that_breaks_off_is_booked_as_reserved_where_the_settings_say_so(
    proxy: RunningProxy, endpoint: str, fault: str
) -> None:
    before = held_by(proxy, "ended")
    model = "" if endpoint == "messages" else "slow"
    post(proxy, endpoint, f"broken simulator:{fault}", "ended", model=model, stream=True)
    assert as_reserved(proxy, before)


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each != "azure"])
def test_so_is_one_that_its_client_leaves(proxy: RunningProxy, endpoint: str) -> None:
    before = held_by(proxy, "ended")
    path, body = body_of(endpoint, f"left {endpoint}", "ended", model="slow", stream=True, max_tokens=400)
    with proxy.stream("POST", path, json=body, headers={"authorization": f"Bearer {KEYS.support}"}) as response:
        lines = response.iter_lines()
        for _ in range(6):
            next(lines)
    assert as_reserved(proxy, before)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_that_comes_to_its_end_is_booked_at_what_it_cost(proxy: RunningProxy, endpoint: str) -> None:
    before = held_by(proxy, "ended")
    post(proxy, endpoint, f"whole {endpoint}", "ended", stream=True, max_tokens=3_000)
    assert not as_reserved(proxy, before)


def as_reserved(proxy: RunningProxy, before: Held) -> bool:
    """Whether the last request was booked at all that was held for it."""
    now = settled(lambda: held_by(proxy, "ended"), before.requests + 1)

    def lines() -> list[str]:  # each is written after its booking
        found = [line for line in proxy.log().splitlines() if '"budget_settled"' in line and '"ended"' in line]
        return found if len(found) >= now.requests else []

    told = orjson.loads(eventually(lines, what=f"{now.requests} lines of what was booked")[-1])
    assert now.spent - before.spent == round(Decimal(told["cost_usd"]) * ONE_USD_NANO) > 0
    return bool(told["cost_usd"] == told["reserved_usd"])


def test_told_to_stop_both_close_the_ledger(proxy: RunningProxy) -> None:
    """The last test: it leaves no proxy. Whoever closes a SQLite file last clears its log away."""
    file = ledger_file(proxy)
    assert file.with_name(f"{file.name}-wal").exists()
    proxy.stop()
    assert file.exists()
    assert not file.with_name(f"{file.name}-wal").exists()
