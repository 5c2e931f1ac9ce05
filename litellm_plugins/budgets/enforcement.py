"""Stage 4: what a request may cost is reserved before it is made, over every budget that covers it.

Where there is no room, or a mark is passed, the request is turned into a cheaper one if the settings say so, and only
then refused. Once the deployment is known its own price takes the place of the estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from litellm_plugins.budgets import verdicts
from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.from_metadata import Holder
from litellm_plugins.budgets.ledger import Granted, Ledger, Line
from litellm_plugins.budgets.policy import Ask, BudgetPolicy, Covering
from litellm_plugins.budgets.verdicts import BudgetVerdict
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import BudgetReason, BudgetState, Identity
from litellm_plugins.settings.budgets import Degrade
from litellm_plugins.settings.budgets import Ledger as Rules

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what for."""

    identity: Identity
    feature: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[Holder, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a request costs at most with one model group, or with one deployment of it."""

    model_groups: tuple[str, ...]  # that may answer, the requested one first
    providers: tuple[str, ...]
    amount: Amounts
    unpriced: bool = False  # at least one of its deployments has no price
    unknown: str = ""  # what of it nobody can say the most of, in words: "web searches"
    before: Amounts = NOTHING  # what earlier calls of the same request cost: a cap on one holds for all of them


class Tariff(Protocol):
    """What one request costs."""

    async def offer(self, model_group: str, max_tokens: int | None) -> Offer | None:
        """With the dearest deployment of the group; None where there is no such group."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was made of a request instead of refusing it."""

    model: str | None = None
    max_tokens: int | None = None
    max_error_rate: float | None = None
    deferred: bool = False  # it is answered later, and costs less

    def and_also(self, wish: Degrade) -> Change:
        """Of two limits the tighter one holds."""
        return Change(
            wish.model or self.model,
            _tighter(self.max_tokens, wish.max_tokens),
            _tighter(self.max_error_rate, wish.max_error_rate),
            self.deferred or wish.defer,
        )

    @property
    def calls_otherwise(self) -> bool:
        """Whether it makes another call of it, and does not only ask more of the cache."""
        return self.deferred or self.model is not None or self.max_tokens is not None


@dataclass(frozen=True, slots=True)
class Deferral:
    """That a request may be answered later."""

    tariff: Tariff  # what it costs then
    lease_ms: int  # for how long that is held
    is_required: bool  # else only where a budget asks for it


@dataclass(frozen=True, slots=True)
class Admission:
    """What was decided for a request, and what is held for it."""

    verdict: BudgetVerdict
    coverings: tuple[Covering, ...] = ()
    amount: Amounts = NOTHING
    reserved: bool = False  # the ledger holds `amount`
    change: Change | None = None

    @property
    def is_denied(self) -> bool:
        """Whether the request is to be refused."""
        return self.verdict.state is BudgetState.DENIED

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those it draws on."""
        return tuple(covering.line for covering in self.coverings)


class Enforcement:
    """One for all requests of a worker. `failed` is told what the ledger could not do."""

    def __init__(
        self,
        *,
        policy: BudgetPolicy,
        ledger: Ledger,
        rules: Rules,
        clock_ms: Callable[[], int],
        failed: Callable[[StoreUnavailable], None],
    ) -> None:
        self._policy, self._ledger, self._rules = policy, ledger, rules
        self._clock_ms, self._failed = clock_ms, failed

    async def admit(
        self,
        call_id: str,
        caller: Caller,
        tariff: Tariff,
        model_group: str,
        lowered: Callable[[str], str] = lambda model: model,
        deferral: Deferral | None = None,
    ) -> Admission:
        """Reserve for the request as it is, or as the settings want it to be.

        `lowered`: what degrading to a model means for this request, which may be cheaper than that already.
        A request that is answered later is not degraded any further.
        """
        later = deferral if deferral is not None and deferral.is_required else None
        offer = await (tariff if later is None else later.tariff).offer(model_group, None)
        if offer is None:  # the host will say so
            return Admission(verdicts.unlimited(BudgetReason.NO_BUDGET))
        now = await self._attempt(call_id, caller, offer, later=later)
        if later is not None:
            return replace(now, change=Change(deferred=True))
        held = now if now.reserved else None
        change, granted_wishes = Change(), set[Degrade]()
        while (wish := _wish_of(now.verdict, deferral)) is not None and wish not in granted_wishes:
            granted_wishes.add(wish)
            change = Change(deferred=True) if wish.defer else change.and_also(wish)
            if change.model is not None:
                model = lowered(change.model)
                change = replace(change, model=None if model == model_group else model)
            reason = BudgetReason.DEGRADED_AT_LIMIT if held is None else BudgetReason.DEGRADED_AT_MARK
            if not change.calls_otherwise:
                return _asking_more_of_the_cache(now, change, reason)
            later = deferral if change.deferred else None
            asked = tariff if later is None else later.tariff
            cheaper = await asked.offer(change.model or model_group, change.max_tokens)
            if cheaper is None:
                break
            now = replace(await self._attempt(call_id, caller, cheaper, degraded=reason, later=later), change=change)
            if now.reserved and later is not None:
                return now
            if later is not None:  # no room to wait either: the rest of what the settings say may do
                deferral, change = None, Change()
            held = now if now.reserved else held
        if now.is_denied and held is not None:  # the cheaper call may not be made: the one that was asked for may
            return replace(held, verdict=replace(held.verdict, state=BudgetState.SOFT, degrade=None))
        return now

    async def reprice(self, call_id: str, caller: Caller, held: Admission, offer: Offer) -> Admission:
        """Reserve for the deployment that is about to be called in place of what is held."""
        if held.reserved and held.amount == offer.amount and self._same_accounts(caller, held, offer):
            return held
        now = await self._attempt(call_id, caller, offer)
        if now.is_denied:
            unknown = now.verdict.reason is BudgetReason.LEDGER_UNAVAILABLE
            return held if unknown and held.reserved and _covers(held.amount, offer.amount) else now
        left = now.verdict.remaining_nano_usd
        verdict = held.verdict if held.coverings else now.verdict
        return replace(now, verdict=replace(verdict, remaining_nano_usd=left), change=held.change)

    def lines(self, caller: Caller, *, model_groups: tuple[str, ...], providers: tuple[str, ...]) -> tuple[Line, ...]:
        """Those that a request would draw on now, for what it costs without being made."""
        offer = Offer(model_groups, providers, NOTHING)
        return tuple(covering.line for covering in self._covering(caller, offer, self._clock_ms()))

    def uncovered(self, caller: Caller) -> Admission:
        """Of a request whose cost can neither be reserved nor seen: refused under any budget, unless set otherwise."""
        ask = Ask(caller.identity, caller.feature, caller.tags, goes_anywhere=True, metadata=caller.metadata)
        coverings = self._policy.covering(ask, now_ms=self._clock_ms())
        if not coverings or self._rules.uncovered == "allow":
            return Admission(verdicts.unlimited(BudgetReason.NO_BUDGET))
        return Admission(verdicts.uncovered(coverings[0]), coverings)

    async def called(self, call_id: str) -> None:
        """A provider is about to be called. Should the ledger be gone, the lease runs on as it is."""
        try:
            await self._ledger.called(call_id, now_ms=self._clock_ms(), lease_ms=self._lease_ms)
        except StoreUnavailable as exc:
            self._failed(exc)

    async def _attempt(
        self,
        call_id: str,
        caller: Caller,
        offer: Offer,
        *,
        degraded: BudgetReason | None = None,
        later: Deferral | None = None,
    ) -> Admission:
        now_ms = self._clock_ms()
        coverings = self._covering(caller, offer, now_ms)
        if not coverings:
            return Admission(verdicts.unlimited(BudgetReason.NO_BUDGET))
        if offer.unpriced and self._rules.unpriced == "deny" and verdicts.in_dollars(coverings):
            return Admission(verdicts.unpriced(coverings, offer.model_groups[0]), coverings)
        if offer.unknown and self._rules.uncovered == "deny" and verdicts.in_dollars(coverings):
            return Admission(verdicts.unknown(coverings, offer.unknown), coverings)
        above = verdicts.above_cap(coverings, offer.amount + offer.before)
        if above is not None:
            return Admission(above, coverings)
        lines = [covering.line for covering in coverings]
        lease_ms = self._lease_ms if later is None else later.lease_ms
        try:
            outcome = await self._ledger.reserve(call_id, lines, offer.amount, now_ms=now_ms, lease_ms=lease_ms)
        except StoreUnavailable as exc:
            self._failed(exc)
            return Admission(verdicts.ledger_unavailable(coverings), coverings, offer.amount)
        if isinstance(outcome, Granted):
            verdict = verdicts.granted(coverings, outcome, offer.amount, degraded=degraded)
            return Admission(verdict, coverings, offer.amount, reserved=True)
        return Admission(verdicts.refused(coverings, outcome, offer.amount, now_ms=now_ms), coverings)

    def _covering(self, caller: Caller, offer: Offer, now_ms: int) -> tuple[Covering, ...]:
        ask = Ask(
            caller.identity,
            caller.feature,
            caller.tags,
            model_groups=offer.model_groups,
            providers=offer.providers,
            metadata=caller.metadata,
        )
        return self._policy.covering(ask, now_ms=now_ms)

    def _same_accounts(self, caller: Caller, held: Admission, offer: Offer) -> bool:
        now = self._covering(caller, offer, self._clock_ms())
        return [(c.line.account, c.line.span.key) for c in now] == [(ln.account, ln.span.key) for ln in held.lines]

    @property
    def _lease_ms(self) -> int:
        return int(self._rules.lease_s * 1_000)


def _wish_of(verdict: BudgetVerdict, deferral: Deferral | None) -> Degrade | None:
    """What the settings make of the request: waiting comes before everything else, where it may wait."""
    wish = verdict.degrade
    if wish is None or not wish.defer:
        return wish
    return wish.without_waiting if deferral is None else Degrade(defer=True)


def _asking_more_of_the_cache(now: Admission, change: Change, reason: BudgetReason) -> Admission:
    if now.is_denied:
        return replace(now, change=change)
    verdict = replace(now.verdict, state=BudgetState.DEGRADED, reason=reason, degrade=None)
    return replace(now, verdict=verdict, change=change)


def _covers(held: Amounts, amount: Amounts) -> bool:
    return all(one >= other for one, other in zip(held, amount, strict=True))


def _tighter(one: _Number | None, other: _Number | None) -> _Number | None:
    given = [each for each in (one, other) if each is not None]
    return min(given) if given else None
