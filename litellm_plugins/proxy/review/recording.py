"""Keeps served answers for review, beside the requests: what is needed is taken at once, and read in a thread."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.answers import text_of
from litellm_plugins.model import CompressionReason, Layer, Reason
from litellm_plugins.proxy.review.comparing import A_DAY_S, MOST_A_DAY, Differed, doubtful, item_of
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.proxy.review.texts import LONGEST_ANSWER, LONGEST_QUESTION, LONGEST_WORD, cut, may_keep
from litellm_plugins.proxy.review.undoing import of_fresh, of_hit
from litellm_plugins.proxy.routing.reading import conversation_of, wanted_of
from litellm_plugins.proxy.wire.said import said
from litellm_plugins.review.items import Item, Kind, State, Why, drawn, id_of, pair_of
from litellm_plugins.routing.checks import CHECKS, fault_of
from litellm_plugins.telemetry.events import ReviewKept
from litellm_plugins.telemetry.queue import BoundedQueue, Bounds
from litellm_plugins.telemetry.sinks.langfuse_spans import trace_id_of

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.model import Request
    from litellm_plugins.pipeline import Decision
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.review.store import ItemStore
    from litellm_plugins.settings.review import Review
    from litellm_plugins.telemetry.events import Event, PromptCompressed, RouteDecided

_ENDPOINTS = frozenset({"chat", "messages", "responses", "completions"})
_BOUNDS = Bounds(items=5_000, batch=200, every_s=0.25, tries=3)
_PAIRS = 10_000  # that were found worth a look: once each is enough


@dataclass(frozen=True, slots=True)
class _Seen:
    """One served answer as it went by. `body` is a hit's as it was stored, else as the host logs it."""

    word: str
    decision: Decision
    trace_id: str
    call_id: str
    at_s: float
    body: Any
    is_hit: bool
    routed: RouteDecided | None = None
    is_cheap: bool = False
    compressed: PromptCompressed | None = None
    model: str = ""


