"""What a call cost where no budget keeps its account: by the same rules as `proxy/budgets/stage.py` books it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.estimate import FREE, reserved_for
from litellm_plugins.proxy.budgets import costs
from litellm_plugins.proxy.budgets.ends import with_answer
from litellm_plugins.proxy.budgets.tariff import HostTariff
from litellm_plugins.proxy.budgets.tokens import Asked
from litellm_plugins.proxy.host.deployment import group_called
from litellm_plugins.proxy.host.tokenizers import tokenizer_of
from litellm_plugins.proxy.ticket import metadata_of

if TYPE_CHECKING:
    from litellm_plugins.budgets.estimate import Price
    from litellm_plugins.proxy.budgets.prices import Listing, PriceBook
    from litellm_plugins.proxy.calls.call import Call
    from litellm_plugins.settings.budgets import Ledger as Rules


class CallCosts:
    """One for all calls of a worker."""

    def __init__(self, book: PriceBook, rules: Rules) -> None:
        self._book, self._rules = book, rules

    def listing(self, call: Call) -> Listing | None:
        """The deployment that is, or was last, asked."""
        if call.kwargs is None:
            return None
        metadata = metadata_of(call.kwargs) or {}
        group = group_called(call.kwargs, metadata)
        info = call.kwargs.get("model_info") or metadata.get("model_info") or {}
        return self._book.listing(group, {"litellm_params": call.kwargs, "model_info": info})

    def tokenizer(self, call: Call) -> str:
        """The model by whose name the host counts the tokens of `call`."""
        listing = self.listing(call)
        return tokenizer_of(call.decision.request.model_group) if listing is None else listing.tokenizer

    async def of_success(self, call: Call, kwargs: Mapping[str, Any]) -> Amounts:
        """Of a call that the host logs as a success, and of those before it that were left while they worked."""
        actual, asked = costs.of_success(kwargs, None), costs.prompt_tokens(kwargs)
        if call.stopped and call.heard.counting is not None and not call.left_at:
            return await self._stopped(call, actual, asked)
        for listing in call.left_at:
            actual += costs.of_prompt(listing.price(prompt_tokens=asked) or FREE, asked)
        return actual

    async def _stopped(self, call: Call, actual: Amounts, asked: int) -> Amounts:
        priced = await self.prompt(call)
        if priced is None:
            return actual
        if not call.heard.told_at_start or not actual.nano_usd:
            return await self.overheard(call, asked=asked)
        return await with_answer(call.heard, actual, priced[0], self.tokenizer(call), asked=asked)

    async def of_failure(self, call: Call, request_data: Mapping[str, Any], *, streamed: bool) -> Amounts:
        """Of one that failed."""
        actual = costs.of_failure(request_data, None, streamed=streamed)
        if streamed and not actual.nano_usd:
            return await self.overheard(call, asked=costs.failed_prompt_tokens(request_data))
        return actual

    async def overheard(self, call: Call, *, asked: int = 0) -> Amounts:
        """Of a stream that nobody reports, by what went over the wire."""
        listing, priced = self.listing(call), await self.prompt(call)
        if listing is None or priced is None:
            return NOTHING
        price, prompt_tokens = priced
        told, answered = await call.heard.tokens(listing.tokenizer)
        return reserved_for(price, prompt_tokens=told or asked or prompt_tokens, output_tokens=answered)

    async def prompt(self, call: Call) -> tuple[Price, int] | None:
        """What is charged for it, and for how many tokens of the prompt at most; None: nothing is asked."""
        listing = self.listing(call)
        if listing is None or call.kwargs is None:
            return None
        request = call.decision.request
        tariff = HostTariff(
            self._book,
            Asked(call.kwargs, request.endpoint),
            rules=self._rules,
            team_id=request.identity.team_id,
        )
        return await tariff.prompt(listing)
