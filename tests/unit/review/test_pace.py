"""How often a key may speak."""

from __future__ import annotations

import pytest

from litellm_plugins.review import pace as pacing
from litellm_plugins.review.pace import Pace, TooOften


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(pace: Pace, caller: str, times: int) -> int:
    """How many of them were taken."""
    taken = 0
    for _ in range(times):
        try:
            pace.keep(caller)
        except TooOften:
            continue
        taken += 1
    return taken


def test_a_key_says_so_many_things_a_minute_and_others_do_not_feel_it() -> None:
    clock = Clock()
    pace = Pace(60, clock=clock)
    assert [said(pace, "loud", 100), said(pace, "quiet", 1)] == [60, 1]
    clock.now = 10.0
    assert said(pace, "loud", 100) == 10
    clock.now = 1_000.0
    assert said(pace, "loud", 100) == 60


def test_who_says_too_much_is_told_for_how_long_to_wait() -> None:
    pace = Pace(6, clock=Clock())
    said(pace, "loud", 6)
    with pytest.raises(TooOften, match="try again in 10 s") as refused:
        pace.keep("loud")
    assert refused.value.http_status == 429


def test_only_so_many_keys_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_MOST_CALLERS", 10)
    pace = Pace(1, clock=Clock())
    assert sum(said(pace, f"key-{number}", 2) for number in range(50)) == 50
    assert len(pace._left) == 10
