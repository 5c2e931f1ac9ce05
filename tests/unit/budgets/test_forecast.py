"""When a limit will be reached: what holds for every rate, limit and moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.budgets.forecast import Forecast, Look, apart_ms, forecast
from litellm_plugins.budgets.ledger import Span

DAY_MS = 86_400_000
DAY = Span(0, DAY_MS)
amounts = st.integers(1, 10**13)
moments = st.integers(0, DAY_MS - 1)
counts = st.integers(0, 10**6)


def of(spent: int, limit: int, now_ms: int, requests: int = 1_000) -> Forecast:
    return forecast(DAY, limit=limit, spent=spent, requests=requests, now_ms=now_ms)


def soon(told: Forecast) -> int:
    """When it is reached, to be compared: at once, at the time, or never."""
    return 0 if told.outlook == "reached" else DAY_MS if told.at_ms is None else told.at_ms


@given(spent=amounts, limit=amounts, now_ms=moments, requests=counts)
def test_it_lies_between_now_and_the_end_and_within_its_own_bounds(
    spent: int, limit: int, now_ms: int, requests: int
) -> None:
    told = of(spent, limit, now_ms, requests)
    assert (told.outlook == "reached") == (spent >= limit)
    assert (told.at_ms is not None) == (told.outlook == "reached_at")
    if told.at_ms is not None and told.earliest_ms is not None:
        assert now_ms <= told.earliest_ms <= told.at_ms < DAY_MS
        assert told.latest_ms is None or told.at_ms <= told.latest_ms < DAY_MS
        assert requests >= 5


@given(rate=st.integers(1, 10**6), now_ms=st.integers(DAY_MS // 20, DAY_MS - 1), reached_ms=moments)
def test_who_spends_evenly_is_told_the_very_moment(rate: int, now_ms: int, reached_ms: int) -> None:
    told = of(rate * now_ms, rate * reached_ms, now_ms)
    if reached_ms <= now_ms:
        assert told.outlook == "reached"
    else:
        assert told.at_ms == reached_ms


@given(spent=amounts, more=amounts, limit=amounts, now_ms=st.integers(DAY_MS // 20, DAY_MS - 1))
def test_who_spent_more_gets_there_no_later_and_a_higher_limit_no_earlier(
    spent: int, more: int, limit: int, now_ms: int
) -> None:
    assert soon(of(spent + more, limit, now_ms)) <= soon(of(spent, limit, now_ms))
    assert soon(of(spent, limit + more, now_ms)) >= soon(of(spent, limit, now_ms))


@given(spent=amounts, limit=amounts, now_ms=st.integers(DAY_MS // 20, DAY_MS - 1), requests=st.integers(5, 10**5))
def test_more_requests_say_it_more_surely(spent: int, limit: int, now_ms: int, requests: int) -> None:
    few, many = of(spent, limit, now_ms, requests), of(spent, limit, now_ms, requests * 100)
    if few.at_ms is not None:
        assert many.at_ms == few.at_ms
        assert (many.earliest_ms or 0) >= (few.earliest_ms or 0)
        assert few.latest_ms is None or (many.latest_ms or 0) <= few.latest_ms


@pytest.mark.parametrize(
    ("spent", "now_ms", "requests", "outlook"),
    [
        (0, DAY_MS // 2, 0, "not_before_end"),
        (0, DAY_MS // 50, 0, "too_early"),
        (60, DAY_MS // 50, 100, "too_early"),
        (60, DAY_MS // 2, 3, "too_early"),
        (60, DAY_MS // 2, 100, "reached_at"),
        (10, DAY_MS // 2, 3, "not_before_end"),  # three requests, and even three times as many are few enough
        (49, DAY_MS // 2, 1_000, "not_before_end"),
        (100, DAY_MS // 50, 1, "reached"),
    ],
)
def test_what_is_said_when(spent: int, now_ms: int, requests: int, outlook: str) -> None:
    assert of(spent, 100, now_ms, requests).outlook == outlook


def test_a_limit_of_nothing_is_reached_from_the_beginning() -> None:
    assert of(0, 0, 0, 0).outlook == "reached"


@given(length_ms=st.integers(1_000, 40 * DAY_MS), grown=st.integers(-(10**9), 10**9), looked=st.floats(0, 1))
def test_a_rolling_window_is_judged_by_how_it_grows(length_ms: int, grown: int, looked: float) -> None:
    now_ms, limit, spent = 10**13, 3 * 10**9, 10**9
    span, ago_ms = Span(now_ms - length_ms, now_ms, rolling=True), int(length_ms * looked)
    told = forecast(
        span, limit=limit, spent=spent, requests=9, now_ms=now_ms, earlier=Look(now_ms - ago_ms, spent - grown)
    )
    if ago_ms < apart_ms(span):
        assert told.outlook == "too_early"
    elif grown <= 0 or ago_ms * (limit - spent) >= grown * length_ms:
        assert told.outlook == "not_before_end"
    else:
        assert told.at_ms is not None
        assert 0 <= told.at_ms - now_ms - ago_ms * (limit - spent) / grown <= 1


def test_a_rolling_window_that_was_seen_only_once_says_nothing() -> None:
    span = Span(0, DAY_MS, rolling=True)
    assert forecast(span, limit=9, spent=1, requests=9, now_ms=DAY_MS).outlook == "too_early"
    assert forecast(span, limit=9, spent=9, requests=9, now_ms=DAY_MS).outlook == "reached"
