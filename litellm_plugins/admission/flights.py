"""Flights: who is asking a provider for an answer right now, so that whoever wants the same may wait for it.

A protocol; `backends/` keeps it on SQLite and on Redis. A flight is a lease: its leader renews it while the call runs,
and the flight of a worker that was killed lapses within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Ending(StrEnum):
    """How a flight ended, and so what those who wait for it do."""

    STORED = "stored"  # the answer lies in the cache: they are served from there
    NOT_SHARED = "not_shared"  # there is an answer that must not be kept: each asks for itself, as its would not be
    FAILED = "failed"  # the provider was asked in vain, or the leader is gone: one of them leads next
    REFUSED = "refused"  # the leader was not let through to the provider: the same, and this proves nothing


@dataclass(frozen=True, slots=True)
class Standing:
    """A flight as the store has it."""

    owner: str
    ending: Ending | None = None  # None: it is under way
    was_over: bool = False  # it had ended when somebody wanted to board it


class FlightStore(Protocol):
    """Each step is atomic, whatever other workers do. Every method raises `StoreUnavailable`."""

    async def lead(self, key: bytes, owner: str, *, lease_s: float, past: str = "") -> Standing:
        """Begin a flight under `key`, unless another is under way, or ended with a stored answer a moment ago.

        Returns what stands there afterwards: a flight of `owner` where it leads now. `past` names the owner whose
        stored answer is of no use to the asker: that one does not stand in the way.
        """

    async def renew(self, key: bytes, owner: str, *, lease_s: float) -> bool:
        """Let the flight go on for `lease_s` from now. False: it lapsed, and another leads."""

    async def end(self, key: bytes, owner: str, ending: Ending, *, keep_s: float) -> None:
        """Say for `keep_s` how the flight of `owner` ended, unless another leads by now."""

    async def look(self, key: bytes) -> Standing | None:
        """The flight under `key`; None where there is none, or no longer."""
