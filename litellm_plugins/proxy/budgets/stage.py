"""The budgets in the running proxy: before the router, at the deployment, and on every way out."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.amounts import NOTHING
from litellm_plugins.budgets.enforcement import Deferral, Enforcement
from litellm_plugins.budgets.estimate import FREE, reserved_for
from litellm_plugins.budgets.policy import BudgetPolicy
from litellm_plugins.budgets.settling import Bookkeeper
from litellm_plugins.model import BudgetReason, BudgetState
from litellm_plugins.proxy.budgets import costs
from litellm_plugins.proxy.budgets.callers import caller_of
from litellm_plugins.proxy.budgets.drains import Drains
from litellm_plugins.proxy.budgets.ends import by_its_end, overheard
from litellm_plugins.proxy.budgets.events import decided
from litellm_plugins.proxy.budgets.further import after, goes_on, logged_by
from litellm_plugins.proxy.budgets.held import Held
from litellm_plugins.proxy.budgets.own_searches import OwnSearches
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.budgets.refusal import BudgetRefusal
from litellm_plugins.proxy.budgets.replies import is_json, is_message, tells_usage
from litellm_plugins.proxy.budgets.settling import Settler, of_prompts_left
from litellm_plugins.proxy.budgets.streams import overhear
from litellm_plugins.proxy.budgets.tariff import BY_TOKENS, MCP_TOOL, HostTariff
from litellm_plugins.proxy.budgets.tasks import beside, is_busy
from litellm_plugins.proxy.budgets.tokens import Asked, cap_output
from litellm_plugins.proxy.budgets.unreserved import Unreserved
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.host.conversion import endpoint_of, identity_of
from litellm_plugins.proxy.host.deployment import group_called
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.telemetry.events import StageFailed
from litellm_plugins.telemetry.sinks.headers import budget_headers

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth
    from starlette.responses import StreamingResponse

    from litellm_plugins.budgets.ledger import Ledger
    from litellm_plugins.cache.own_calls import OwnCalls
    from litellm_plugins.errors import StoreUnavailable
    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceList
    from litellm_plugins.settings import Settings
    from litellm_plugins.settings.budgets import Ledger as Rules
    from litellm_plugins.telemetry.events import Telemetry

_SETTLED_WITHIN_S, _LOOKED_EVERY_S = 3.0, 0.05
_LAST_EVENTS_S = 1.0
_PLACES = ("metadata", "litellm_metadata")
_UNSURE = frozenset({BudgetReason.LEDGER_UNAVAILABLE, BudgetReason.LEDGER_UNAVAILABLE_ALLOWED})
_OURS = "litellm_plugins"  # in a key's or a team's metadata


@dataclass(frozen=True, slots=True)
class Later:
    """That a request may be answered later: at these prices, with what it may cost held for so long."""

    prices: PriceList
    lease_ms: int
    is_required: bool


def host_budgets(settings: Settings, ledger: Ledger, telemetry: Telemetry) -> HostBudgets | None:
    """None where the settings name no budget, and no ledger for those that keys and teams bring along."""
    overrides = [*settings.per_team.values(), *settings.per_key.values()]
    if not (settings.budgets or any(each.budgets for each in overrides) or "ledger" in settings.model_fields_set):
        return None

    def failed(exc: StoreUnavailable) -> None:
        telemetry.emit(StageFailed("ledger", exc.reason, str(exc)))

    enforcement = Enforcement(
        policy=BudgetPolicy(settings), ledger=ledger, rules=settings.ledger, clock_ms=now_ms, failed=failed
    )
    return HostBudgets(
        enforcement=enforcement,
        bookkeeper=Bookkeeper(ledger, clock_ms=now_ms, failed=failed),
        book=PriceBook(settings.ledger.prices, router=host_router),
        rules=settings.ledger,
        telemetry=telemetry,
    )


def now_ms() -> int:
    """UNIX milliseconds."""
    return time.time_ns() // 1_000_000


class HostBudgets:
    """One for all requests of a worker."""

    def __init__(
        self,
        *,
        enforcement: Enforcement,
        bookkeeper: Bookkeeper,
        book: PriceBook,
        rules: Rules,
        telemetry: Telemetry,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._enforcement, self._bookkeeper, self._book = enforcement, bookkeeper, book
        self._rules, self._telemetry, self._timer = rules, telemetry, timer
        drained = rules.left_streams == "drain"
        self._drains = Drains(at_once=rules.drains_at_once, seconds=rules.drain_s) if drained else None
        self.unreserved = Unreserved(enforcement, bookkeeper, book, telemetry)
        self._settler = Settler(bookkeeper, self.unreserved, rules, telemetry, timer=timer)
        self.searches = OwnSearches()
        self._held: weakref.WeakSet[Held] = weakref.WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Look after leases, beside the requests. Raises: RuntimeError where no loop runs."""
        self._bookkeeper.start()

    async def aclose(self) -> None:
        """Stop that, once what is under way is settled, or soon: the host tells of a call after it is answered."""
        if self._drains is not None:
            await self._drains.aclose()
        until = self._timer() + _SETTLED_WITHIN_S
        while self._timer() < until and (is_busy() or any(held.called and not held.settled for held in self._held)):  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)
        for held in [each for each in self._held if each.heard.is_over and not each.settled]:
            await self._settler.as_heard(held)  # the host has nothing to say of it
        await self._bookkeeper.aclose()

    # Stage 4

    async def admit(
        self,
        call_id: str,
        request: Request,
        data: dict[str, Any],
        auth: UserAPIKeyAuth,
        own: OwnCalls,
        lowered: Callable[[str], str] = lambda model: model,
        later: Later | None = None,
    ) -> Held:
        """Reserve for `request`. Where it is degraded, `data` says so afterwards. It also pays for its `own` calls.

        `later`: it may be answered later, and costs less then.
        """
        started = self._timer()
        self._loop = asyncio.get_running_loop()
        caller = caller_of(request.identity, request.feature, data, auth)
        asked, team_id = Asked(data, request.endpoint), request.identity.team_id
        tariff = HostTariff(self._book, asked, rules=self._rules, team_id=team_id)
        model = str(data.get("model") or "")
        deferral = None
        if later is not None:
            cheaper = HostTariff(later.prices, asked, rules=self._rules, team_id=team_id)
            deferral = Deferral(cheaper, later.lease_ms, later.is_required)
        try:
            admission = await self._enforcement.admit(call_id, caller, tariff, model, lowered, deferral)
        except BaseException:  # the asker is gone, or a fault of ours: what is reserved by then is nobody's
            self._bookkeeper.release(call_id)
            raise
        change = admission.change
        if change is not None and not admission.is_denied:
            if change.model is not None:
                data["model"] = change.model
            if change.max_tokens is not None and request.endpoint in BY_TOKENS:
                cap_output(data, request.endpoint, change.max_tokens)
        event = decided(admission, caller, model, self._timer() - started)
        held = Held(
            call_id, caller=caller, tariff=tariff, admission=admission, event=event, own=own, lost=self._was_lost
        )
        self._held.add(held)
        self.searches.asks(str(data.get("litellm_call_id") or call_id), held)
        return held

    @staticmethod
    def handed_on(held: Held) -> None:
        """It is answered later: whoever does that settles what is held for it."""
        held.settled = True

    @staticmethod
    def taken_back(held: Held) -> None:
        """It is not answered later after all."""
        held.settled = False

    def tell(self, held: Held) -> None:
        """Announce what was decided. Raises: BudgetRefusal, where that is a refusal."""
        self._telemetry.emit(held.event)
        if held.event.state is BudgetState.DENIED:
            raise BudgetRefusal(held.admission.verdict, budget_headers(held.event), in_router=False)

    async def answered_by_cache(self, held: Held) -> None:
        """A laxer match was found for it, and so it is not made."""
        if held.event.state is BudgetState.DENIED:
            held.event = replace(held.event, state=BudgetState.DEGRADED, reason=BudgetReason.DEGRADED_AT_LIMIT)
        await self._settler.settle(held, NOTHING, "success")

    @property
    def has_gate(self) -> bool:
        """Whether what nobody says the cost of is to be refused before it gets to a hook."""
        return self._rules.uncovered == "deny"

    def pass_through(self, data: Mapping[str, Any], auth: UserAPIKeyAuth, feature: str = "") -> None:
        """Of a request of which nobody will say what it costs. Raises: BudgetRefusal."""
        started = self._timer()
        caller = caller_of(identity_of(auth), feature, data, auth)
        admission = self._enforcement.uncovered(caller)
        if admission.is_denied:
            event = decided(admission, caller, "", self._timer() - started)
            self._telemetry.emit(event)
            raise BudgetRefusal(admission.verdict, budget_headers(event), in_router=False)

    # Stage 6b

    async def at_deployment(
        self, first: Held, kwargs: Mapping[str, Any], metadata: Mapping[str, Any], call_type: str = ""
    ) -> None:
        """The deployment is known: hold what it may cost, and say that it is being called. Raises: BudgetRefusal.

        For a request of which the host has made a call already this is another one, held on its own.
        """
        started, held = self._timer(), first.latest
        if goes_on(held, kwargs):
            await self._settler.by_reply(held)
            held = after(first, kwargs, call_type, book=self._book, rules=self._rules, lost=self._was_lost)
            self._held.add(held)
            if held.stream is not None and not first.heard.is_listened_to:
                beside(self._settler.watch(weakref.ref(first)))
        elif held.settled:
            return
        elif held.asked:  # the host tries it again because of what it has just caught
            held.heard.tried_again(sys.exception())
        log = kwargs.get("litellm_logging_obj")
        if log is not None:
            held.log = weakref.ref(log)  # it knows the ticket, and so this: no ring that would keep both
        group = group_called(kwargs, metadata)
        info = kwargs.get("model_info") or metadata.get("model_info") or {}
        listing = self._book.listing(group, {"litellm_params": kwargs, "model_info": info})
        offer = await held.tariff.at(listing, kwargs, endpoint_of(call_type))
        if held.is_further:  # of requests a budget counts those of clients
            offer = replace(offer, amount=replace(offer.amount, requests=0), before=first.paid_in_all or NOTHING)
        now = await self._enforcement.reprice(held.call_id, held.caller, held.admission, offer)
        if now.is_denied:
            held.event = decided(now, held.caller, group, self._timer() - started)
            self._telemetry.emit(held.event)
            if held.is_further and not held.admission.reserved:
                first.further.remove(held)  # should the host try again, that is for the first time
                held.settled = True
            raise BudgetRefusal(now.verdict, budget_headers(held.event), in_router=True)
        held.admission = now
        held.tokenizer, held.given = listing.tokenizer, None if listing.is_priced else listing.given
        held.price, held.prompt_tokens = await held.tariff.prompt(listing)
        if now.reserved:
            await self._enforcement.called(held.call_id)
        held.called = True

    def asked(self, first: Held) -> None:
        """A provider is being asked, now."""
        held = first.latest
        held.asked, held.reply, held.raw = True, None, None

    def heard_from(self, first: Held, raw: object) -> None:
        """What a provider has answered, in its own JSON; of a stream the host hands over something else."""
        first.latest.raw = raw if is_json(raw) else None

    async def answered(self, first: Held, reply: Any) -> None:
        """A call was answered. Each of the host's layers says so of the same answer, the innermost first."""
        first.answered, held = True, first.latest
        if held.asked and held.reply is None and tells_usage(reply):
            held.reply = reply
            if held.is_further:
                await self._settler.by_reply(held)
        else:
            await self.made_up(first, reply)

    async def made_up(self, first: Held, reply: Any) -> None:
        """A message goes out. If no provider was asked for it, it is the host's own: it has searched the web itself."""
        held = first.latest
        if not held.asked and is_message(reply):
            await self._settler.settle(held, of_prompts_left(held), "success")

    def attempt_failed(self, held: Held, exception: BaseException) -> None:
        """One try is given up, and perhaps another follows."""
        held = held.latest
        held.asked, held.reply, held.raw = False, None, None
        if costs.was_read(exception):
            held.left.append(held.price)

    def left_behind(self, first: Held) -> None:
        """Its latest call is over as far as its client goes, and another model will be asked as well."""
        first.latest.left_behind = True

    async def given_up(self, first: Held) -> None:
        """The latest call after the first has failed, and is not missed."""
        latest = first.latest
        if latest is not first:
            await self._settler.settle(latest, of_prompts_left(latest), "failure")

    # Stage 9

    async def succeeded(self, first: Held, kwargs: Mapping[str, Any]) -> None:
        """The host logs a call as a success."""
        held = logged_by(first, kwargs)
        actual = costs.of_success(kwargs, held.given, otherwise=held.price)
        asked = costs.prompt_tokens(kwargs)
        if held.tariff.is_by_pieces and actual.requests and not actual.nano_usd:  # the host could not reckon it
            actual = replace(actual, nano_usd=held.admission.amount.nano_usd)
        if held.is_further or held.tariff.endpoint == MCP_TOOL:
            actual = replace(actual, requests=0)
        for price in held.left:
            actual += costs.of_prompt(price, asked)
        counts = bool(actual.requests) or held.has_own_stream
        if counts and not actual.tokens and held.heard.streams:  # legacy completions: the host counts nothing
            actual = await overheard(held, asked=asked)
        elif held.heard.earlier:
            again, more = await held.heard.tokens_before(held.tokenizer, asked)
            actual += replace(reserved_for(held.price, prompt_tokens=again, output_tokens=more), requests=0)
        if actual != NOTHING and (held.has_own_stream or not first.further):  # else what is heard is another's
            await self._settler.until_ended(held)
            actual = await by_its_end(held, self._rules, actual, asked=asked)
        if held.is_further:
            actual = replace(actual, requests=0)
        await self._settler.settle(held, actual, "success")

    async def failed(
        self, held: Held, request_data: Mapping[str, Any], *, streamed: bool, fault: BaseException | None = None
    ) -> None:
        """The host answers with an error, or ends a stream with one."""
        latest = held.latest
        if latest is not held and not streamed:
            await self._settler.settle(latest, of_prompts_left(latest), "failure")
        if held.answered or held.left_behind:  # the call itself was answered, and its success is about to be logged
            return
        if streamed:
            held.heard.hear_broken(fault)
            streamed = not (held.heard.is_silent and costs.was_turned_away(fault))
        actual = costs.of_failure(request_data, held.given, streamed=streamed)
        if streamed:
            asked = costs.failed_prompt_tokens(request_data)
            if not actual.nano_usd and held.price != FREE:
                actual = await overheard(held, asked=asked)
            actual = await by_its_end(held, self._rules, actual, asked=asked)
        await self._settler.settle(held, actual, "failure")

    def drains(self, held: Held) -> bool:
        """Whether it is read on, should its client leave."""
        return self._drains is not None and bool(held.admission.coverings)

    def overhear(
        self, first: Held, held: Held, response: StreamingResponse, stream: Any, over: Callable[[], None]
    ) -> None:
        """Listen to the stream that answers `held`, one of the calls of `first`; `over` is called after its end.

        A dearer model that is asked in place of that has a stream of its own, and an end of its own.
        """
        made = first.stream

        def ended() -> None:
            answering = first.calls_answering(held)
            for each in answering:
                if not each.settled:
                    self._settler.lost(each)
            for each in (first, *answering):
                if each.stream is made:
                    each.stream = None
            over()

        held.heard.when_over = lambda: self._settler.streams(first.calls_answering(held)[1:])
        drains, whose = self._drains if self.drains(held) else None, tenant_of(held.caller.identity)
        overhear(response, stream, held.heard, ended, drains=drains, whose=whose)

    async def released(self, held: Held) -> None:
        """It is not made after all; what was left while its provider worked has been read there."""
        for each in held.calls:
            await self._settler.settle(each, of_prompts_left(each), "failure")

    def _was_lost(self, held: Held) -> None:
        """Called by the garbage collector, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the lease will lapse
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._settler.lost, held)
