"""One trace per request, whatever the retries and fallbacks, and the place in it for spans of our own.

The host's callbacks give each attempt, and with `langfuse_otel` each fallback, a trace of its own; with `langfuse` all
requests of a session share one. So before the first call both are told the same trace, by what each of them reads from
the metadata, and a span in it that everything hangs under. That span is ours, and sent when the request is over
(`langfuse_export`). What a client says of its trace goes before what we would say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import litellm
from litellm.integrations.langfuse.langfuse import LangFuseLogger, _is_session_header_trace
from litellm.integrations.langfuse.langfuse_otel import LangfuseOtelLogger
from litellm.integrations.opentelemetry import OpenTelemetry
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from litellm_plugins.telemetry.sinks.langfuse_spans import span_id_of, trace_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = "langfuse_"  # a header that begins so goes before the metadata of the rest of its name
_OTEL_PARENT = "litellm_parent_otel_span"
_NOTED = ("tags", "trace_metadata", "session_id", "trace_user_id", "trace_name", "trace_version", "trace_public")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_IDS = RandomIdGenerator()  # no secrets: a read of the kernel's randomness would be most of what a trace costs
Logger = LangfuseOtelLogger | LangFuseLogger


@dataclass(slots=True)
class Trace:
    """The trace of one request."""

    trace_id: str
    span_id: str  # of the request's own span
    parent_id: str = ""  # what that hangs under: something of the client's
    elsewhere: SpanContext | None = None  # what `langfuse_otel` hangs its spans under, where that is another's
    sent: bool = False


def langfuse_loggers() -> Sequence[Logger]:
    """The host's callbacks that send to Langfuse."""
    found = {id(each): each for each in (*litellm.callbacks, *litellm.success_callback) if isinstance(each, Logger)}
    return tuple(found.values())


def is_traced() -> bool:
    """Whether anybody sends to Langfuse."""
    return bool(langfuse_loggers())


def trace_of(metadata: Mapping[str, Any], request: object, call_id: str) -> Trace:
    """The one trace of a request, as its callbacks would name it.

    Args:
        metadata: where they read.
        request: the client's, as the host keeps it (`proxy_server_request`).
        call_id: the host's, which the client is told in `x-litellm-call-id`.
    """
    headers = headers_of(request)
    theirs, continued = said(metadata, headers, "trace_id"), said(metadata, headers, "existing_trace_id")
    if theirs and not continued and _is_session_header_trace(theirs, metadata.get("session_id"), request):
        theirs = ""  # the host takes the call's id in its place, and so do we
    trace = Trace(trace_id_of(continued or theirs or call_id), _new_id())
    if parent := said(metadata, headers, "parent_observation_id"):
        trace.parent_id = span_id_of(parent)
    elif continued:
        trace.parent_id = _new_id()  # never sent: a root of ours would rename a trace of the client's
    return trace


def tell(metadata: MutableMapping[str, Any], request: object, trace: Trace, end_user: str | None) -> Mapping[str, Any]:
    """Have the callbacks hang all that they send of a request under `trace`; what they are told of it."""
    headers = headers_of(request)
    if not said(metadata, headers, "trace_id") and not said(metadata, headers, "existing_trace_id"):
        metadata["trace_id"] = trace.trace_id
    metadata["parent_observation_id"] = trace.span_id
    if end_user:
        metadata.setdefault("trace_user_id", end_user)
    _tell_otel(metadata, headers, trace)
    return {name: metadata[name] for name in _NOTED if name in metadata}


def is_told(metadata: Mapping[str, Any], trace: Trace) -> bool:
    """Whether they were: a stream of messages that is begun anew has the metadata of before the first try."""
    return metadata.get("parent_observation_id") == trace.span_id


def _new_id() -> str:
    return format(_IDS.generate_span_id(), "016x")


def _tell_otel(metadata: MutableMapping[str, Any], headers: Mapping[str, str], trace: Trace) -> None:
    """`langfuse_otel` takes its trace and parent from a span in the metadata."""
    there = metadata.get(_OTEL_PARENT)
    if there is not None:  # another callback's span of the whole request
        context = there.get_span_context() if hasattr(there, "get_span_context") else None
        trace.elsewhere = context if context is not None and context.is_valid else None
        return
    if any(isinstance(each, OpenTelemetry) and not isinstance(each, LangfuseOtelLogger) for each in litellm.callbacks):
        return  # its spans would hang under one that its receiver never gets
    incoming = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if incoming is not None and incoming[1] == trace.trace_id and not trace.parent_id:
        trace.parent_id = incoming[2]
    metadata[_OTEL_PARENT] = NonRecordingSpan(context_of(trace))


def context_of(trace: Trace) -> SpanContext:
    """The request's own span, as others refer to it."""
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True, trace_flags=flags)


def headers_of(request: object) -> Mapping[str, str]:
    """The client's headers, as far as the host keeps them."""
    headers = request.get("headers") if isinstance(request, Mapping) else None
    return headers if isinstance(headers, Mapping) else {}


def said(metadata: Mapping[str, Any], headers: Mapping[str, str], name: str) -> str:
    """What the client says of its trace; "" if nothing. A header goes before the metadata, as for the host."""
    value = headers.get(f"{_HEADER}{name}") or metadata.get(name)
    return "" if value is None else str(value)
