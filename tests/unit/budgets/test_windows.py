"""When windows begin and end: by many calendars, and across their changes of clocks."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.windows import span_at
from litellm_plugins.settings.budgets import Unit, Window

HOUR = 3_600_000
DAY = 24 * HOUR
UNITS: tuple[Unit, ...] = get_args(Unit)
ZONES = sorted(available_timezones() - {"localtime", "posixrules"})
# Changes at midnight, of half an hour, a day left out or lived twice, a change just after midnight.
STRANGE = ["America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kwajalein"]
STRANGE += ["America/St_Johns", "Africa/Cairo", "Asia/Beirut", "America/Asuncion", "Antarctica/Troll", "Asia/Kathmandu"]


def by_calendar(unit: Unit) -> Window:
    return Window(count=1, unit=unit, rolling=False)


def ms(text: str) -> int:
    """Of a time with its offset."""
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


def span(unit: Unit, zone: str, at: str) -> Span:
    return span_at(by_calendar(unit), zone, ms(at))


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("min", "2026-05-06T17:29:00+02:00", "2026-05-06T17:30:00+02:00"),
        ("h", "2026-05-06T17:00:00+02:00", "2026-05-06T18:00:00+02:00"),
        ("d", "2026-05-06T00:00:00+02:00", "2026-05-07T00:00:00+02:00"),
        ("w", "2026-05-04T00:00:00+02:00", "2026-05-11T00:00:00+02:00"),  # a Monday
        ("mo", "2026-05-01T00:00:00+02:00", "2026-06-01T00:00:00+02:00"),
    ],
)
def test_a_calendar_window_follows_the_clocks_of_its_zone(unit: Unit, start: str, end: str) -> None:
    assert span(unit, "Europe/Madrid", "2026-05-06T17:29:59.999+02:00") == Span(ms(start), ms(end))


def test_zones_are_known_where_the_system_has_none() -> None:
    """A slim container: they come with the package `tzdata`."""
    code = "from zoneinfo import TZPATH, ZoneInfo; print(TZPATH, ZoneInfo('Europe/Madrid'))"
    ran = subprocess.run(  # noqa: PLW1510 - what it wrote says more than its status
        [sys.executable, "-c", code], env={**os.environ, "PYTHONTZPATH": ""}, capture_output=True
    )
    assert ran.stdout.decode().strip() == "() Europe/Madrid", ran.stderr.decode()


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(date: str, hours: int) -> None:
    """One that ended after 24 hours would roll over at 23:00 or at 01:00."""
    noon = int(datetime.fromisoformat(f"{date}T12:00").replace(tzinfo=ZoneInfo("Europe/Madrid")).timestamp() * 1_000)
    found = span_at(by_calendar("d"), "Europe/Madrid", noon)
    assert found.end_ms - found.start_ms == hours * HOUR


def test_each_of_two_repeated_hours_has_a_window_of_its_own() -> None:
    """02:30 is shown twice; what the first hour spent is not the second one's."""
    first, second = (span("h", "Europe/Madrid", f"2026-10-25T02:30:00+0{offset}:00") for offset in (2, 1))
    assert first == Span(ms("2026-10-25T02:00:00+02:00"), ms("2026-10-25T02:00:00+01:00"))
    assert second == Span(first.end_ms, first.end_ms + HOUR)


def test_after_a_skipped_hour_comes_the_next() -> None:
    before, after = (
        span("h", "Europe/Madrid", at) for at in ("2026-03-29T01:59:00+01:00", "2026-03-29T03:00:00+02:00")
    )
    assert before.end_ms == after.start_ms == ms("2026-03-29T03:00:00+02:00")


def test_a_day_whose_midnight_the_clocks_skip_begins_when_they_are_changed() -> None:
    """Lebanon goes from 00:00 to 01:00."""
    assert span("d", "Asia/Beirut", "2026-03-29T12:00:00+03:00").start_ms == ms("2026-03-29T01:00:00+03:00")


def test_a_day_whose_midnight_lies_within_what_is_skipped_begins_when_the_clocks_are_changed() -> None:
    """Toronto went from 23:30 to 00:30 in 1919."""
    assert span("d", "America/Toronto", "1919-03-31T12:00:00-04:00").start_ms == ms("1919-03-31T00:30:00-04:00")
    assert span("d", "America/Toronto", "1919-03-30T12:00:00-05:00").end_ms == ms("1919-03-30T23:30:00-05:00")


