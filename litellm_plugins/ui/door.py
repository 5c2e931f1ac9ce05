"""Who may look: opens sessions, hands out tokens for teams, and takes both back.

A secret is 32 random bytes, told once. Kept is its HMAC under the master key: whoever reads the store can open nothing,
and with another master key all of them end. A session that was opened with a token ends with it, at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple

from litellm_plugins.errors import NotFound, PluginError
from litellm_plugins.ui.passes import Kind, Pass, PassStore, Role
from litellm_plugins.ui.teams import Team

TOKEN_PREFIX = "lpui-"  # noqa: S105 - what every token begins with
_PASS, _FORM = b"litellm_plugins/ui/pass/1", b"litellm_plugins/ui/form/1"
_LONGEST = 256  # of what may be a secret
_DAY_MS = 86_400_000


class NoMasterKey(PluginError):
    """Nobody can be told from an admin."""

    code = "no_master_key"
    http_status = 503


class Opened(NamedTuple):
    """A pass, and the secret that opens it."""

    secret: str
    kept: Pass


class Door:
    """One for each worker. `master_key` is asked each time: the host learns it after we are loaded."""

    def __init__(
        self, store: PassStore, *, master_key: Callable[[], str | None], clock_ms: Callable[[], int], session_ms: int
    ) -> None:
        self._store, self._master_key, self._clock_ms, self._session_ms = store, master_key, clock_ms, session_ms

    async def open_for_admin(self, by: str) -> Opened:
        """A session of somebody whom the host knows as an admin. Raises: NoMasterKey, StoreUnavailable."""
        return await self._open(Role.ADMIN, None, by, self._clock_ms() + self._session_ms)

    async def open_with(self, token: str) -> Opened | None:
        """A session with a team's token, no longer than that; None: it is none.

        Raises: NoMasterKey, StoreUnavailable.
        """
        now_ms = self._clock_ms()
        found = await self._found(token, now_ms)
        if found is None or found.kind is not Kind.TOKEN:
            return None
        until_ms = min(found.until_ms, now_ms + self._session_ms)
        whose = Team(found.team_id, found.team)
        return await self._open(Role.TEAM, whose, f"token of {found.team}", until_ms, token_id=found.id)

    async def who(self, cookie: str) -> Pass | None:
        """The session of a cookie; None where there is none (any more). Raises: NoMasterKey, StoreUnavailable."""
        now_ms = self._clock_ms()
        found = await self._found(cookie, now_ms)
        if found is None or found.kind is not Kind.SESSION:
            return None
        if found.token_id and await self._store.get(found.token_id, now_ms=now_ms) is None:
            return None
        return found

    async def leave(self, cookie: str) -> None:
        """End the session of a cookie, if there is one. Raises: NoMasterKey, StoreUnavailable."""
        found = await self.who(cookie)
        if found is not None:
            await self._store.drop(found.id)

    async def hand_out(self, team: Team, *, days: int, by: str) -> Opened:
        """A token to look at this team's numbers. Raises: NoMasterKey, StoreUnavailable."""
        now_ms, secret = self._clock_ms(), TOKEN_PREFIX + secrets.token_urlsafe(32)
        until_ms = now_ms + days * _DAY_MS
        made = Pass(self._id(secret), Kind.TOKEN, Role.TEAM, team.word, by, now_ms, until_ms, team_id=team.id)
        await self._store.put(made, now_ms=now_ms)
        return Opened(secret, made)

    async def tokens(self) -> list[Pass]:
        """All that are good. Raises: StoreUnavailable."""
        return await self._store.tokens(now_ms=self._clock_ms())

    async def take_back(self, token_id: str) -> Pass:
        """A token, and with it the sessions that it opened. Raises: NotFound, StoreUnavailable."""
        found = next((each for each in await self.tokens() if each.id == token_id), None)
        if found is None or not await self._store.drop(token_id):
            raise NotFound("no such token (any more)")
        return found

    def form_word(self, cookie: str) -> str:
        """What every form of this cookie's holder carries: nobody else can know it. Raises: NoMasterKey."""
        return self._mac(_FORM, cookie)

    def is_form_word(self, cookie: str, given: str) -> bool:
        """Whether it is that. Raises: NoMasterKey."""
        return hmac.compare_digest(self.form_word(cookie).encode(), given.encode("utf-8", "replace"))

    async def _open(self, role: Role, team: Team | None, by: str, until_ms: int, *, token_id: str = "") -> Opened:
        now_ms, secret = self._clock_ms(), secrets.token_urlsafe(32)
        name, team_id = ("", "") if team is None else (team.word, team.id)
        opened = Pass(self._id(secret), Kind.SESSION, role, name, by, now_ms, until_ms, token_id, team_id)
        await self._store.put(opened, now_ms=now_ms)
        return Opened(secret, opened)

    async def _found(self, secret: str, now_ms: int) -> Pass | None:
        if not 0 < len(secret) <= _LONGEST:
            return None
        found = await self._store.get(self._id(secret), now_ms=now_ms)
        # Before ids were kept with it a team's pass was good for whoever took that name.
        return None if found is not None and found.role is Role.TEAM and not found.team_id else found

    def _id(self, secret: str) -> str:
        return self._mac(_PASS, secret)[:32]

    def _mac(self, purpose: bytes, told: str) -> str:
        key = self._master_key()
        if not key:
            raise NoMasterKey("the page stays shut until general_settings.master_key is set")
        told_bytes = purpose + b"\0" + told.encode("utf-8", "surrogatepass")
        return hmac.new(key.encode(), told_bytes, hashlib.sha256).hexdigest()
