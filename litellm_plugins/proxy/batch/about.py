"""What is kept beside a deferred request, to book and to tell its end: whoever does that never saw it come."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.model import Layer
from litellm_plugins.telemetry.events import CallFinished, DeferralEnded

if TYPE_CHECKING:
    from litellm_plugins.batch.provider import Ended
    from litellm_plugins.batch.queue import Deferred
    from litellm_plugins.model import Identity, Request
    from litellm_plugins.proxy.budgets.held import Held

_ENDINGS = {"completed": "success", "cancelled": "gone"}


@dataclass(frozen=True, slots=True)
class About:
    """Of one request. No prompt and no key."""

    ledger_id: str  # what its reservation is known by
    model_group: str  # as asked
    team: str = ""
    key: str = ""
    user: str = ""
    end_user: str = ""
    feature: str = ""
    call_id: str = ""  # the host's
    trace_id: str = ""
    took_ms: float = 0.0  # until its client was told that it waits
    budgets: tuple[str, ...] = ()
    reserved_nano_usd: int = 0
    reserved_tokens: int = 0
    own_nano_usd: int = 0  # what looking it up in the cache has cost

    def written(self) -> bytes:
        """As JSON."""
        return orjson.dumps(asdict(self))

    @classmethod
    def of(cls, request: Deferred) -> About:
        """What was kept beside it; fields of a later version are passed over."""
        told: dict[str, Any] = orjson.loads(request.about)
        known = {name: told[name] for name in cls.__dataclass_fields__ if name in told}
        return cls(**{**known, "budgets": tuple(known.get("budgets", ()))})

    @property
    def reserved(self) -> Amounts:
        """What is held for it."""
        return Amounts(self.reserved_nano_usd, self.reserved_tokens, 1)


def about(request: Request, held: Held | None, *, ledger_id: str, call_id: str, trace_id: str, took_ms: float) -> About:
    """Of a request that is being put off."""
    who: Identity = request.identity
    reserved = held.admission if held is not None and held.admission.reserved else None
    return About(
        ledger_id=ledger_id,
        model_group=request.model_group,
        team=who.team_name,
        key=who.key_name,
        user=who.user_id or "",
        end_user=who.end_user_id or "",
        feature=request.feature,
        call_id=call_id,
        trace_id=trace_id,
        took_ms=took_ms,
        budgets=() if reserved is None else tuple(dict.fromkeys(line.budget for line in reserved.lines)),
        reserved_nano_usd=0 if reserved is None else reserved.amount.nano_usd,
        reserved_tokens=0 if reserved is None else reserved.amount.tokens,
        own_nano_usd=0 if held is None else held.own.take(),
    )


def ended(over: Ended) -> DeferralEnded:
    """That it is over."""
    told, paid = About.of(over.request), over.paid
    return DeferralEnded(
        status=str(over.status),
        reason=over.request.reason,
        model_group=told.model_group,
        team=told.team,
        key=told.key,
        feature=told.feature,
        waited_s=max(0.0, over.at_s - over.request.created_s),
        spent_nano_usd=paid.nano_usd,
        saved_nano_usd=max(0, paid.usual_nano_usd - paid.nano_usd),
    )


def finished(over: Ended) -> CallFinished:
    """The end of the client's request, as of any other. Its time is what its client waited for a word."""
    told, paid, request = About.of(over.request), over.paid, over.request
    ending = _ENDINGS.get(over.status, "failure")
    return CallFinished(
        at_s=over.at_s,
        endpoint="chat",
        model_group=told.model_group,
        layer=Layer.MISS,
        ending=ending,
        reason=request.reason,
        fault="server" if ending == "failure" else "",
        model=request.model_group if ending == "success" else "",
        deployment=paid.deployment,
        provider=paid.provider,
        team=told.team,
        key=told.key,
        user=told.user,
        end_user=told.end_user,
        feature=told.feature,
        prompt_tokens=paid.prompt_tokens,
        cached_prompt_tokens=paid.cached_prompt_tokens,
        completion_tokens=paid.completion_tokens,
        spent_nano_usd=paid.nano_usd,
        own_nano_usd=told.own_nano_usd,
        took_ms=told.took_ms,
        attempts=1 if request.batch else 0,
        call_id=told.call_id,
        trace_id=told.trace_id,
    )
