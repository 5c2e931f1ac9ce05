"""What a request may cost at most, from its counted prompt and its allowed output. Never less than it will cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from litellm_plugins.budgets.amounts import NANO, Amounts
from litellm_plugins.settings import budgets as settings

_MILLION = 1_000_000
_MOST = 2**50  # above every limit that the settings allow, and within what a ledger can add up


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per token, which may be a fraction: $0.0375 per million is 37.5 nano; and for each request."""

    input: Fraction
    output: Fraction  # reasoning tokens are output too
    request: int = 0

    @classmethod
    def per_token(
        cls, input_usd: float | Decimal, output_usd: float | Decimal, request_usd: float | Decimal = 0
    ) -> Price:
        """From dollars per token, as price lists write them: 3.75e-8."""
        return cls(_nano(input_usd), _nano(output_usd), math.ceil(_nano(request_usd)))


FREE = Price(Fraction(0), Fraction(0))


def priced(price: settings.Price) -> Price:
    """A price of `ledger.prices`, which are in dollars per million tokens."""
    return Price(_nano(price.input_usd_per_million) / _MILLION, _nano(price.output_usd_per_million) / _MILLION)


def reserved_for(price: Price, *, prompt_tokens: int, output_tokens: int, choices: int = 1) -> Amounts:
    """The most that a request may cost; `output_tokens` is what each of its `choices` may have. Rounded up."""
    written = output_tokens * choices
    cost = price.input * prompt_tokens + price.output * written
    return Amounts(min(math.ceil(cost) + price.request, _MOST), min(prompt_tokens + written, _MOST), 1)


def dearest(prices: Iterable[Price], *, prompt_tokens: int, output_tokens: int, choices: int = 1) -> Amounts:
    """What it may cost with the dearest of `prices`. Raises: ValueError where there is none."""
    asked = {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens, "choices": choices}
    return max((reserved_for(price, **asked) for price in prices), key=lambda amounts: amounts.nano_usd)


def _nano(usd: float | Decimal) -> Fraction:
    """As it is written: 3.75e-8 is 37.5 nano-dollars, whatever a float makes of it."""
    return Fraction(str(usd)) * NANO