def test_a_day_whose_midnight_is_shown_twice_begins_at_the_first() -> None:
    """Cuba goes from 01:00 back to 00:00."""
    assert span("d", "America/Havana", "2026-11-01T12:00:00-05:00").start_ms == ms("2026-11-01T00:00:00-04:00")


def test_a_minute_past_midnight_that_the_clocks_take_back_stays_with_the_new_day() -> None:
    """Newfoundland went from 00:01 to 23:01: the day had begun, and does not begin twice."""
    new_day = ms("2006-10-29T00:00:00-02:30")
    for at in ("2006-10-29T00:00:30-02:30", "2006-10-28T23:30:00-03:30", "2006-10-29T12:00:00-03:30"):
        assert span("d", "America/St_Johns", at).start_ms == new_day


def test_a_day_that_a_zone_left_out_has_no_window() -> None:
    """Samoa went from 29 to 31 December 2011."""
    before = span("d", "Pacific/Apia", "2011-12-29T23:59:59-10:00")
    after = span("d", "Pacific/Apia", "2011-12-31T00:00:00+14:00")
    assert before.end_ms == after.start_ms == ms("2011-12-31T00:00:00+14:00")


def test_a_change_of_half_an_hour_cuts_an_hour_short() -> None:
    """Lord Howe Island goes from 02:00 back to 01:30."""
    cut = span("h", "Australia/Lord_Howe", "2026-04-05T01:45:00+10:30")
    assert cut == Span(ms("2026-04-05T01:30:00+10:30"), ms("2026-04-05T02:00:00+10:30"))


instants = st.datetimes(datetime(1970, 2, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
)


@st.composite
def beside_a_change(draw: st.DrawFn) -> tuple[str, int]:
    """A zone, and an instant within two days of a change of its clocks, where it has one in the year drawn."""
    zone = draw(st.sampled_from(STRANGE) | st.sampled_from(ZONES))
    start = datetime(draw(st.integers(1970, 2037)), 1, 2, tzinfo=UTC)
    offsets = [(start + timedelta(days=i)).astimezone(ZoneInfo(zone)).utcoffset() for i in range(367)]
    changes = [i for i in range(1, 367) if offsets[i] != offsets[i - 1]]
    assume(changes)
    day = int(start.timestamp() * 1_000) + draw(st.sampled_from(changes)) * DAY
    return zone, day - draw(st.integers(-DAY, 2 * DAY))


@given(st.tuples(st.sampled_from(ZONES), instants) | beside_a_change(), st.sampled_from(UNITS))
def test_windows_tile_time(case: tuple[str, int], unit: Unit) -> None:
    """Each instant lies in exactly one: nothing is spent outside a window, and nothing counts twice."""
    (zone, now_ms), window = case, by_calendar(unit)
    found = span_at(window, zone, now_ms)
    assert found.start_ms <= now_ms < found.end_ms
    assert span_at(window, zone, found.start_ms) == span_at(window, zone, found.end_ms - 1) == found
    assert span_at(window, zone, found.end_ms).start_ms == found.end_ms
    assert span_at(window, zone, found.start_ms - 1).end_ms == found.start_ms


@given(st.sampled_from(ZONES), instants)
def test_larger_windows_are_made_of_whole_smaller_ones(zone: str, now_ms: int) -> None:
    """A month's limit must not count half a day that another month counts too."""
    day = span_at(by_calendar("d"), zone, now_ms)
    for unit in ("w", "mo"):
        larger = span_at(by_calendar(unit), zone, now_ms)
        assert larger.start_ms <= day.start_ms
        assert day.end_ms <= larger.end_ms


@given(st.sampled_from(UNITS[:4]), st.integers(1, 400), instants)
def test_a_rolling_window_is_the_time_that_just_passed(unit: Unit, count: int, now_ms: int) -> None:
    """In any zone: it has no calendar. What was spent its whole length ago has just left it."""
    found = span_at(Window(count=count, unit=unit, rolling=True), "Asia/Beirut", now_ms)
    length = count * {"min": 60_000, "h": HOUR, "d": DAY, "w": 7 * DAY}[unit]
    assert (found.rolling, found.key) == (True, 0)
    assert found.start_ms <= now_ms < found.end_ms
    assert found.end_ms - found.start_ms == length
    assert found.start_ms > now_ms - length
