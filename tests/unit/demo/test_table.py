"""What a reader gets to see."""

import io
from decimal import Decimal
from typing import Any

from rich.console import Console

from litellm_plugins.demo.judging import judge
from litellm_plugins.demo.prices import Price
from litellm_plugins.demo.questions import Question
from litellm_plugins.demo.report import Report, add_up
from litellm_plugins.demo.table import show
from litellm_plugins.model import Layer

PRICE = Price(Decimal(2_000), Decimal(8_000))
ARRIVAL = Question("When does my [bold]card[/] arrive?", "card_arrival")
PIN = Question("How do I change my PIN?", "change_pin")


def printed(report: Report, *, terminal: bool = False) -> str:
    out = io.StringIO()
    show(report, Console(file=out, width=80, force_terminal=terminal), title="a run", latency_scale=0.5)
    return out.getvalue()


def report(outcome: Any) -> Report:
    outcomes = [
        outcome(ARRIVAL, Layer.MISS, prompt_tokens=123_456, completion_tokens=123_456),
        outcome(ARRIVAL, Layer.EXACT, saved_nano_usd=1_000_000_000, prompt_tokens=1),
        outcome(PIN, Layer.SEMANTIC, answer_for=ARRIVAL, similarity=0.9312),
        outcome(PIN, None, error="refused"),
    ]
    return add_up(outcomes, judge(outcomes), PRICE, provider_calls=1)


def test_every_layer_the_teams_and_a_wrong_example_are_shown_within_80_columns(outcome: Any) -> None:
    text = printed(report(outcome))
    for shown in ("exact", "semantic", "miss", "bypass", "error", "support", "mobile", "branches", "0.931"):
        assert shown in text
    assert "WRONG" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text  # nothing was cut


def test_a_reader_is_told_what_is_simulated_at_which_pace_and_where_numbers_come_from(outcome: Any) -> None:
    text = " ".join(printed(report(outcome)).split())
    for told in ("provider is simulated", "0.5 times", "BANKING77, CC BY 4.0", "x-litellm-response-cost"):
        assert told in text


def test_a_question_is_shown_as_it_is_markup_and_all(outcome: Any) -> None:
    assert ARRIVAL.text in printed(report(outcome))


def test_without_a_terminal_there_is_no_escape_code(outcome: Any) -> None:
    assert "\x1b" not in printed(report(outcome))
    assert "\x1b" in printed(report(outcome), terminal=True)
