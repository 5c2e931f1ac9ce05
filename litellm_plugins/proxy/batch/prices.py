"""What the deployments of a model group charge in a batch: the host's prices for batches, else a share of the usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from litellm.cost_calculator import batch_cost_calculator
from litellm.types.utils import Usage

from litellm_plugins.batch.provider import Paid
from litellm_plugins.proxy.budgets.costs import nano_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_plugins.budgets.estimate import Price
    from litellm_plugins.proxy.budgets.prices import Listing, PriceBook

_BATCHES = "_batches"
_RATES = ("input_cost_per_", "output_cost_per_", "cache_creation_input_", "cache_read_input_")
_TIERED = "tiered_pricing"


class BatchBook:
    """Keeps `PriceList`: everything costs what it costs in a batch."""

    def __init__(self, book: PriceBook, ratio: float) -> None:
        self._book, self._ratio = book, Fraction(str(ratio))

    def listings(self, model_group: str, team_id: str | None = None) -> list[Listing]:
        return [self._in_batch(each) for each in self._book.listings(model_group, team_id)]

    def paid(self, model_group: str, deployment: Mapping[str, Any], usage: Mapping[str, Any]) -> Paid:
        """What an answer of a deployment cost, whose `usage` its provider told."""
        usual = self._book.listing(model_group, deployment)
        asked, answered = _whole(usage.get("prompt_tokens")), _whole(usage.get("completion_tokens"))
        details = usage.get("prompt_tokens_details")
        cached = _whole(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
        listing = self._in_batch(usual)
        if not usual.is_priced:
            costs = [_of_tokens(each.given, asked, answered) for each in (listing, usual)]
        else:
            costs = [_by_host(each, usage) for each in (listing, usual)]
        return Paid(
            nano_usd=costs[0],
            usual_nano_usd=costs[1],
            prompt_tokens=asked,
            cached_prompt_tokens=min(cached, asked),
            completion_tokens=answered,
            deployment=usual.model,
            provider=usual.provider,
        )

    def _in_batch(self, listing: Listing) -> Listing:
        given = listing.given
        if given is not None:
            given = replace(given, input=given.input * self._ratio, output=given.output * self._ratio)
        return replace(listing, info=self._rates(listing.info), given=given)

    def _rates(self, info: Mapping[str, Any]) -> dict[str, Any]:
        rates = {name: value for name, value in info.items() if not name.endswith(_BATCHES)}
        for name, usual in rates.items():
            if name.startswith(_RATES) and isinstance(usual, int | float):
                told = info.get(f"{name}{_BATCHES}")
                rates[name] = told if isinstance(told, int | float) else self._share(usual)
        tiers: Sequence[Any] = info.get(_TIERED) if isinstance(info.get(_TIERED), list) else []  # type: ignore[assignment] # as checked
        if tiers:
            rates[_TIERED] = [self._rates(tier) if isinstance(tier, Mapping) else tier for tier in tiers]
        return rates

    def _share(self, usual: float) -> float:
        share = Fraction(str(usual)) * self._ratio
        return float(Decimal(share.numerator) / Decimal(share.denominator))


def _by_host(listing: Listing, usage: Mapping[str, Any]) -> int:
    """By the host's own reckoning of batches, told the very rates: it would halve those that it has no others for."""
    rates = {**listing.info}
    rates |= {f"{name}{_BATCHES}": value for name, value in listing.info.items() if name.startswith(_RATES)}
    parts = batch_cost_calculator(
        usage=Usage(**{name: value for name, value in usage.items() if value is not None}),
        model=listing.model,
        custom_llm_provider=listing.provider or None,
        model_info=rates,  # type: ignore[arg-type] # a dict, as the host's own callers give it
    )
    return nano_of(sum(parts))


def _of_tokens(price: Price | None, asked: int, answered: int) -> int:
    return 0 if price is None else round(price.input * asked + price.output * answered)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
