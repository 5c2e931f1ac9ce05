"""What is booked of a stream, by the way it ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.estimate import reserved_for

if TYPE_CHECKING:
    from litellm_plugins.budgets.estimate import Price
    from litellm_plugins.proxy.budgets.heard import Heard
    from litellm_plugins.proxy.budgets.held import Held
    from litellm_plugins.settings.budgets import Ledger as Rules


async def overheard(held: Held, *, asked: int) -> Amounts:
    """The prompt, and what came of the answer. `asked` is how long the host takes the prompt to be, where it does."""
    told, answered = await held.heard.tokens(held.tokenizer)
    return reserved_for(held.price, prompt_tokens=told or asked or held.prompt_tokens, output_tokens=answered)


async def by_its_end(held: Held, rules: Rules, actual: Amounts, *, asked: int) -> Amounts:
    """What the host says of a stream (`actual`), or what was heard or reserved, where it has not come to its end.

    Of these the most: nobody has told its usage, and the budget is not to be passed.
    """
    end = held.heard.end if held.heard.streams else "whole"
    if end == "whole":
        return actual
    is_first = not held.left and not held.heard.earlier
    if end == "stopped" and is_first:
        if held.heard.told_at_start and actual.nano_usd:
            return await with_answer(held.heard, actual, held.price, held.tokenizer, asked=asked)
        return await overheard(held, asked=asked)
    wanted = {"stopped": (), "broke": (rules.broken_streams,), "left": (rules.left_streams,)}
    most = await overheard(held, asked=asked)
    if "reserved" in wanted.get(end, (rules.broken_streams, rules.left_streams)) and held.admission.reserved:
        most = held.admission.amount
    return Amounts(max(actual.nano_usd, most.nano_usd), max(actual.tokens, most.tokens), 1)


async def with_answer(heard: Heard, actual: Amounts, price: Price, tokenizer: str, *, asked: int) -> Amounts:
    """Of a stream that was stopped: what the host says of its prompt, and our count of its answer.

    The host knows how much of the prompt its provider has cached: at `price`, the dearest that may apply, all of it
    would cost what is written to the cache. Of the answer it may count more or less: one count is told, booked, logged.
    """
    _, answered = await heard.tokens(tokenizer)
    more = answered - max(0, actual.tokens - asked)
    cost = max(0, actual.nano_usd + math.ceil(price.output * more))
    return Amounts(cost, actual.tokens + more, actual.requests)
