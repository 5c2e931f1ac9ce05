"""What caching costs, and for how long it pays. Pure.

Anthropic's prices as shares of an input token's: written for 5 minutes 1.25, for an hour 2, read 0.1
(platform.claude.com/docs/en/build-with-claude/prompt-caching); a model's own where the host's list has them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litellm_plugins.prompt_caching.blocks import Ttl

TTL_S: dict[Ttl, float] = {"5m": 300.0, "1h": 3_600.0}
_NANO = 1_000_000_000
_WRITE_5M, _WRITE_1H, _READ = 1.25, 2.0, 0.1


@dataclass(frozen=True, slots=True)
class Prices:
    """Of one token, in dollars; where the price of input is not known all are shares of it."""

    input: float = 1.0
    write_5m: float = _WRITE_5M
    write_1h: float = _WRITE_1H
    read: float = _READ
    known: bool = False

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Prices:
        """By an entry of the host's price list."""
        asked = _rate(info, "input_cost_per_token")
        if not asked:
            return cls()
        return cls(
            asked,
            _rate(info, "cache_creation_input_token_cost") or asked * _WRITE_5M,
            _rate(info, "cache_creation_input_token_cost_above_1hr") or asked * _WRITE_1H,
            _rate(info, "cache_read_input_token_cost") or asked * _READ,
            known=True,
        )

    def write(self, ttl: Ttl) -> float:
        """Writing one token for that long."""
        return self.write_5m if ttl == "5m" else self.write_1h

    def saved_and_extra(self, read: int, written_5m: int, written_1h: int) -> tuple[int, int]:
        """In nano-dollars: what reading saved of the price of input, and what writing cost beyond it."""
        if not self.known:
            return 0, 0
        saved = read * max(0.0, self.input - self.read)
        extra = written_5m * (self.write_5m - self.input) + written_1h * (self.write_1h - self.input)
        return round(saved * _NANO), round(max(0.0, extra) * _NANO)


def cheapest(gaps_s: Sequence[float], prices: Prices, allowed: Collection[Ttl], comes_again: float = 1.0) -> Ttl | None:
    """The lifetime at which a token of the prefix costs least a request; None: less without a mark.

    With share f of the gaps within the lifetime, times the chance that the prefix comes again at all, a token is
    read f times and else written: f x read + (1 - f) x write, against input.
    """
    best: Ttl | None = None
    least, ttls = prices.input, tuple(ttl for ttl in TTL_S if ttl in allowed)
    for ttl in ttls:
        if gaps_s:
            within = comes_again * sum(gap <= TTL_S[ttl] for gap in gaps_s) / len(gaps_s)
            cost = within * prices.read + (1 - within) * prices.write(ttl)
            if cost < least:
                best, least = ttl, cost
    return best


def _rate(info: Mapping[str, Any], name: str) -> float | None:
    value = info.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else None
