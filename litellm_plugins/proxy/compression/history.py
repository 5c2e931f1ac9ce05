"""Before stage 5: a conversation that has grown beyond its budget goes out without its old turns, or with a summary."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.own_calls import put_on
from litellm_plugins.compression.bodies import CONVERSATION, as_messages
from litellm_plugins.compression.history import Budget, Item, Plan, plan, without
from litellm_plugins.compression.history_sizes import size_of
from litellm_plugins.compression.memo import Memo
from litellm_plugins.compression.protected import cached_until
from litellm_plugins.compression.summary import NOTE_TOKENS, Part, note_of, parts_of
from litellm_plugins.model import HistoryOutcome, HistoryReason
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.compression.history_summaries import Summaries
from litellm_plugins.proxy.compression.models import input_nano_usd, marks_of_host, read_share, tokenizer_of
from litellm_plugins.proxy.compression.replaced import Replaced, Shortened
from litellm_plugins.proxy.compression.summary_stores import open_summaries
from litellm_plugins.proxy.host.token_counts import remembered_tokens
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.settings import history_anywhere
from litellm_plugins.telemetry.events import HistoryCut, StageFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm import Router

    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.settings import Policies, Settings
    from litellm_plugins.settings.history import History
    from litellm_plugins.telemetry.events import Telemetry

_ENDPOINTS = frozenset({"chat", "messages", "responses"})
_AT_PROVIDER = ("previous_response_id", "conversation")  # where earlier turns lie
_MORE = "extra_body"
_REFERENCE = "item_reference"  # to what lies at the provider: neither its length nor what it is known
_THREADS, _MOST_WAITING, _MOST_COUNTED = 2, 32, 65_536


@dataclass(frozen=True, slots=True)
class _Outcome:
    reason: HistoryReason
    cut: Plan | None = None
    outcome: HistoryOutcome = HistoryOutcome.WHOLE
    note: tuple[dict[str, str], ...] = ()
    note_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """One conversation, and what holds for it."""

    items: Sequence[Item]
    view: Mapping[str, Any]  # with the marks that the host will set
    rules: History
    tokenizer: str
    tenant: str
    ends: float  # on the clock that does not go back


class HostHistory:
    """One for all requests of a worker."""

    def __init__(
        self,
        policies: Policies,
        book: PriceBook,
        telemetry: Telemetry,
        *,
        summaries: Summaries | None = None,
        timer: Callable[[], float] = time.perf_counter,
        router: Callable[[], Router | None] = host_router,
    ) -> None:
        self._policies, self._book, self._telemetry, self._timer = policies, book, telemetry, timer
        self._summaries, self._router = summaries or Summaries(), router
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="history")
        self._waiting = 0
        self._counted: Memo[int] = Memo(most=_MOST_COUNTED)

    async def aclose(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._summaries.aclose()

    async def shorten(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """Replace the conversation in `data` by a shorter one. Never raises: in doubt it stays as it is."""
        request = ticket.decision.request
        if request.endpoint not in _ENDPOINTS:
            return
        try:
            policy = self._policies.compression_for(request.identity, request.model_group, request.feature)
            if not policy.enabled or policy.history.max_tokens is None:
                return
            with put_on(ticket.decision.own), ticket.decision.steps.measured("history"):
                shortened = await self._shortened(policy.history, request, data)
            shortened.put_into(data)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("history", exc)
            return
        ticket.history = shortened

    def settle(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        """Know the conversation by what later stages have made of it; but compression puts back what it was given."""
        shortened = ticket.history
        later: Mapping[str, Any] = {} if ticket.compressed is None else ticket.compressed.fields
        if shortened is not None:
            fields = {
                name: (was, sent if name in later else data.get(name, sent))
                for name, (was, sent) in shortened.fields.items()
            }
            ticket.history = replace(shortened, fields=fields)

    def tell(self, ticket: Ticket) -> None:
        """Once a budget has had its say: what is refused has saved nothing."""
        shortened = ticket.history
        if shortened is not None and not shortened.told:
            ticket.history = replace(shortened, told=True)
            self._telemetry.emit(shortened.event)

    async def _shortened(self, rules: History, request: Request, data: Mapping[str, Any]) -> Shortened:
        started, name = self._timer(), CONVERSATION[request.endpoint]
        listings = self._book.listings(str(data.get("model") or ""), request.identity.team_id)
        told = await self._outcome(rules, request, data, tokenizer_of(listings))
        cut, went = told.cut, told.outcome is not HistoryOutcome.WHOLE
        fields = {name: (data[name], without(data[name], cut, told.note))} if cut is not None and went else {}
        before = None if cut is None else cut.tokens_before
        after = before if cut is None or not went else cut.tokens_after + told.note_tokens
        saved = max(0, (before or 0) - (after or 0))
        event = HistoryCut(
            outcome=told.outcome,
            reason=told.reason,
            endpoint=request.endpoint,
            model_group=request.model_group,
            team=request.identity.team_name,
            key=request.identity.key_name,
            feature=request.feature,
            turns=0 if cut is None else cut.turns,
            turns_gone=0 if cut is None or not went else cut.turns_gone,
            tokens_before=before,
            tokens_after=after,
            saved_nano_usd=int(saved * input_nano_usd(listings)),
            took_ms=(self._timer() - started) * 1_000,
        )
        return Replaced(event, fields, read_share=read_share(listings))

    async def _outcome(self, rules: History, request: Request, data: Mapping[str, Any], tokenizer: str) -> _Outcome:
        refusal = _refusal(data, request.endpoint)
        if refusal is not None:
            return _Outcome(refusal)
        items = data[CONVERSATION[request.endpoint]]
        if isinstance(items, str) or len(items) <= rules.keep_turns:  # a text is one turn
            return _Outcome(HistoryReason.WITHIN_BUDGET)
        if self._waiting >= _MOST_WAITING:
            return _Outcome(HistoryReason.BUSY)
        view = as_messages(data, request.endpoint)
        view["cache_control_injection_points"] = marks_of_host(data, view, request, self._router())
        ends = time.monotonic() + rules.deadline_ms / 1_000
        asked = _Asked(items, view, rules, tokenizer, tenant_of(request.identity), ends)
        planned = await self._in_thread(partial(self._planned, asked), asked)
        if planned is None:
            return _Outcome(HistoryReason.DEADLINE)
        cut, parts = planned
        if not cut.turns_gone:
            return _Outcome(_why_nothing(cut), cut)
        if rules.how == "trim":
            return _Outcome(HistoryReason.OVER_BUDGET, cut, HistoryOutcome.TRIMMED)
        return await self._summed_up(asked, cut, parts)

    async def _summed_up(self, asked: _Asked, cut: Plan, parts: Sequence[Part]) -> _Outcome:
        within_s = max(0.0, asked.ends - time.monotonic())
        summary = await self._summaries.of(parts, asked.items, asked.rules, tenant=asked.tenant, within_s=within_s)
        if summary.fault:
            self._telemetry.emit(StageFailed("history", summary.fault, summary.detail))
        if summary.text is None:
            trimmed = asked.rules.on_failure == "trim"
            return _Outcome(summary.reason, cut, HistoryOutcome.TRIMMED if trimmed else HistoryOutcome.WHOLE)
        note = note_of(summary.text, cut.turns_gone)
        tokens = sum(self._size(asked.tokenizer, each) for each in note)  # a few hundred: not worth a thread
        return _Outcome(HistoryReason.OVER_BUDGET, cut, HistoryOutcome.SUMMARISED, note, tokens)

    def _planned(self, asked: _Asked) -> tuple[Plan, tuple[Part, ...]] | None:
        """In a thread. None: too late for it."""
        rules, sizes = asked.rules, list[int]()
        for item in asked.items:
            sizes.append(self._size(asked.tokenizer, item))
            if time.monotonic() > asked.ends:
                return None
        sums_up = rules.how == "summarise"
        note = rules.summary_tokens + NOTE_TOKENS if sums_up else 0
        budget = Budget(rules.max_tokens or 0, rules.target, rules.keep_turns, note)
        cut = plan(asked.items, sizes, budget, cached=cached_until(asked.view, asked.items))
        apart = (asked.tenant, rules.model, rules.summary_tokens)
        return cut, parts_of(asked.items, cut, *apart) if sums_up else ()

    def _size(self, tokenizer: str, item: Item) -> int:
        return size_of(item, partial(remembered_tokens, self._counted, tokenizer))

    async def _in_thread(
        self, work: Callable[[], tuple[Plan, tuple[Part, ...]] | None], asked: _Asked
    ) -> tuple[Plan, tuple[Part, ...]] | None:
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._over)
        done, _ = await asyncio.wait({future}, timeout=max(0.0, asked.ends - time.monotonic()))
        return future.result() if done else None

    def _over(self, future: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # also where nobody waits any more


def host_history(settings: Settings, policies: Policies, book: PriceBook, telemetry: Telemetry) -> HostHistory | None:
    """None where no conversation is cut."""
    if not history_anywhere(settings):
        return None

    def failed(reason: str, detail: str) -> None:
        telemetry.emit(StageFailed("history_sharing", reason, detail))

    summaries = Summaries(store=open_summaries(settings), failed=failed)
    return HostHistory(policies, book, telemetry, summaries=summaries)


def _refusal(data: Mapping[str, Any], endpoint: str) -> HistoryReason | None:
    name, more = CONVERSATION[endpoint], data.get(_MORE)
    if isinstance(more, Mapping) and more.keys() & {name, *_AT_PROVIDER}:
        return HistoryReason.UNSUPPORTED_PARAMETER
    if any(data.get(each) for each in _AT_PROVIDER):
        return HistoryReason.UNSUPPORTED_PARAMETER
    items = data.get(name)
    if isinstance(items, str):
        return None
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        return HistoryReason.UNSUPPORTED_CONTENT
    return HistoryReason.UNSUPPORTED_CONTENT if any(item.get("type") == _REFERENCE for item in items) else None


def _why_nothing(cut: Plan) -> HistoryReason:
    if not cut.is_over:
        return HistoryReason.WITHIN_BUDGET
    return HistoryReason.CACHED_PREFIX if cut.pinned else HistoryReason.LAST_TURNS
