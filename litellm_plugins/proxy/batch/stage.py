"""Deferral in the running proxy: which requests wait, and what becomes of them."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import litellm
import orjson

from litellm_plugins.batch.provider import Ended
from litellm_plugins.batch.queue import Deferred, Put, Status
from litellm_plugins.batch.wish import Wish, body_for, has_audio, left_out
from litellm_plugins.batch.worker import HELD_ON_S, Worker
from litellm_plugins.errors import NotFound, PluginError, StoreUnavailable
from litellm_plugins.model import BudgetReason, DeferReason, Reason
from litellm_plugins.proxy.batch.about import About, about, ended, finished
from litellm_plugins.proxy.batch.whose import fetched_by, goes_elsewhere, has_host_budget
from litellm_plugins.proxy.batch.wishes import Json, PutOff, refusal, told, wish_in
from litellm_plugins.proxy.budgets.stage import Later
from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import DeferralDecided, DeferralsMeasured, StageFailed

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.batch.queue import Queue
    from litellm_plugins.model import Identity
    from litellm_plugins.proxy.batch.books import HostBooks
    from litellm_plugins.proxy.batch.prices import BatchBook
    from litellm_plugins.proxy.batch.provider import OpenAiBatches
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.settings.batch import Batch as Rules
    from litellm_plugins.telemetry.events import Telemetry

STAGE = "batch"
# In a client's body beside what a model reads: the host's affair, and done by the time it is put off.
_DONE = frozenset({"metadata", "litellm_metadata", "cache", "stream_options", "tags", "timeout", "num_retries"})
_NO_PLACE = {Put.FULL: DeferReason.QUEUE_FULL, Put.TENANT_FULL: DeferReason.TENANT_QUEUE_FULL}
_UNSURE = frozenset({"store_timeout", "store_unreachable"})  # of a server: it may have done it all the same


class NotYours(PluginError):
    """It cannot be taken back any more."""

    code = "not_cancellable"
    http_status = 409


class HostBatch:
    """One for all requests of a worker."""

    def __init__(
        self,
        rules: Rules,
        store: Queue,
        provider: OpenAiBatches,
        books: HostBooks,
        prices: BatchBook,
        telemetry: Telemetry,
    ) -> None:
        self._rules, self._store, self._provider = rules, store, provider
        self._prices, self._books, self._telemetry = prices, books, telemetry
        self._worker = Worker(store, provider, books, rules, told=self._tell_end, failed=self._failed)
        self._task: asyncio.Task[None] | None = None

    @property
    def look_again_s(self) -> int:
        """When it may be worth asking what became of a request that was put off just now."""
        return max(1, round(self._rules.window_s + self._rules.poll_every_s))

    # The worker

    def start(self) -> None:
        """Send and fetch, beside the requests. Raises: RuntimeError where no loop runs."""
        self._task = asyncio.get_running_loop().create_task(self._for_ever())

    async def aclose(self) -> None:
        """Stop; another worker goes on where this one stood."""
        if self._task is not None:
            await stop(self._task)
            await self._worker.give_back()
        await self._store.aclose()

    async def _for_ever(self) -> None:
        every_s = self._rules.poll_every_s
        while True:
            await asyncio.sleep(every_s * random.uniform(0.8, 1.2))  # noqa: S311 - so that workers keep no step
            try:
                await self._worker.turn()
                standing = await self._store.standing()
                self._telemetry.emit(DeferralsMeasured(standing[Status.QUEUED], standing[Status.SUBMITTED]))
            except StoreUnavailable as exc:
                self._failed(exc.reason, str(exc))
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and it must not end unseen
                self._failed(str(Reason.INTERNAL_ERROR), type(exc).__name__)

    def _failed(self, reason: str, detail: str) -> None:
        self._telemetry.emit(StageFailed(STAGE, reason, detail))

    def _tell_end(self, over: Ended) -> None:
        self._telemetry.emit(ended(over))
        self._telemetry.emit(finished(over))

    # Before the router

    def consider(self, ticket: Ticket, data: Mapping[str, Any], auth: UserAPIKeyAuth, *, is_in_front: bool) -> None:
        """Whether the request may, and can, be put off. Raises: Refusal, where it is to be and cannot."""
        wish = wish_in(data)
        if wish is None:
            return
        put_off = ticket.put_off = PutOff(wish)
        if ticket.decision.verdict.is_hit:
            put_off.reason = DeferReason.CACHE_HIT
            return
        hindrance, detail = self._hindrance(ticket, data, auth, is_in_front=is_in_front)
        if hindrance is None:
            try:
                put_off.body = self._provider.worded(str(data["model"]), body_for(data))
            except litellm.UnsupportedParamsError as exc:
                hindrance, detail = DeferReason.UNSUPPORTED_PARAMETER, f"this: {exc.message}"
            except Exception as exc:  # noqa: BLE001 - the host will say what is wrong with it, where it is answered at once
                hindrance, detail = DeferReason.UNSUPPORTED_PARAMETER, f"it: {type(exc).__name__}"
        if hindrance is None:
            lease_ms = int((self._rules.max_wait_s + HELD_ON_S) * 1_000)
            put_off.later = Later(self._prices, lease_ms, wish is Wish.REQUIRE)
            return
        put_off.reason = hindrance
        if wish is Wish.REQUIRE:
            self._tell(ticket, put_off)
            raise refusal(hindrance, detail)

    def no_room(self, ticket: Ticket) -> None:
        """A budget has refused it."""
        if ticket.put_off is not None and ticket.put_off.later is not None:
            ticket.put_off.reason = DeferReason.NO_ROOM
            self._tell(ticket, ticket.put_off)

    def decided(self, ticket: Ticket) -> None:
        """The budgets have had their say. Raises: Refusal, where it is to be put off and cannot."""
        put_off, held = ticket.put_off, ticket.held
        if put_off is None:
            return
        if put_off.later is not None:
            unsure = held is not None and held.admission.verdict.reason is BudgetReason.LEDGER_UNAVAILABLE_ALLOWED
            change = None if held is None else held.admission.change
            if put_off.later.is_required:
                put_off.reason = DeferReason.LEDGER_UNAVAILABLE if unsure else DeferReason.REQUIRED
                put_off.is_on = not unsure
            elif change is not None and change.deferred:
                put_off.reason, put_off.is_on = DeferReason.BUDGET, True
        if not put_off.is_on:
            self._tell(ticket, put_off)
            if put_off.reason is DeferReason.LEDGER_UNAVAILABLE:
                raise refusal(put_off.reason)

    def _hindrance(
        self, ticket: Ticket, data: Mapping[str, Any], auth: UserAPIKeyAuth, *, is_in_front: bool
    ) -> tuple[DeferReason | None, str]:
        """Why it cannot be put off, and which part of it is at fault."""
        request, model = ticket.decision.request, str(data.get("model") or "")
        if request.endpoint != "chat":
            return DeferReason.UNSUPPORTED_ENDPOINT, ""
        if request.stream or data.get("stream"):
            return DeferReason.STREAMED, ""
        if not is_in_front or not fetched_by(request.identity):
            return DeferReason.NO_DELIVERY, ""
        if model not in self._rules.models:
            return DeferReason.MODEL_NOT_OFFERED, model
        if goes_elsewhere(data) or not self._provider.is_for_everybody(model, request.identity.team_id):
            return DeferReason.OWN_DEPLOYMENT, model
        if not self._provider.offers(model):
            return DeferReason.UNSUPPORTED_PROVIDER, model
        if has_host_budget(auth):
            return DeferReason.HOST_BUDGET, model
        sent = _mapping(_mapping(data.get("proxy_server_request")).get("body"))
        unsent = left_out({name: value for name, value in sent.items() if name not in _DONE})
        if ticket.output is not None and ticket.output.long is not None:
            unsent.append(
                "tool_choice" if ticket.output.long.of_tool else "response_format"
            )  # in short names, which only an answer at once gets back
        if has_audio(data.get("messages")):
            unsent.append("input_audio")
        return (DeferReason.UNSUPPORTED_PARAMETER, ", ".join(unsent)) if unsent else (None, "")

    # In place of an answer

    async def keep(self, ticket: Ticket, data: Mapping[str, Any]) -> Deferred | None:
        """Put it in the queue. None: it is answered at once after all. Raises: Refusal, where it may not be."""
        put_off, held, request = ticket.put_off, ticket.held, ticket.decision.request
        if put_off is None or not put_off.is_on:
            return None
        now, call = time.time(), ticket.call
        kept = about(
            request,
            held,
            ledger_id=str(ticket),
            call_id=str(data.get("litellm_call_id") or ""),
            trace_id="" if call is None else call.trace_id,
            took_ms=0.0 if call is None else (time.perf_counter() - call.started) * 1_000,
        )
        waiting = Deferred(
            id=f"deferred_{secrets.token_hex(16)}",
            tenant=fetched_by(request.identity),
            model_group=str(data["model"]),
            body=orjson.dumps(put_off.body),
            about=kept.written(),
            created_s=now,
            expires_s=now + self._rules.max_wait_s,
        )
        try:
            most, of_tenant = self._rules.max_waiting, self._rules.max_waiting_of_tenant
            became = await self._store.put(waiting, most=most, most_of_tenant=of_tenant)
            is_kept, put_off.reason = became is Put.KEPT, _NO_PLACE.get(became, put_off.reason)
        except StoreUnavailable as exc:
            self._failed(exc.reason, str(exc))
            is_kept, put_off.reason = False, DeferReason.STORE_UNAVAILABLE
            put_off.is_unsure = exc.reason in _UNSURE and not await self._is_not_there(waiting)
        put_off.is_on = is_kept
        self._tell(ticket, put_off)
        if is_kept:
            return waiting
        if held is not None and not put_off.is_unsure:
            held.own.give_back(About.of(waiting).own_nano_usd)
        if put_off.wish is Wish.REQUIRE or put_off.is_unsure:
            raise refusal(put_off.reason, is_unsure=put_off.is_unsure)
        return None

    async def _is_not_there(self, waiting: Deferred) -> bool:
        """Whether a request that may have been kept was not, or is taken out again."""
        try:
            after = await self._store.cancel(waiting.id, tenant=waiting.tenant, now_s=time.time())
        except StoreUnavailable:
            return False
        return after is None or after.status is Status.CANCELLED

    def _tell(self, ticket: Ticket, put_off: PutOff) -> None:
        request = ticket.decision.request
        who = request.identity
        self._telemetry.emit(
            DeferralDecided(
                put_off.outcome,
                put_off.reason,
                request.model_group,
                team=who.team_name,
                key=who.key_name,
                feature=request.feature,
            )
        )

    # Afterwards

    async def show(self, id_: str, identity: Identity) -> Json:
        """How a request stands. Raises: NotFound, StoreUnavailable."""
        return told(_found(await self._store.find(id_, tenant=fetched_by(identity))))

    async def cancel(self, id_: str, identity: Identity) -> Json:
        """Take it back, while it is in no batch. Raises: NotFound, NotYours, StoreUnavailable."""
        tenant, now = fetched_by(identity), time.time()
        after = _found(await self._store.cancel(id_, tenant=tenant, now_s=now))
        if after.status is not Status.CANCELLED:
            raise NotYours("it is in a batch, or over: it can no longer be taken back")
        if after.ended_s == now:  # else somebody did it before
            self._tell_end(Ended(after, Status.CANCELLED, now))
        await self._books.release(after)
        return told(after)


def _found(request: Deferred | None) -> Deferred:
    if request is None:
        raise NotFound("no such deferred request, or not of this key's")
    return request


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
