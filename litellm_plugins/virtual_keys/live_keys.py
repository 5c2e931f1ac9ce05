"""The keys as the files say them now: read again when a file changes, checked when a key is presented."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from litellm_plugins.errors import SettingsError
from litellm_plugins.settings import KeysFile, VirtualKeys
from litellm_plugins.virtual_keys.key_ring import KeyHolder, KeyRing
from litellm_plugins.virtual_keys.reading import KeysUnreadable, Stamp, read_inline, read_keys, stamp_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOG = logging.getLogger(__name__)
CHECKED_EVERY_S = 0.25
_SETTLES_IN_S = 0.05  # a file that changes is read once it has stood still for so long
_SETTLES_AT_MOST = 6


class LiveKeys:
    """The teams and keys of the config and of its keys file.

    Looking whether a file changed is one `stat`, at most every `CHECKED_EVERY_S` seconds and only when a key is
    presented. Who presents one while a change is read waits for it: so no request is judged by older keys.

    What cannot be read keeps what was read last. Keys that it marks as revoked or blocked are out all the same.
    """

    def __init__(
        self,
        inline: VirtualKeys,
        *,
        config: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`config` is the file that `inline` is from, where it can be read again. Raises: SettingsError."""
        self._inline = inline
        self._config = config if config is not None and _says(config, inline) else None
        if config is not None and self._config is None and inline.keys:
            _LOG.warning("virtual keys: those in the config are not in %s itself: it is not read again", config)
        self._clock = clock
        self._seen = self._stamps()
        self._filed = read_keys(Path(inline.file)) if inline.file else KeysFile()
        self._listed, self._ring = _ring(inline, self._filed)
        self._told: tuple[str, ...] = ()
        self._taken_back: set[str] = set()  # by files that could not be read otherwise
        self._checked_at = clock()
        self._reading: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def teams(self) -> dict[str, str | None]:
        """Aliases by id, as the files said when they were read last."""
        return {team.id: team.alias for team in (*self._inline.teams, *self._filed.teams)}

    def listed(self) -> VirtualKeys:
        """All teams and keys, as the files said when they were read last."""
        return self._listed

    async def find(self, secret: str) -> KeyHolder | None:
        """The holder of `secret` as the files say now, or None."""
        await self._catch_up()
        return self._ring.find(secret)

    async def _catch_up(self) -> None:
        if self._reading is None:
            now = self._clock()
            if now - self._checked_at < CHECKED_EVERY_S:
                return
            self._checked_at = now
            if self._stamps() == self._seen:
                return
            self._reading = asyncio.create_task(self._settle_and_read())
            self._reading.add_done_callback(self._has_read)
        await asyncio.shield(self._reading)  # a client that goes away must not end it for the others

    def _has_read(self, _: asyncio.Task[None]) -> None:
        self._reading = None

    async def _settle_and_read(self) -> None:
        stamps = self._stamps()
        for _ in range(_SETTLES_AT_MOST):
            await asyncio.sleep(_SETTLES_IN_S)
            before, stamps = stamps, self._stamps()
            if before == stamps:
                break
        self._seen = stamps
        await asyncio.to_thread(self._read)

    def _read(self) -> None:
        problems: list[str] = []
        revoked = self._taken_back
        try:
            self._inline = read_inline(self._config) if self._config else self._inline
        except KeysUnreadable as exc:
            problems += exc.problems
            revoked |= exc.revoked
        try:
            self._filed = read_keys(Path(self._inline.file)) if self._inline.file else KeysFile()
        except KeysUnreadable as exc:
            problems += exc.problems
            revoked |= exc.revoked
        try:
            self._listed, ring = _ring(self._inline, self._filed)
        except SettingsError as exc:
            problems += exc.problems
            ring = self._ring
            revoked |= {key.hash for key in (*self._inline.keys, *self._filed.keys) if key.revoked or key.blocked}
        if not problems:
            revoked.clear()
        self._ring = ring.without(revoked)
        self._tell(problems)

    def _tell(self, problems: Sequence[str]) -> None:
        """A fault once, however often the file is touched while it lasts, and its end."""
        if problems and tuple(problems) != self._told:
            _LOG.error("virtual keys: the last good ones stay in force until this is mended: %s", "; ".join(problems))
        if not problems:
            _LOG.info("virtual keys: read again, %d keys", len(self._ring))
        self._told = tuple(problems)

    def _stamps(self) -> tuple[Stamp | None, ...]:
        filed = Path(self._inline.file) if self._inline.file else None
        return tuple(stamp_of(path) for path in (self._config, filed) if path)


def _ring(inline: VirtualKeys, filed: KeysFile) -> tuple[VirtualKeys, KeyRing]:
    try:
        listed = inline.with_file(filed)
        return listed, KeyRing.of(listed)
    except ValidationError as exc:
        where = f"virtual_keys with {inline.file}" if inline.file else "virtual_keys"
        faults = [error["msg"].removeprefix("Value error, ") for error in exc.errors()]
        raise SettingsError([f"{where}: {fault}" for fault in faults]) from exc


def _says(config: Path, inline: VirtualKeys) -> bool:
    """Whether the block is in that very file, and not in one that it includes, or changed on its way."""
    try:
        return read_inline(config) == inline
    except KeysUnreadable:
        return False
