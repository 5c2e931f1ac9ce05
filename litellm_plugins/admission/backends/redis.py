"""Flights in Redis: for any number of machines. The server's clock alone ends a lease."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.admission.flights import Ending, Standing

if TYPE_CHECKING:
    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_FOLDER = Path(__file__).with_name("lua")
_LEAD, _RENEW, _END = ((_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in ("lead", "renew", "end"))


class RedisFlights:
    """Keeps `FlightStore`. The server's connections belong to the entries' store, which closes them.

    One string for each flight: its ending (none while it is under way), a colon, its owner.
    """

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._prefix = server, prefix

    async def lead(self, key: bytes, owner: str, *, lease_s: float, past: str = "") -> Standing:
        held: Any = await self._run(_LEAD, key, owner, _ms(lease_s), past)
        return _standing(held) or Standing(owner)

    async def renew(self, key: bytes, owner: str, *, lease_s: float) -> bool:
        return bool(await self._run(_RENEW, key, owner, _ms(lease_s)))

    async def end(self, key: bytes, owner: str, ending: Ending, *, keep_s: float) -> None:
        await self._run(_END, key, owner, _ms(keep_s), str(ending))

    async def look(self, key: bytes) -> Standing | None:
        held: Any = await self._server.run(lambda redis: redis.get(self._name(key)))
        return _standing(held)

    async def _run(self, script: str, key: bytes, *arguments: str | int) -> object:
        name, given = self._name(key), list(arguments)
        return await self._server.run(lambda redis: redis.register_script(script)([name], given))

    def _name(self, key: bytes) -> str:
        return f"{self._prefix}:{VERSION}:flight:{{{key.hex()}}}"


def _standing(held: bytes | str | None) -> Standing | None:
    if held is None:
        return None
    ending, _, owner = (held.decode() if isinstance(held, bytes) else held).partition(":")
    return Standing(owner, Ending(ending) if ending else None)


def _ms(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1_000))
