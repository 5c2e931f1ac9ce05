"""What is said of an arm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litellm_plugins.routing.significance import Sample
from litellm_plugins.routing.verdicts import Outcome, verdict

CONTROL = Outcome(1_000, 20, Sample(1_000, 0.002, 1e-7), Sample(980, 900.0, 90_000.0), 60, 40)
CHEAPER = replace(CONTROL, usd=Sample(1_000, 0.001, 1e-7))


@pytest.mark.parametrize(
    ("arm", "word", "said"),
    [
        (CHEAPER, "better", "less dollars a request (better"),
        (replace(CHEAPER, errors=90), "mixed", "more errors (worse"),
        (replace(CONTROL, errors=90), "worse", "more errors (worse"),
        (replace(CONTROL, up=95, down=5), "better", "more thumbs up (better"),
        (replace(CONTROL, up=10, down=90), "worse", "less thumbs up (worse"),
        (replace(CONTROL, latency_ms=Sample(980, 700.0, 90_000.0)), "better", "less latency (better"),
        (CONTROL, "no_difference_shown", "does not say there is none"),
        (replace(CONTROL, errors=32), "no_difference_shown", ""),  # p = 0.09
        (replace(CHEAPER, requests=29), "too_few", "29 requests"),
    ],
)
def test_a_verdict_in_plain_words(arm: Outcome, word: str, said: str) -> None:
    found = verdict("b", arm, CONTROL)
    assert (found.word, said in found.sentence) == (word, True)


def test_four_tests_share_one_error_rate() -> None:
    """35 errors of 1,000 beside 20: p = 0.040 alone, and four are looked at."""
    found = verdict("b", replace(CONTROL, errors=35), CONTROL)
    assert found.tests["errors"].p == pytest.approx(0.040, abs=0.002)
    assert found.word == "no_difference_shown"
