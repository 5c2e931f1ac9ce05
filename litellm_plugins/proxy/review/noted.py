"""What a review or a fit changed for everybody, in the audit journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.cache.admin.service import AUDIT_LOG
from litellm_plugins.errors import StoreUnavailable

if TYPE_CHECKING:
    from litellm_plugins.cache.admin.audit import Journal

ACTION = "verdict"
Note = Callable[[str, Mapping[str, Any]], Awaitable[None]]


def noted_in(journal: Journal, clock: Callable[[], float], action: str = ACTION) -> Note:
    """Into the log first: it was done, whether or not the journal can say so."""

    async def note(actor: str, what: Mapping[str, Any]) -> None:
        AUDIT_LOG.info("%s", orjson.dumps({"event": action, "actor": actor, "count": 1, "what": what}).decode())
        try:
            await journal.append(Record(clock(), actor, action, 1, what))
        except StoreUnavailable as exc:
            AUDIT_LOG.warning("%s by %s could not be written into the journal: %s", action, actor, exc)

    return note
