"""Answering 202, and having the host log it: as a request of no tokens and no cost, which lets go of its limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from litellm.proxy import proxy_server as host
from litellm.types.utils import Choices, Message, ModelResponse, Usage

from litellm_plugins.proxy.batch.wishes import PATH, told
from litellm_plugins.proxy.calls.own_answer import OwnAnswer
from litellm_plugins.proxy.refusal import Refusal

if TYPE_CHECKING:
    from fastapi import Request
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.batch.queue import Deferred
    from litellm_plugins.proxy.batch.stage import HostBatch
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.ticket import Ticket

_ACCEPTED = 202
_PROVIDER = "openai"


async def put_off(
    pack: Pack, ticket: Ticket, data: dict[str, Any], auth: UserAPIKeyAuth, request: Request
) -> Response | None:
    """The response to a request that waits; None: it does not. Raises: Refusal, and what the host's hooks raise."""
    if pack.batch is None:
        return None
    hooks = host.proxy_logging_obj
    await hooks.during_call_hook(data=data, user_api_key_dict=auth, call_type="acompletion")
    waiting = await _kept(pack, pack.batch, ticket, data)
    if waiting is None:
        await _afford_at_once(pack, ticket, data, auth)
        return None
    pack.pipeline.call_failed(ticket.decision)  # who waits for its answer asks for itself
    pack.calls.put_off(ticket)
    ticket.reviewed = ""  # nobody shall judge the empty answer that is logged
    answer = _as_logged(waiting)
    own = OwnAnswer(pack, ticket, data, auth, request)
    own.prepare_log(data["model"], _PROVIDER, asked=data.get("messages"))
    own.log(answer, cache_hit=False)
    await hooks.update_request_status(litellm_call_id=data.get("litellm_call_id", ""), status="success")
    headers = await own.headers(answer)
    told_where = {"location": f"{PATH}/{waiting.id}", "retry-after": str(pack.batch.look_again_s)}
    return Response(
        orjson.dumps(told(waiting)),
        status_code=_ACCEPTED,
        media_type="application/json",
        headers={**headers, **told_where},
    )


async def _kept(pack: Pack, batch: HostBatch, ticket: Ticket, data: dict[str, Any]) -> Deferred | None:
    """As `HostBatch.keep`. What is reserved goes with it, before it does: if nobody knows whether it was kept (this is
    cancelled, or the store has not said), that must be there for its answer, or lapse.
    """
    held, budgets = ticket.held, pack.budgets
    if held is None or budgets is None:
        return await batch.keep(ticket, data)
    budgets.handed_on(held)
    try:
        waiting = await batch.keep(ticket, data)
    except Refusal:
        if ticket.put_off is None or not ticket.put_off.is_unsure:
            budgets.taken_back(held)
        raise
    if waiting is None:
        budgets.taken_back(held)
    return waiting


async def _afford_at_once(pack: Pack, ticket: Ticket, data: dict[str, Any], auth: UserAPIKeyAuth) -> None:
    """It cannot wait after all: reserve what it costs now, for as long as a call takes. Raises: BudgetRefusal."""
    before, decision, routing = ticket.held, ticket.decision, pack.routing
    if before is None or pack.budgets is None:
        return
    more = () if routing is None else (partial(routing.lowered, ticket),)
    held = await pack.budgets.admit(str(ticket), decision.request, data, auth, decision.own, *more)
    if held.admission.reserved:
        pack.budgets.handed_on(before)  # to what is reserved in its place
    else:  # which leaves the former as it was
        await pack.budgets.released(before)
    ticket.held = held
    if routing is not None:
        routing.tell_lowered(ticket, str(data.get("model") or ""), data)
    pack.budgets.tell(held)


def _as_logged(waiting: Deferred) -> ModelResponse:
    empty = Choices(finish_reason="stop", index=0, message=Message(content="", role="assistant"))
    usage = Usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    answer = ModelResponse(id=waiting.id, model=waiting.model_group, choices=[empty], usage=usage)
    answer._hidden_params["response_cost"] = 0.0
    return answer
