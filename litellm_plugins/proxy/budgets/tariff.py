"""What one request costs at most, with any model group of the proxy or with one deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litellm.proxy._experimental.mcp_server.cost_calculator import MCPCostCalculator

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.enforcement import Offer
from litellm_plugins.budgets.estimate import FREE, Price, reserved_for
from litellm_plugins.proxy.budgets.costs import nano_of
from litellm_plugins.proxy.budgets.pieces import costs_something, has_price, of_pieces, with_sizes
from litellm_plugins.proxy.budgets.searches import Searches, searches_of
from litellm_plugins.settings.budgets import nano

if TYPE_CHECKING:
    from litellm_plugins.proxy.budgets.prices import Listing, PriceList
    from litellm_plugins.proxy.budgets.tokens import Asked
    from litellm_plugins.settings.budgets import Ledger as Rules

# What is priced by its tokens. Of everything else (images, speech, …) `ledger.other_request_usd` is reserved.
BY_TOKENS = frozenset({"chat", "messages", "responses", "completions", "embeddings"})
MCP_TOOL = "call_mcp_tool"  # of a server that the proxy names: by its own price, for each call


class HostTariff:
    """Of the request `asked`. Keeps `Tariff`."""

    def __init__(self, book: PriceList, asked: Asked, *, rules: Rules, team_id: str | None, before: int = 0) -> None:
        """`before`: how many tokens a provider adds to the prompt by itself, of what was said before."""
        self._book, self._asked, self._rules, self._team_id = book, asked, rules, team_id
        self._before = before
        self.is_by_pieces = False  # it is no matter of tokens, and costs something: what it was priced at last

    @property
    def endpoint(self) -> str:
        """Whose request it is."""
        return self._asked.endpoint

    @property
    def continues(self) -> object:
        """Which response of the Responses API the request goes on with."""
        return self._asked.body.get("previous_response_id")

    async def offer(self, model_group: str, max_tokens: int | None) -> Offer | None:
        """See `Tariff`. Other endpoints may do without a model."""
        listings = self._book.listings(model_group, self._team_id) if model_group else []
        if not listings and self._asked.endpoint in BY_TOKENS:
            return None
        return await self._of(listings, self._asked.body, max_tokens)

    async def at(self, listing: Listing, body: Mapping[str, Any], endpoint: str | None = None) -> Offer:
        """With one deployment, and the `body` that it is sent; in the words of `endpoint`, where that is another.

        The host may carry out a message of Anthropic's as a response of OpenAI's.
        """
        return await self._of([listing], body, None, endpoint)

    async def prompt(self, listing: Listing) -> tuple[Price, int]:
        """What is charged there, and for how many tokens of the prompt at most."""
        asked = self._asked
        if asked.endpoint not in BY_TOKENS:
            return FREE, 0
        tokens = await asked.prompt_tokens(listing.provider, listing.model, listing.most_input, listing.base_model)
        tokens += self._before
        return self._price(listing, tokens) or FREE, tokens

    async def _of(
        self, listings: Sequence[Listing], body: Mapping[str, Any], max_tokens: int | None, endpoint: str | None = None
    ) -> Offer:
        groups = tuple(dict.fromkeys(listing.model_group for listing in listings))
        providers = tuple(dict.fromkeys(listing.provider for listing in listings if listing.provider))
        if self._asked.endpoint == MCP_TOOL:
            return Offer(groups, providers, Amounts(_tool_price(self._asked.body)))
        if self._asked.endpoint not in BY_TOKENS:
            infos = [with_sizes(each.info, each.model, each.provider) for each in listings]
            least = nano(self._rules.other_request_usd)
            dearest = max((of_pieces(self._asked.body, info, least) for info in infos), default=least)
            self.is_by_pieces = any(map(costs_something, infos))
            unpriced = not all(map(has_price, infos))
            return Offer(groups, providers, Amounts(dearest, 0, 1), unpriced=unpriced)
        amounts = [await self._amount(listing, body, max_tokens, endpoint) for listing in listings]
        most = Amounts(max(each.nano_usd for each in amounts), max(each.tokens for each in amounts), 1)
        unknown = next((said for listing in listings if (said := self._searches(listing, body).unknown)), "")
        unpriced = any(self._price(listing, 1) is None for listing in listings)
        return Offer(groups, providers, most, unpriced=unpriced, unknown=unknown)

    async def _amount(
        self, listing: Listing, body: Mapping[str, Any], max_tokens: int | None, endpoint: str | None
    ) -> Amounts:
        price, prompt_tokens = await self.prompt(listing)
        otherwise = listing.most_output or self._rules.assumed_output_tokens
        output = self._asked.allowed_output(body, listing.parameters, otherwise, endpoint)
        if max_tokens is not None:
            output = min(output, max_tokens)
        most = reserved_for(price, prompt_tokens=prompt_tokens, output_tokens=output, choices=self._asked.choices)
        return most + Amounts(self._searches(listing, body).nano_usd)

    def _searches(self, listing: Listing, body: Mapping[str, Any]) -> Searches:
        """By what was asked for, or by what is sent, if that is more: a deployment may have options of its own."""
        asked = self._asked
        provider, model, info = listing.provider, listing.model, listing.info
        found = (searches_of(b, asked.endpoint, provider=provider, model=model, info=info) for b in (asked.body, body))
        return max(found, key=lambda each: (bool(each.unknown), each.nano_usd))

    def _price(self, listing: Listing, prompt_tokens: int) -> Price | None:
        asked = self._asked
        return listing.price(
            prompt_tokens=prompt_tokens,
            writes_cache=asked.writes_cache,
            audio=asked.has_audio,
            tiered=asked.is_tiered(listing.parameters),
            surcharges=asked.surcharges(listing.parameters),
        )


def _tool_price(body: Mapping[str, Any]) -> int:
    """What the config says that a call of the tool costs: nothing, if it says nothing."""
    log = body.get("litellm_logging_obj")
    return 0 if log is None else nano_of(MCPCostCalculator.calculate_mcp_tool_call_cost(litellm_logging_obj=log))
