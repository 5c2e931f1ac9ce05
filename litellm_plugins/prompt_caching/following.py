"""Which texts stay as they were though they could be shorter: the provider has them cached that way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.blocks import Block, Chain, Place
    from litellm_plugins.prompt_caching.prices import Prices

_TURNS_TO_COME = 4  # the same at every turn: who stays once and goes over later pays for both


@dataclass(frozen=True, slots=True)
class Kept:
    """The places that stay as they were, and their share of the tokens that were to be saved."""

    places: tuple[Place, ...] = ()
    share: float = 0.0


def kept_as_cached(
    original: Sequence[Block],
    shorter: Sequence[Block],
    begin: Chain,
    live: Callable[[bytes], bool | None],
    prices: Prices,
    *,
    marks: bool,
) -> Kept:
    """Follows what was sent before, text by text, as far as the provider has it.

    Staying costs the read of the longer texts, now and in each later turn; going over costs what stands from the first
    of them on anew, once. A conversation is taken to go on for as long as it has. `marks`: the provider wants them, and
    charges for writing. `live`: whether it has a prefix now; None where it never came.
    """
    if [each.place for each in original] != [each.place for each in shorter]:
        return Kept()
    path, last = _path(original, shorter, begin, live)
    if not path:
        return Kept()
    first = path[0]
    before_o = original[first - 1].tokens if first else 0
    before_s = shorter[first - 1].tokens if first else 0
    long, short = original[last].tokens - before_o, shorter[last].tokens - before_s
    write = prices.write_5m if marks else prices.input
    if write * short - prices.read * long <= _TURNS_TO_COME * prices.read * (long - short):
        return Kept()
    whole = original[-1].tokens - shorter[-1].tokens
    stays = sum(_own(original, at) - _own(shorter, at) for at in path)
    return Kept(tuple(original[at].place for at in path), stays / whole if whole > 0 else 1.0)


def _own(blocks: Sequence[Block], at: int) -> int:
    return blocks[at].tokens - (blocks[at - 1].tokens if at else 0)


def _path(
    original: Sequence[Block], shorter: Sequence[Block], begin: Chain, live: Callable[[bytes], bool | None]
) -> tuple[list[int], int]:
    """The texts that were sent as they are, and the last block that the provider has behind them; none if nowhere."""
    chain, taken, end = begin, list[int](), -1
    for at, (was, now) in enumerate(zip(original, shorter, strict=True)):
        new = chain.then(now.section, now.role, now.text)
        if was.text != now.text:
            old = chain.then(was.section, was.role, was.text)
            if live(new.digest) is None and live(old.digest) is not None:
                new = old
                taken.append(at)
        chain = new
        if taken and live(chain.digest):
            end = at
    return [at for at in taken if at <= end], end
