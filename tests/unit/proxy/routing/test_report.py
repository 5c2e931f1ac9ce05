"""The report, put together from sums and thumbs."""

from __future__ import annotations

import pytest

from litellm_plugins.insight.route_costs import Where, where_of
from litellm_plugins.insight.routes import RouteSums, mean_ms, mean_usd, route_sums
from litellm_plugins.model import Layer
from litellm_plugins.proxy.routing.report import told
from litellm_plugins.review.feedback import About, Feedback
from litellm_plugins.telemetry.events import CallFinished


def call(nano_usd: int, took_ms: float, attempts: int = 1) -> CallFinished:
    return CallFinished(
        0.0, "chat", "auto", Layer.MISS, "success", spent_nano_usd=nano_usd, took_ms=took_ms, attempts=attempts
    )


def thumb(route: str, value: float) -> Feedback:
    return Feedback("i", About.TRACE, "team:a", "k", "t", "", value, None, "", "", 1.0, route=route)


@pytest.mark.parametrize(
    ("route", "where"),
    [
        ("auto/strong", Where("auto", "strong")),
        ("auto/strong/trial:b", Where("auto", "strong", "trial", "b")),
        ("open/ai:x/strong", Where("open/ai:x", "strong")),
        ("open/ai:x/strong/trial:b", Where("open/ai:x", "strong", "trial", "b")),
        ("auto/", Where("auto", "")),
    ],
)
def test_a_route_comes_apart_again(route: str, where: Where) -> None:
    assert where_of(route) == where


def test_means_and_variances_come_from_integer_sums() -> None:
    sums = RouteSums()
    for each in (call(1_000_000, 10.2), call(3_000_000, 30.0, attempts=2)):
        sums = sums.plus(route_sums(each))
    assert (sums.requests, sums.retried, sums.nano_usd) == (2, 1, 4_000_000)
    assert mean_usd(sums) == pytest.approx((0.002, 2e-6))
    assert mean_ms(sums) == pytest.approx((20.0, 200.0))
    assert mean_usd(RouteSums()) == (0.0, 0.0)
    assert route_sums(call(10**15, 1e12)).usd_squares < 2**63


def test_rows_and_arms_against_their_control() -> None:
    cheap = RouteSums(500, 3, 500_000, 500 * 100**2 // 90, 50_000, 5_500_000)
    dear = RouteSums(500, 0, 5_000_000, 5_050_000, 50_000, 5_500_000)
    sums = {
        ("auto/strong/trial:b", "success"): cheap,
        ("auto/strong/trial:b", "failure"): RouteSums(2),
        ("auto/strong/trial:b", "refused"): RouteSums(5),
        ("auto/strong/trial:control", "success"): dear,
        ("auto/small", "success"): cheap,
    }
    thumbs = [thumb("auto/strong/trial:b", value) for value in (1.0, 0.5, 0.0)]
    found = told(sums, thumbs)

    assert [(row["tier"], row["arm"]) for row in found["rows"]] == [
        ("small", ""),
        ("strong", "b"),
        ("strong", "control"),
    ]
    arm = found["rows"][1]
    assert (arm["requests"], arm["errors"], arm["refused"], arm["retried"]) == (502, 2, 5, 3)
    assert (arm["thumbs_up"], arm["thumbs_down"], arm["latency_ms"]) == (2, 1, 100.0)
    [compared] = found["comparisons"]
    assert (compared["experiment"], compared["arm"], compared["verdict"]) == ("trial", "b", "better")
    assert compared["tests"]["usd"]["difference"] < 0
