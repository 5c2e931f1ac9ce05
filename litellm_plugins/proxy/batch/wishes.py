"""A client's wish to wait: how it is said, what became of it, and in which words its client is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.batch.queue import Status
from litellm_plugins.batch.wish import UnknownWish, Wish, wish_of
from litellm_plugins.model import DeferReason
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.telemetry.sinks.headers import PREFIX

if TYPE_CHECKING:
    from litellm_plugins.batch.queue import Deferred
    from litellm_plugins.proxy.budgets.stage import Later
    from litellm_plugins.proxy.ticket import Ticket

HEADER = f"{PREFIX}defer"
PATH = "/plugins/deferred"
_IN_METADATA = "metadata.litellm_plugins.defer"
_OURS = "litellm_plugins"
_BAD_WISH = "bad_defer"
_PLACES = ("metadata", "litellm_metadata")
_OUT_OF_ORDER = frozenset(
    {
        DeferReason.STORE_UNAVAILABLE,
        DeferReason.QUEUE_FULL,
        DeferReason.TENANT_QUEUE_FULL,
        DeferReason.LEDGER_UNAVAILABLE,
    }
)
_SAID: Mapping[DeferReason, str] = {
    DeferReason.MODEL_NOT_OFFERED: "requests for this model cannot be put off",
    DeferReason.UNSUPPORTED_PROVIDER: "no deployment of this model has a batch API that this proxy speaks",
    DeferReason.OWN_DEPLOYMENT: "which of this proxy's accounts answers it depends on who asks",
    DeferReason.HOST_BUDGET: "a budget of LiteLLM's own covers it, which does not see what batches cost",
    DeferReason.UNSUPPORTED_ENDPOINT: "only chat completions can be put off",
    DeferReason.STREAMED: "a request that is put off cannot be streamed",
    DeferReason.NO_DELIVERY: "on this path, beside other callbacks, or of nobody in particular, none can be put off",
    DeferReason.LEDGER_UNAVAILABLE: "what it may cost cannot be reserved now",
    DeferReason.STORE_UNAVAILABLE: "it cannot be kept now",
    DeferReason.QUEUE_FULL: "too many requests are put off already",
    DeferReason.TENANT_QUEUE_FULL: "too many requests of yours are put off already",
}

_UNREADABLE = "unreadable"

Json = dict[str, Any]


@dataclass(slots=True)
class PutOff:
    """What became of a client's wish to wait. Rides on the request's ticket."""

    wish: Wish
    later: Later | None = None  # None: it cannot be put off
    reason: DeferReason = DeferReason.WITHIN_BUDGET
    is_on: bool = False  # it is put off
    body: Mapping[str, Any] = field(default_factory=dict)  # for its provider
    is_unsure: bool = False  # the store did not say whether it kept it

    @property
    def outcome(self) -> str:
        """As header, metric and log say it."""
        if self.is_on:
            return "deferred"
        if self.is_unsure or self.reason is DeferReason.NO_ROOM:
            return "refused"
        is_refused = self.wish is Wish.REQUIRE and self.reason is not DeferReason.CACHE_HIT
        return "refused" if is_refused else "immediate"

    @property
    def headers(self) -> dict[str, str]:
        """How its client is told."""
        return {HEADER: self.outcome, f"{HEADER}-reason": str(self.reason)}


def wish_in(data: Mapping[str, Any]) -> Wish | None:
    """What the client says of waiting; None: it may not. Raises: Refusal, where it is another word."""
    try:
        return wish_of(_said(data))
    except UnknownWish as exc:
        raise _refused(_BAD_WISH, f"{HEADER} (or {_IN_METADATA}): {exc}") from None


def is_put_off(ticket: Ticket) -> bool:
    """Whether it is to be answered later."""
    return ticket.put_off is not None and ticket.put_off.is_on


def told(request: Deferred) -> Json:
    """What its client reads of it."""
    body: Json = {
        "id": request.id,
        "object": "deferred.completion",
        "status": str(request.status),
        "model": request.model_group,
        "created_at": int(request.created_s),
        "expires_at": int(request.expires_s),
        "ended_at": None if request.ended_s is None else int(request.ended_s),
        "completion": None,
        "error": None,
    }
    if request.status is Status.COMPLETED and not request.answer:
        body["error"] = {"code": _UNREADABLE, "message": "none of the encryption keys opens the answer"}
    elif request.status is Status.COMPLETED:
        body["completion"] = orjson.loads(request.answer) | {"model": request.model_group}
    elif request.reason:
        error = orjson.loads(request.answer) if request.answer else {}
        body["error"] = {"code": request.reason, "message": error.get("message") or request.reason}
    return body


def refusal(reason: DeferReason, detail: str = "", *, is_unsure: bool = False) -> Refusal:
    """Of a request that is to wait and cannot. `is_unsure`: or does: it is not to be sent again unasked."""
    message = _SAID.get(reason) or f"a batch cannot carry {detail}"
    said = f"This request is not put off, as {HEADER}: require asks for: {message}."
    refused = _refused(str(reason), said, out_of_order=reason in _OUT_OF_ORDER)
    if is_unsure:
        refused.headers |= {"x-should-retry": "false"}  # OpenAI's clients would, after a 503
    return refused


def _refused(reason: str, message: str, *, out_of_order: bool = False) -> Refusal:
    return Refusal(
        reason,
        message=message,
        type="api_error" if out_of_order else "invalid_request_error",
        param=None if out_of_order else "defer",
        code=503 if out_of_order else 400,
        openai_code=reason,
        headers={HEADER: "refused", f"{HEADER}-reason": reason},
    )


def _said(data: Mapping[str, Any]) -> object:
    """The client's word: the header, else the metadata."""
    headers = _mapping(_mapping(data.get("proxy_server_request")).get("headers"))
    if headers.get(HEADER) is not None:
        return headers[HEADER]
    places = (_mapping(_mapping(data.get(place)).get(_OURS)).get("defer") for place in _PLACES)
    return next((said for said in places if said is not None), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
