"""Scores that reviewers gave in Langfuse, as verdicts: each change of one is read once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from litellm_plugins.errors import NotFound
from litellm_plugins.review.items import Item, Source, State, Verdict
from litellm_plugins.review.langfuse_client import LangfuseFailed
from litellm_plugins.review.sync_store import Note, SyncStore

if TYPE_CHECKING:
    from litellm_plugins.review.langfuse_client import LangfuseClient

OVERLAP_S = 3_600.0  # read again: clocks differ, scores come in late, and a reviewer may change one
FIRST_S = 30 * 86_400.0  # what the first sync looks back
_PATH = "/v2/scores"
_CURSOR = "scores"
_LONGEST = 2_000
_RIGHT = frozenset({"right", "correct", "true", "yes", "good"})
_WRONG = frozenset({"wrong", "incorrect", "false", "no", "bad"})

Json = dict[str, Any]


@dataclass(slots=True)
class Scored:
    """What became of the scores that were new."""

    read: int = 0
    verdicts: int = 0
    unknown: int = 0  # of traces of which no item is kept
    unreadable: int = 0  # neither right nor wrong
    overtaken: int = 0  # somebody has said otherwise since then, and not in Langfuse


class Judging(Protocol):
    """Takes verdicts."""

    async def judge(self, item_id: str, verdict: Verdict, by: str, *, source: Source, comment: str) -> Json:
        """As `ReviewDesk.judge`."""

    async def take(self, given: Mapping[str, Any], *, actor: str) -> Json:
        """As `ReviewDesk.take`."""


class Items(Protocol):
    """Items by their ids, or by the names of their traces."""

    async def find(self, id_: str) -> Item | None:
        """As `ItemStore.find`."""

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        """As `ItemStore.named`."""


class Scores:
    """Of one name, by people (Langfuse's source ANNOTATION): what a model evaluates is nobody's verdict."""

    def __init__(
        self,
        store: SyncStore,
        desk: Judging,
        items: Items,
        name: str,
        *,
        scope: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._desk, self._items, self._name = store, desk, items, name
        self._scope, self._clock = scope, clock

    async def pull(self, client: LangfuseClient, done: Scored) -> None:
        """Take in what came since the last time. Where it breaks off, the next time begins where this one did.

        Raises: LangfuseFailed, StoreUnavailable.
        """
        now = self._clock()
        cursor = (await self._store.noted(self._scope, Note.CURSOR, [_CURSOR])).get(_CURSOR)
        since = max(float(cursor or 0) - OVERLAP_S, now - FIRST_S)
        # Up to a fixed time: what comes in meanwhile would move all others on by one page's end.
        given = {"name": self._name, "source": "ANNOTATION", "fromTimestamp": _iso(since), "toTimestamp": _iso(now)}
        found = [each async for page in client.pages(_PATH, given) for each in page if each.get("id")]
        read = await self._store.noted(self._scope, Note.READ, [_key(each) for each in found])
        for score in sorted(found, key=_order):  # the last word is what holds
            key = _key(score)
            if key not in read:
                read[key] = ""
                await self._take(score, done)
                await self._store.note(self._scope, Note.READ, {key: ""})
        if client.short:  # what is missing may come yet: the next time begins where this one did
            raise LangfuseFailed("short_page", "some rows of a page were not in it")
        await self._store.note(self._scope, Note.CURSOR, {_CURSOR: repr(now)})

    async def _take(self, score: Json, done: Scored) -> None:
        done.read += 1
        verdict, trace = verdict_of(score), str(score.get("traceId") or "")
        if verdict is None:
            done.unreadable += 1
            return
        by = f"langfuse:{score.get('authorUserId') or 'unknown'}"[:_LONGEST]
        comment = str(score.get("comment") or "")[:_LONGEST]
        pushed = (await self._store.noted(self._scope, Note.PUSHED, [trace])).get(trace)
        item = await self._items.find(pushed) if pushed else None
        if not pushed and trace:
            item = await self._items.named(trace, tenant=None)
        if item is not None and _is_overtaken(item.state, verdict, score):
            done.overtaken += 1
            return
        try:
            if pushed:  # it was in the queue: nobody pointed at it
                await self._desk.judge(pushed, verdict, by, source=Source.LANGFUSE, comment=comment)
            elif item is not None:
                told = {"trace_id": trace, "verdict": str(verdict), "by": by, "comment": comment}
                await self._desk.take({**told, "source": str(Source.LANGFUSE)}, actor=by)
            else:
                raise NotFound("no item is kept of that trace")
        except NotFound:
            done.unknown += 1
        else:
            done.verdicts += 1


def verdict_of(score: Mapping[str, Any]) -> Verdict | None:
    """A category's or a boolean's word, or a number: 1 is right, 0 is wrong, what lies between says neither."""
    word = score.get("stringValue")
    if isinstance(word, str) and word:
        plain = word.strip().casefold()
        return Verdict.RIGHT if plain in _RIGHT else Verdict.WRONG if plain in _WRONG else None
    value = score.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Verdict.RIGHT if value == 1 else Verdict.WRONG if value == 0 else None


def _is_overtaken(state: State, verdict: Verdict, score: Json) -> bool:
    """Scores of one trace are held against each other by their own times: what was read of them is said only now."""
    if state.verdict in (None, verdict) or state.source is Source.LANGFUSE or state.taken:
        return False
    try:
        at = datetime.fromisoformat(_order(score)[0])
    except ValueError:
        return False
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() < state.judged_at_s


def _key(score: Json) -> str:
    return f"{score['id']}@{score.get('updatedAt') or score.get('timestamp') or ''}"


def _order(score: Json) -> tuple[str, str]:
    return str(score.get("updatedAt") or score.get("timestamp") or ""), str(score["id"])


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
