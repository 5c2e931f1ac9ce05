"""A short day of mixed traffic over two workers: headers, log, metrics, costs, traces and ledger say the same of it.

`make bench-day` shows it of a longer one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.day_cells import Row
from tests.support.day_plans import day
from tests.support.day_proxy import Day
from tests.support.day_routes import CHECKED, ROUTES
from tests.support.day_sums import ENDINGS, compared, of_each_call

pytestmark = pytest.mark.timeout(240)
REQUESTS, SEED = 80, 7


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """With everything asked."""
    with Day(tmp_path_factory.mktemp("day") / "proxy", workers=2, forked=True) as recorded:
        recorded.run(day(REQUESTS, SEED))
        yield recorded


@pytest.fixture(scope="module")
def rows(recorded: Day) -> list[Row]:
    return compared(recorded)


def test_every_sink_says_the_same(rows: list[Row], recorded: Day) -> None:
    assert [row for row in rows if not row.agrees] == [], of_each_call(recorded)


def test_each_request_has_one_trace_that_says_what_was_booked_for_it(rows: list[Row], recorded: Day) -> None:
    assert rows
    assert of_each_call(recorded) == []


def test_there_was_something_to_tell_of_every_way(rows: list[Row], recorded: Day) -> None:
    logged = {row.name: row.cells["log"].found for row in rows if "log" in row.cells}
    for name in ("exact", "semantic", "coalesced", "miss", "bypass"):
        assert logged[f"answered by {name}"] > 0
    for name in ENDINGS:
        assert logged[f"ended as {name}"] > 0
    assert all(logged[name] > 0 for name in ("spent at providers", "spent on own embeddings", "saved"))
    assert len({seen.plan.kind for seen in recorded.seen}) == 22
    assert all(logged[f"answers checked: {outcome}"] > 0 for outcome in CHECKED)
    assert sum(logged[f"sent to {route}"] for route in ROUTES) >= 5
    states = Counter(seen.headers.get("x-litellm-plugins-budget-state") for seen in recorded.seen)
    assert states["degraded"] > 0
    assert states["denied"] > 0
