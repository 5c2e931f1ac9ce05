"""The alarm over the last checks."""

from __future__ import annotations

from litellm_plugins.cache.checks import Check
from litellm_plugins.cache.staleness import WINDOW, Monitor, Staleness
from litellm_plugins.model import Layer, Outcome, Reason


def feed(monitor: Monitor, outcome: Outcome, times: int, layer: Layer = Layer.EXACT) -> list[Staleness]:
    check = Check(1.0, layer, Reason.RECHECK, outcome, 10.0, "small", "support")
    return [told for told in (monitor.add(check) for _ in range(times)) if told is not None]


def test_it_says_nothing_before_it_knows_something() -> None:
    monitor = Monitor(0.1)
    assert feed(monitor, Outcome.WRONG, 19) == []
    assert feed(monitor, Outcome.UNKNOWN, 100) == []
    assert [told.share for told in feed(monitor, Outcome.WRONG, 1)] == [1.0]


def test_it_rings_once_and_is_over_once() -> None:
    monitor = Monitor(0.1)
    feed(monitor, Outcome.RIGHT, 50)
    told = [*feed(monitor, Outcome.WRONG, 10), *feed(monitor, Outcome.RIGHT, WINDOW)]
    changes = [(each.ringing, round(each.share, 3)) for each in told if each.changed]
    assert changes == [(True, round(6 / 56, 3)), (False, 0.1)]
    assert told[-1].share == 0.0
    assert told[-1].checks == WINDOW


def test_each_layer_is_measured_by_itself() -> None:
    monitor = Monitor(0.1)
    feed(monitor, Outcome.WRONG, 30, Layer.SEMANTIC)
    told = feed(monitor, Outcome.RIGHT, 30, Layer.EXACT)
    assert not any(each.ringing for each in told)
