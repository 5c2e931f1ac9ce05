"""What is reserved for a request is never less than what it will cost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.estimate import FREE, Price, dearest, priced, reserved_for
from litellm_plugins.settings.budgets import Price as GivenPrice


def test_a_token_may_cost_less_than_a_nano_dollar() -> None:
    """$0.0375 per million tokens is 37.5 nano-dollars each; three of them are 112.5, and are held as 113."""
    price = priced(GivenPrice(input_usd_per_million="0.0375", output_usd_per_million="0.0001"))  # type: ignore[arg-type]
    assert (price.input, price.output) == (Fraction(75, 2), Fraction(1, 10))
    assert reserved_for(price, prompt_tokens=3, output_tokens=0) == Amounts(113, 3, 1)


@pytest.mark.parametrize("usd", [3.75e-08, "3.75e-08", Decimal("3.75e-08")])
def test_a_price_is_what_is_written_not_what_a_float_makes_of_it(usd: float | Decimal) -> None:
    assert Price.per_token(usd, usd).input == Fraction(75, 2)


def test_every_choice_is_written_and_the_prompt_is_read_once() -> None:
    price = Price(Fraction(100), Fraction(1_000))
    assert reserved_for(price, prompt_tokens=7, output_tokens=20, choices=3) == Amounts(700 + 60_000, 7 + 60, 1)


def test_a_price_of_each_request_comes_on_top() -> None:
    price = Price.per_token(0, 0, 0.005)
    assert reserved_for(price, prompt_tokens=7, output_tokens=20, choices=3).nano_usd == 5_000_000


def test_what_costs_nothing_still_counts_tokens_and_requests() -> None:
    """A local model draws on limits of tokens and requests like any other."""
    assert reserved_for(FREE, prompt_tokens=7, output_tokens=20) == Amounts(0, 27, 1)


def test_the_dearest_depends_on_what_is_asked() -> None:
    """One deployment may be dear to ask, another dear to listen to."""
    reader, writer = Price(Fraction(10), Fraction(1)), Price(Fraction(1), Fraction(10))
    for prompt, output, most in ((100, 1, 1_001), (1, 100, 1_001), (5, 5, 55)):
        assert dearest([reader, writer], prompt_tokens=prompt, output_tokens=output).nano_usd == most


def test_there_is_no_dearest_of_nothing() -> None:
    """No price is not a price of nothing."""
    with pytest.raises(ValueError, match="empty"):
        dearest([], prompt_tokens=1, output_tokens=1)


rates = st.decimals(min_value=0, max_value=Decimal("0.01"), places=12)


@st.composite
def calls(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    """Prompt, allowed output, choices, and what was then read from the provider's cache and written in all."""
    prompt, allowed, choices = draw(st.integers(0, 10**7)), draw(st.integers(0, 10**6)), draw(st.integers(1, 128))
    return prompt, allowed, choices, draw(st.integers(0, prompt)), draw(st.integers(0, allowed * choices))


@given(rates, rates, st.integers(0, 100), calls())
def test_an_estimate_is_never_below_the_bill(
    asked: Decimal, answered: Decimal, discount: int, call: tuple[int, int, int, int, int]
) -> None:
    """Whatever share of the prompt the provider had cached at whatever discount, and whatever was written."""
    prompt, allowed, choices, cached, written = call
    reserved = reserved_for(
        Price.per_token(asked, answered), prompt_tokens=prompt, output_tokens=allowed, choices=choices
    )
    bill = asked * (prompt - cached) + asked * cached * (100 - discount) / 100 + answered * written
    assert reserved.nano_usd >= bill * 10**9
    assert reserved.tokens >= prompt + written


@given(rates, rates, calls())
def test_an_estimate_is_at_most_a_nano_dollar_above_what_is_allowed(
    asked: Decimal, answered: Decimal, call: tuple[int, int, int, int, int]
) -> None:
    """More would refuse requests for which there is room."""
    prompt, allowed, choices, _, _ = call
    reserved = reserved_for(
        Price.per_token(asked, answered), prompt_tokens=prompt, output_tokens=allowed, choices=choices
    )
    assert reserved.nano_usd < (asked * prompt + answered * allowed * choices) * 10**9 + 1


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=6), calls())
def test_the_dearest_covers_every_deployment(
    prices: list[tuple[Decimal, Decimal]], call: tuple[int, int, int, int, int]
) -> None:
    prompt, allowed, choices, _, _ = call
    each = [Price.per_token(*price) for price in prices]
    most = dearest(each, prompt_tokens=prompt, output_tokens=allowed, choices=choices)
    costs = [reserved_for(p, prompt_tokens=prompt, output_tokens=allowed, choices=choices).nano_usd for p in each]
    assert most.nano_usd == max(costs)


def test_what_nobody_can_count_is_more_than_any_limit_and_still_a_number_for_the_ledger() -> None:
    asked = reserved_for(Price.per_token(1e-6, 1e-6), prompt_tokens=1, output_tokens=2**62, choices=2**60)
    assert 10**15 < asked.nano_usd == asked.tokens < 2**53
