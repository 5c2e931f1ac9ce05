"""How long a simulated model takes."""

from statistics import median

import pytest

from litellm_plugins.simulator.latency import Pace, draw_pace


def paces(model: str, scale: float = 1.0) -> list[Pace]:
    return [draw_pace(model, str(number).encode(), scale) for number in range(500)]


def test_waits_spread_around_the_median_of_the_family() -> None:
    """Benchmarks of caching and streaming rest on these two numbers."""
    assert median(pace.first_token_s for pace in paces("gpt-4o")) == pytest.approx(0.45, rel=0.1)
    assert median(pace.token_s for pace in paces("gpt-4o")) == pytest.approx(0.012, rel=0.1)


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-4.1-nano", "gpt-4.1-mini"),
        ("gpt-4o", "gpt-4"),
        ("claude-3-5-haiku", "claude-sonnet-4"),
        ("claude-sonnet-4", "claude-opus-4"),
        ("text-embedding-3-large", "gpt-4o-mini"),
        ("gpt-4o", "o1"),
    ],
)
def test_smaller_models_are_faster(faster: str, slower: str) -> None:
    """Routing to a smaller model has to show as time saved, not only as money."""
    assert median(p.first_token_s for p in paces(faster)) < median(p.first_token_s for p in paces(slower))


def test_the_same_request_always_takes_as_long() -> None:
    """Two runs of a benchmark must see the same provider."""
    assert draw_pace("gpt-4o", b"seed", 1.0) == draw_pace("gpt-4o", b"seed", 1.0)


def test_the_scale_multiplies_and_zero_means_at_once() -> None:
    """Tests run at 0, demos at less than 1."""
    whole, half = draw_pace("gpt-4o", b"seed", 1.0), draw_pace("gpt-4o", b"seed", 0.5)
    assert half.first_token_s == pytest.approx(whole.first_token_s / 2)
    assert draw_pace("gpt-4o", b"seed", 0) == Pace(0.0, 0.0)


def test_a_pause_comes_after_so_many_tokens() -> None:
    pace = Pace(1.0, 0.5, pause_s=10.0, pause_after=4)
    assert (pace.due_s(4), pace.due_s(5)) == (3.0, 13.5)
