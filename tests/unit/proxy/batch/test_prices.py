"""What a batch costs: by the host's own prices for batches, else by a share; never more than is reserved."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from litellm_plugins.batch.queue import Batch, Deferred
from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.estimate import reserved_for
from litellm_plugins.budgets.ledger import Settlement
from litellm_plugins.proxy.batch.about import About
from litellm_plugins.proxy.batch.books import HostBooks
from litellm_plugins.proxy.batch.prices import BatchBook
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.settings.budgets import Price as GivenPrice
from litellm_plugins.telemetry.events import StageFailed

pytestmark = pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning")  # the host's own
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}


class Router:
    """A host with one deployment, whose prices a test gives."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info
        self.deployment = {"litellm_params": {"model": "openai/gpt-x"}, "model_info": {"id": "one"}}

    def get_model_list(self, model_name: str, team_id: str | None = None) -> list[dict[str, Any]]:
        return [self.deployment]

    def get_deployment_model_info(self, model_id: str, model_name: str) -> Mapping[str, Any]:
        return self._info


def book(info: Mapping[str, Any], *, ratio: float = 0.5, given: GivenPrice | None = None) -> tuple[BatchBook, Router]:
    router = Router(info)
    prices = {} if given is None else {"group": given}
    return BatchBook(PriceBook(prices, router=lambda: router), ratio), router  # type: ignore[arg-type,return-value] # as far as it is asked


LISTED = {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}
OF_BATCHES = {"input_cost_per_token_batches": 1.2e-6, "output_cost_per_token_batches": 5e-6}


@pytest.mark.parametrize(
    ("info", "ratio", "nano_usd"),
    [
        ({**LISTED, **OF_BATCHES}, 0.5, 1_200_000 + 500_000),
        (LISTED, 0.5, 1_000_000 + 400_000),
        (LISTED, 0.3, 600_000 + 240_000),
        ({**LISTED, "output_cost_per_token_batches": 5e-6}, 0.25, 500_000 + 500_000),
    ],
)
def test_an_answer_costs_what_was_reserved_for_its_tokens(info: Mapping[str, Any], ratio: float, nano_usd: int) -> None:
    batches, router = book(info, ratio=ratio)
    paid = batches.paid("group", router.deployment, USAGE)
    assert paid.nano_usd == nano_usd
    assert paid.usual_nano_usd == 2_000_000 + 800_000
    assert (paid.prompt_tokens, paid.completion_tokens, paid.provider) == (1_000, 100, "openai")
    price = batches.listings("group")[0].price(prompt_tokens=1_000)
    assert price is not None
    assert reserved_for(price, prompt_tokens=1_000, output_tokens=100).nano_usd == nano_usd


def test_what_the_provider_had_cached_costs_less() -> None:
    batches, router = book({**LISTED, "cache_read_input_token_cost": 5e-7})
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 600}}
    paid = batches.paid("group", router.deployment, usage)
    assert paid.nano_usd == 400 * 1_000 + 600 * 250 + 100 * 4_000
    assert paid.cached_prompt_tokens == 600


def test_a_model_that_the_host_has_no_price_for_costs_a_share_of_the_settings() -> None:
    given = GivenPrice(input_usd_per_million=Decimal(1), output_usd_per_million=Decimal(3))
    batches, router = book({}, given=given)
    paid = batches.paid("group", router.deployment, USAGE)
    assert (paid.nano_usd, paid.usual_nano_usd) == (500_000 + 150_000, 1_000_000 + 300_000)


def test_prices_by_the_length_of_the_prompt_are_those_of_batches() -> None:
    info = {
        **LISTED,
        "input_cost_per_token_above_200k_tokens": 4e-6,
        "input_cost_per_token_above_200k_tokens_batches": 2.5e-6,
        **OF_BATCHES,
    }
    batches, router = book(info)
    usage = {"prompt_tokens": 300_000, "completion_tokens": 0, "total_tokens": 300_000}
    assert batches.paid("group", router.deployment, usage).nano_usd == 300_000 * 2_500
    price = batches.listings("group")[0].price(prompt_tokens=300_000)
    assert price is not None
    assert price.input == 2_500


async def test_an_answer_whose_usage_cannot_be_reckoned_costs_what_was_reserved() -> None:
    """It is there, and nobody says that it was free."""
    batches, router = book(LISTED)
    told: list[Any] = []
    ledger, telemetry = Ledger(), SimpleNamespace(emit=told.append)
    provider = SimpleNamespace(deployment_of=lambda _: router.deployment)
    books = HostBooks(ledger, batches, provider, telemetry)  # type: ignore[arg-type] # as far as they are asked
    about = About("call", "group", budgets=("b",), reserved_nano_usd=700, reserved_tokens=30).written()
    odd = {"prompt_tokens": 1, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": "odd"}}
    paid = await books.settle(Deferred("a", "t", "group", b"{}", about, 0, 1), Batch("b", "group", 0), odd)
    assert paid.nano_usd == 700
    assert ledger.settled == [("call", Amounts(700, 30, 1))]
    assert [each.reason for each in told if isinstance(each, StageFailed)] == ["bad_usage"]


class Ledger:
    """Notes what it is to book."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, Amounts]] = []

    async def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        self.settled.append((call_id, actual))
        return Settlement(fresh=True)
