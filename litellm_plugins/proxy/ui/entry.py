"""The door of the page in the running proxy: who somebody with a key is, and what is said of it in the log."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import orjson
from fastapi import Request
from litellm.proxy._types import ProxyException

from litellm_plugins.ui.attempts import Attempts
from litellm_plugins.ui.door import TOKEN_PREFIX, Door, Opened

AUDIT_LOG = logging.getLogger("litellm_plugins.audit")
_KEY = re.compile(r"[\x21-\x7e]{1,512}")  # what a header can carry
_AFTER_A_GUESS_S = 0.5
_OF_THE_PAGE = frozenset({b"authorization", b"cookie", b"content-length", b"content-type"})


class TooSoon(Exception):
    """This address has guessed too often."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"wait {wait_s:.0f} s")


class Entry:
    """One for each worker."""

    def __init__(self, door: Door) -> None:
        self._door, self._attempts = door, Attempts()

    async def sign_in(self, request: Request, key: str) -> Opened | None:
        """A session for whoever holds this key or token; None: it is neither an admin's nor a team's.

        Raises: TooSoon, NoMasterKey, StoreUnavailable.
        """
        address = request.client.host if request.client else ""
        wait_s = self._attempts.wait_s(address)
        if wait_s > 0:
            raise TooSoon(wait_s)
        self._attempts.failed(address)  # until it proves right: of many at once no more are listened to than in a row
        opened = await self._opened(request, key.strip())
        if opened is None:
            said("ui_sign_in_refused", address=address)
            await asyncio.sleep(_AFTER_A_GUESS_S)
            return None
        self._attempts.succeeded(address)
        said("ui_signed_in", actor=opened.kept.by, role=str(opened.kept.role), address=address)
        return opened

    async def _opened(self, request: Request, key: str) -> Opened | None:
        if not _KEY.fullmatch(key):
            return None
        if key.startswith(TOKEN_PREFIX):
            return await self._door.open_with(key)
        from litellm_plugins.proxy.admin_http import admin_of  # it brings the host's whole server

        try:
            by = await admin_of(_with_key(request, key))
        except ProxyException:
            return None
        except Exception as exc:  # noqa: BLE001 - the host's own auth raises what it likes for a key it does not know
            said("ui_sign_in_fault", kind=type(exc).__name__)
            return None
        return await self._door.open_for_admin(by)


def said(event: str, **what: Any) -> None:
    """A line of the audit log; never a key."""
    AUDIT_LOG.info("%s", orjson.dumps({"event": event, **what}).decode())


def _with_key(request: Request, key: str) -> Request:
    """The same client, asking with this key for a path that only admins may ask for."""

    async def nothing() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(name, value) for name, value in request.scope["headers"] if name not in _OF_THE_PAGE]
    headers.append((b"authorization", b"Bearer " + key.encode("ascii")))
    scope = {**request.scope, "method": "GET", "headers": headers, "query_string": b"", "state": {}}
    return Request(scope, nothing)
