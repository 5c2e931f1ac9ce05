"""What is to be told to the outside, kept until it was: a protocol; `backends/` keeps it.

An item is written once (whoever of many workers is first), claimed for a while by one who tries to send it, and sent
or tried again later. A worker that dies with a claim leaves it to the next: at least once, and the receiver can tell a
repetition by the item's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MOST_WAITING = 10_000  # items for one receiver: one that is gone for good must not fill the store
GIVEN_UP_AFTER_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be told to one receiver."""

    key: str  # what it is about, and for whom: while the store knows the key, it takes no other item of it
    id: str  # told to the receiver
    target: str
    payload: str
    until_ms: int  # how long the key is known once it was sent


@dataclass(frozen=True, slots=True)
class Claim:
    """An item that is ours to send, until the lease is over."""

    item: Item
    attempt: int  # 1 is the first


class Outbox(Protocol):
    """Every method raises `StoreUnavailable` where the store cannot do it; then nothing is changed."""

    async def put(self, item: Item, *, now_ms: int) -> bool:
        """Keep the item unless its key is known. Whether it was kept.

        False as well where `MOST_WAITING` wait for the receiver already. What waits for longer than
        `GIVEN_UP_AFTER_MS` is forgotten.
        """

    async def claim(self, target: str, *, now_ms: int, lease_ms: int, most: int) -> list[Claim]:
        """Up to `most` items for the receiver that are due, the longest due first; nobody else gets them now."""

    async def sent(self, claim: Claim, *, now_ms: int) -> None:
        """It has been told; its key is known until `Item.until_ms`. Does nothing if another claimed it since."""

    async def later(self, claim: Claim, *, due_ms: int) -> None:
        """It could not be told; it is due again at that time. Does nothing if another claimed it since."""

    async def waiting(self, target: str) -> int:
        """How many the receiver has not been told yet."""
