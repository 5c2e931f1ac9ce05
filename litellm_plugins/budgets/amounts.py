"""What is counted, in integers: one token can cost less than a micro-dollar, and cents must not drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Metric = Literal["nano_usd", "tokens", "requests"]
METRICS: tuple[Metric, ...] = get_args(Metric)
NANO = 1_000_000_000  # nano-dollars in a dollar


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a request costs, or what an account holds."""

    nano_usd: int = 0
    tokens: int = 0  # prompt and completion
    requests: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.nano_usd + other.nano_usd, self.tokens + other.tokens, self.requests + other.requests)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(self.nano_usd - other.nano_usd, self.tokens - other.tokens, self.requests - other.requests)

    def __iter__(self) -> Iterator[int]:
        """In the order of `METRICS`."""
        return iter((self.nano_usd, self.tokens, self.requests))


NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each metric a window may hold; None: as much as you like."""

    nano_usd: int | None = None
    tokens: int | None = None
    requests: int | None = None

    def __iter__(self) -> Iterator[int | None]:
        """In the order of `METRICS`."""
        return iter((self.nano_usd, self.tokens, self.requests))

    @property
    def text(self) -> str:
        """As a store keeps it: three numbers, none of which has to be there."""
        return ",".join("" if each is None else str(each) for each in self)

    @classmethod
    def of_text(cls, text: str) -> Limits:
        """What `text` had said."""
        return cls(*(int(each) if each else None for each in text.split(",")))

    def exceeded_by(self, held: Amounts) -> Metric | None:
        """The first metric of which `held` is above its limit."""
        for metric, limit, amount in zip(METRICS, self, held, strict=True):
            if limit is not None and amount > limit:
                return metric
        return None
