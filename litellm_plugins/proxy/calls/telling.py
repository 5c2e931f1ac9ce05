"""What is told of a request where the host looks for it: response headers, notes on its trace, spans of decisions."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import litellm

from litellm_plugins.model import BudgetReason, BudgetState, Layer, Usage
from litellm_plugins.proxy.langfuse.export import send
from litellm_plugins.proxy.langfuse.trace import is_told, is_traced, tell, trace_of
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.proxy.routing.trial import Outcome
from litellm_plugins.review.feedback import Served
from litellm_plugins.telemetry.events import BudgetDecided
from litellm_plugins.telemetry.sinks.headers import (
    budget_headers,
    call_headers,
    compression_headers,
    headers_for,
    history_headers,
    output_headers,
    prompt_cache_headers,
    prompt_headers,
    route_headers,
)
from litellm_plugins.telemetry.sinks.langfuse import (
    TraceNotes,
    budget_notes,
    compression_notes,
    history_notes,
    notes_for,
    output_notes,
    prompt_cache_notes,
    prompt_notes,
    route_notes,
)
from litellm_plugins.telemetry.sinks.langfuse_spans import trace_id_of

if TYPE_CHECKING:
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.langfuse.trace import Trace
    from litellm_plugins.proxy.review.feedback import FeedbackDesk
    from litellm_plugins.proxy.ticket import Ticket

COST_HEADER = "x-litellm-response-cost"


def response_headers(ticket: Ticket, *, budgets: bool) -> dict[str, str]:
    """Our headers; on a hit also the host's cost header, which would show what the first answer cost."""
    headers = headers_for(ticket.decision.event) | _headers_of_prompt(ticket)
    if ticket.output is not None and not ticket.decision.verdict.is_hit:
        headers |= output_headers(ticket.output.limits)
    if ticket.call is not None:
        headers |= call_headers(ticket.call.attempts, ticket.call.own_nano_usd)
    if ticket.put_off is not None:
        headers |= ticket.put_off.headers
    if ticket.held is not None:
        headers |= budget_headers(ticket.held.event)
    elif budgets and ticket.decision.verdict.is_hit:
        merged = ticket.decision.verdict.layer is Layer.COALESCED
        reason = BudgetReason.COALESCED if merged else BudgetReason.CACHE_HIT
        headers |= budget_headers(BudgetDecided(BudgetState.OK, reason, ""))
    if ticket.decision.verdict.is_hit:
        headers[COST_HEADER] = "0.0"
    return headers


def _headers_of_prompt(ticket: Ticket) -> dict[str, str]:
    """Where it was sent, and what was done to its prompt."""
    headers: dict[str, str] = {}
    if ticket.routed is not None:
        headers |= route_headers(ticket.routed.event)
    if ticket.prompted is not None:
        headers |= prompt_headers(ticket.prompted.event)
    if ticket.history is not None:
        headers |= history_headers(ticket.history.event)
    if ticket.compressed is not None:
        headers |= compression_headers(ticket.compressed.event)
    if ticket.prompt_cached is not None:
        headers |= prompt_cache_headers(ticket.prompt_cached.event)
    return headers


def annotate(pack: Pack, ticket: Ticket, metadata: MutableMapping[str, Any], data: Mapping[str, Any]) -> None:
    """Merge the decision into what the host's Langfuse callbacks will send; once, whatever is retried."""
    asked, end_user = data.get("proxy_server_request"), ticket.decision.request.identity.end_user_id
    if ticket.noted:
        if ticket.trace is not None and not is_told(metadata, ticket.trace):
            metadata.update(ticket.told)
            tell(metadata, asked, ticket.trace, end_user)
        return
    ticket.noted = True
    call_id = str(data.get("litellm_call_id") or ticket)
    trace = ticket.trace or trace_of(metadata, asked, call_id)
    if pack.feedback is not None:
        _remember(pack.feedback, ticket, _served(ticket, trace.trace_id, call_id))
    if pack.review is not None:
        pack.review.recorder.served(ticket, trace.trace_id, trace_id_of(call_id))
    if not pack.settings.telemetry.langfuse:
        return
    notes = _notes(ticket, prompts=_may_quote(pack))
    tags = metadata.get("tags")
    tags = list(tags) if isinstance(tags, list) else []
    metadata["tags"] = [*tags, *(tag for tag in notes.tags if tag not in tags)]
    theirs = metadata.get("trace_metadata")
    metadata["trace_metadata"] = {**notes.metadata, **(theirs if isinstance(theirs, dict) else {})}
    if is_traced():
        ticket.trace = trace
        ticket.told = tell(metadata, asked, trace, end_user)