class Recorder:
    """One per worker."""

    def __init__(
        self, store: ItemStore, wanted: Review, *, space: Callable[[], str], clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._wanted, self._space, self._clock = store, wanted, space, clock
        self._pairs: OrderedDict[str, str] = OrderedDict()  # the request that it was of: a batch may be read again
        self._tell: Callable[[Event], None] = lambda _: None
        self._differed: tuple[float, int] = (0.0, 0)  # on this day since 1970, so many
        self.queue = BoundedQueue[_Seen | Differed]("review", self._flush, bounds=_BOUNDS)

    def start(self, tell: Callable[[Event], None]) -> None:
        """Begin to write in the background. Raises: RuntimeError where no loop runs."""
        self._tell = tell
        self.queue.start(tell)

    def served(self, ticket: Ticket, trace_id: str, call_id: str) -> None:
        """A request goes by under these names; of a hit, that is all there will be. Never waits."""
        ticket.reviewed = trace_id
        decision = ticket.decision
        entry = decision.verdict.entry
        if entry is not None and decision.request.endpoint in _ENDPOINTS:
            now = self._clock()
            seen = _Seen(str(ticket), decision, trace_id, call_id, now, entry.body, is_hit=True, model=entry.model)
            self.queue.put(seen)

    def answered(self, ticket: Ticket, kwargs: Mapping[str, Any]) -> None:
        """The host logs a fresh answer, which its client got. Never waits."""
        decision = ticket.decision
        if decision.verdict.is_hit or decision.request.endpoint not in _ENDPOINTS or not ticket.reviewed:
            return
        logged = kwargs.get("standard_logging_object")
        logged = logged if isinstance(logged, Mapping) else {}
        call_id = ticket.call.call_id if ticket.call is not None else str(kwargs.get("litellm_call_id") or "")
        routed, compressed = ticket.routed, ticket.compressed
        if routed is not None and routed.event.shadow:
            routed = None  # it was not sent there
        self.queue.put(
            _Seen(
                str(ticket),
                decision,
                ticket.reviewed,
                trace_id_of(call_id) if call_id else "",
                self._clock(),
                logged.get("response"),
                is_hit=False,
                routed=None if routed is None else routed.event,
                is_cheap=routed is not None and routed.ladder.place(routed.event.tier) != len(routed.ladder.rungs) - 1,
                compressed=None if compressed is None else compressed.event,
                model=str(logged.get("model_group") or ""),
            )
        )

    def differed(self, verdict: Verdict, request: Request, rival: Entry) -> None:
        """A fresh answer seemed to differ from the cached one that nearly, or all but, was served. Never waits."""
        now = self._clock()
        seen = doubtful(request, verdict, rival, now) if may_keep(self._wanted) else None
        day, count = now // A_DAY_S, self._differed[1] if self._differed[0] == now // A_DAY_S else 0
        if seen is not None and count < MOST_A_DAY:
            self._differed = (day, count + 1)
            self.queue.put(seen)

    async def _flush(self, batch: Sequence[_Seen | Differed]) -> None:
        items = await asyncio.to_thread(self._read, batch)
        await self._store.add(items)
        for item in items:
            if item.state.why is not Why.NONE:
                self._tell(ReviewKept(str(item.kind), str(item.state.why), item.id, item.team))

    def _read(self, batch: Sequence[_Seen | Differed]) -> list[Item]:
        found: list[Item] = []
        for seen in batch:
            try:
                item = item_of(seen, self._space()) if isinstance(seen, Differed) else self._item(seen)
                found += [] if item is None else [item]
            except Exception:  # noqa: BLE001 - one of a shape that we do not know must not hold the others up
                self.queue.drop("unread")
        return found

    def _item(self, seen: _Seen) -> Item:
        decision, wanted = seen.decision, self._wanted
        request, verdict, entry = decision.request, decision.verdict, decision.verdict.entry
        body = _body(seen.body)
        question = (verdict.keys.question if verdict.keys else None) or conversation_of(request).question
        answer, draw = text_of(body), drawn(seen.word)
        compressed = seen.compressed if _applied(seen.compressed) else None
        routed = seen.routed
        kind = _kind(seen, compressed)
        pair = pair_of(kind, entry.cache_id if entry else seen.word, answer, question)
        check = fault_of([*CHECKS, "doubt"], wanted_of(request), said(body), doubt_from=wanted.doubt_from) \
            if seen.is_cheap and answer else None  # fmt: skip
        is_control = draw < wanted.control_share
        room, age_s = _room(decision), None if entry is None else max(0.0, seen.at_s - entry.created_at)
        why = Why.CONTROL if is_control else self._why(seen, room, age_s, check, compressed, pair)
        keep = may_keep(wanted)
        identity = request.identity
        return Item(
            id=id_of(seen.word),
            kind=kind,
            at_s=seen.at_s,
            tenant=tenant_of(identity),
            team=identity.team_name[:LONGEST_WORD],
            trace_id=seen.trace_id,
            call_id=seen.call_id,
            pair=pair,
            draw=draw,
            control=is_control,
            layer=str(decision.event.layer if seen.is_hit else _layer_of_fresh(decision.event.layer)),
            reason=str(decision.event.reason),
            key=cut(identity.key_name, LONGEST_WORD),
            feature=cut(request.feature, LONGEST_WORD),
            model_group=cut(request.model_group, LONGEST_WORD),
            model=cut(routed.model if routed is not None else seen.model, LONGEST_WORD),
            route="" if seen.is_hit else request.route,
            tier="" if routed is None else routed.tier,
            arm=f"{routed.experiment}:{routed.arm}" if routed is not None and routed.arm else "",
            check=check or "",
            methods="" if compressed is None else "+".join(compressed.methods),
            cache_id=entry.cache_id if entry else "",
            similarity=decision.event.similarity if seen.is_hit else None,
            probability=decision.event.probability if seen.is_hit else None,
            room=room if seen.is_hit else None,
            given=verdict.assessment.given if seen.is_hit and verdict.assessment is not None else None,
            age_s=age_s,
            promised=_promised(decision),
            hit=of_fresh(decision, body, seen.at_s) if entry is None else of_hit(decision, entry, self._space()),
            question=cut(question, LONGEST_QUESTION) if keep else "",
            matched_question=cut(verdict.matched_question or "", LONGEST_QUESTION) if keep else "",
            answer=cut(answer, LONGEST_ANSWER) if keep else "",
            state=State(why=why),
        )

    def _why(
        self,
        seen: _Seen,
        room: float | None,
        age_s: float | None,
        check: str | None,
        compressed: PromptCompressed | None,
        pair: str,
    ) -> Why:
        why, wanted, entry = Why.NONE, self._wanted, seen.decision.verdict.entry
        if room is not None and room < wanted.near and seen.is_hit:
            why = Why.NEAR
        elif age_s is not None and age_s > wanted.old_answer_hours * 3_600 and entry is not None and not entry.pinned:
            why = Why.OLD
        elif check:
            why = Why.LOW_CHECK
        elif compressed is not None and drawn(f"compressed {seen.word}") < wanted.compressed_share:
            why = Why.COMPRESSED
        if why is Why.NONE or self._pairs.setdefault(pair, seen.word) != seen.word:
            return Why.NONE
        if len(self._pairs) > _PAIRS:
            self._pairs.popitem(last=False)
        return why


def _kind(seen: _Seen, compressed: PromptCompressed | None) -> Kind:
    if seen.is_hit:
        return Kind.HIT
    if compressed is not None:
        return Kind.COMPRESSION
    return Kind.ROUTE if seen.routed is not None else Kind.ANSWER


def _applied(compressed: PromptCompressed | None) -> bool:
    return compressed is not None and compressed.reason == CompressionReason.APPLIED


def _layer_of_fresh(layer: Layer) -> Layer:
    return layer if layer in (Layer.BYPASS, Layer.OFF) else Layer.MISS


def _room(decision: Decision) -> float | None:
    """By how much it was above what a hit by meaning needs; None where nothing had to be reached."""
    verdict, fixed = decision.verdict, decision.policy.semantic.threshold
    if verdict.layer is not Layer.SEMANTIC or verdict.reason is Reason.SAME_WORDS:
        return None
    if verdict.assessment is not None:
        return verdict.assessment.probability - verdict.assessment.threshold
    return None if fixed is None or verdict.similarity is None else verdict.similarity - fixed


def _promised(decision: Decision) -> float | None:
    """The rate of errors that is promised to who asked; None where none is."""
    semantic = decision.policy.semantic
    return semantic.max_error_rate if semantic.enabled and semantic.threshold is None else None


def _body(body: Any) -> Mapping[str, Any]:
    if isinstance(body, bytes | str):
        body = orjson.loads(body)
    if hasattr(body, "model_dump"):
        body = body.model_dump()
    return body if isinstance(body, Mapping) else {}