def _remember(desk: FeedbackDesk, ticket: Ticket, served: Served) -> None:
    """By the id that its client is told; of several answers only the one that it gets."""
    if ticket.trial is None or ticket.call is None:
        desk.serve(served)
        return

    async def work(outcome: Outcome) -> None:
        if outcome is not Outcome.DROPPED:
            desk.serve(of_request)

    of_request = replace(served, call_id=trace_id_of(ticket.call.call_id or served.call_id))
    ticket.trial.when_known(work)


def _notes(ticket: Ticket, *, prompts: bool) -> TraceNotes:
    decision, entry = ticket.decision, ticket.decision.verdict.entry
    notes = notes_for(
        decision.event,
        prompts=prompts,
        served=None if entry is None else Usage(entry.prompt_tokens, entry.completion_tokens),
        feature=decision.request.feature,
    )
    if ticket.routed is not None:
        notes = notes.and_also(route_notes(ticket.routed.event))
    if ticket.history is not None:
        notes = notes.and_also(history_notes(ticket.history.event))
    if ticket.prompted is not None:
        notes = notes.and_also(prompt_notes(ticket.prompted.event))
    if ticket.compressed is not None:
        notes = notes.and_also(compression_notes(ticket.compressed.event))
    if ticket.prompt_cached is not None:
        notes = notes.and_also(prompt_cache_notes(ticket.prompt_cached.event))
    if ticket.output is not None and not decision.verdict.is_hit:
        notes = notes.and_also(output_notes(ticket.output.limits))
    return notes if ticket.held is None else notes.and_also(budget_notes(ticket.held.event))


def _may_quote(pack: Pack) -> bool:
    """Whether texts of users may be told. The host redacts messages itself, but not what stands in metadata."""
    return litellm.turn_off_message_logging is not True and pack.settings.telemetry.prompts


def _served(ticket: Ticket, trace_id: str, call_id: str) -> Served:
    request, event = ticket.decision.request, ticket.decision.event
    return Served(
        trace_id=trace_id,
        call_id=trace_id_of(call_id),
        tenant=tenant_of(request.identity),
        at_s=time.time(),
        cache_id=event.cache_id or "",
        layer=str(event.layer),
        model_group=request.model_group,
        feature=request.feature,
        route=request.route,
    )


def told_to_langfuse(pack: Pack, ticket: Ticket, call: Mapping[str, Any], error: str = "") -> None:
    """It has ended: once all calls that were made for it are paid, send the spans of its decisions. Never raises."""
    trace = ticket.trace
    if trace is None or trace.sent:
        return
    trace.sent = True
    if ticket.call is None or ticket.call.over:
        _send(pack, ticket, trace, call, error)
    else:
        ticket.call.when_over.append(partial(_send, pack, ticket, trace, call, error))


def _send(pack: Pack, ticket: Ticket, trace: Trace, call: Mapping[str, Any], error: str) -> None:
    try:
        send(ticket, trace, call, prompts=_may_quote(pack), error=error)
    except Exception as exc:  # noqa: BLE001 - the host's edge: nothing of a trace may break a request
        pack.pipeline.telemetry.broke("trace", exc)
