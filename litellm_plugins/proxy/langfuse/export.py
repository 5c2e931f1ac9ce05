"""Sends the request's own span, and those of our decisions, along the way that the host's callback sends its spans.

Each callback has a tracer with a queue, a bound and a thread of its own; a team or key with credentials of its own has
a tracer for them. What is ended here joins that queue: nothing waits, and where the queue is full it is dropped as the
host's own spans are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import litellm
import orjson
from litellm.integrations.langfuse.langfuse_handler import LangFuseHandler
from litellm.integrations.langfuse.langfuse_otel import LangfuseOtelLogger
from litellm.litellm_core_utils import litellm_logging as host_logging
from litellm.litellm_core_utils.redact_messages import should_redact_message_logging
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from litellm_plugins.proxy.langfuse.resource import hashed
from litellm_plugins.proxy.langfuse.trace import Logger, Trace, context_of, headers_of, langfuse_loggers, said
from litellm_plugins.telemetry.sinks.langfuse_spans import CHARGE, ROOT, decided_spans

if TYPE_CHECKING:
    from litellm_plugins.proxy.ticket import Ticket

_LONGEST_TEXT = 32_000  # the host's own generation has it whole
_IDS = RandomIdGenerator()
_OBSERVATION, _TRACE = "langfuse.observation.", "langfuse.trace."
Attributes = dict[str, Any]


def send(ticket: Ticket, trace: Trace, call: Mapping[str, Any], *, prompts: bool, error: str = "") -> None:
    """Send what is ours of a request that is over. `call` is what the host's logging knows of it."""
    for logger in langfuse_loggers():
        tracer = _tracer(logger, call)
        if tracer is not None:
            _Sender(logger, tracer, ticket, trace, call).send(prompts, error)


def _tracer(logger: Logger, call: Mapping[str, Any]) -> Tracer | None:
    """The one that the host's span of this request went to; None: it was not to be told there."""
    params: Any = call.get("litellm_params") or {}
    dynamic: Any = call.get("standard_callback_dynamic_params") or {}
    if params.get("no-log") is True and not litellm.global_disable_no_log_param:
        return None
    controls: Any = host_logging.EnterpriseCallbackControls
    if controls is not None and controls.is_callback_disabled_dynamically(
        callback=logger, litellm_params=params, standard_callback_dynamic_params=dynamic
    ):
        return None
    if isinstance(logger, LangfuseOtelLogger):
        found: Any = logger.get_tracer_to_use_for_request(dict(call))
    else:
        found = LangFuseHandler.get_langfuse_logger_for_request(
            globalLangfuseLogger=logger,
            standard_callback_dynamic_params=dynamic,
            in_memory_dynamic_logger_cache=host_logging.in_memory_dynamic_logger_cache,
        ).tracing.tracer
    return found if isinstance(found, Tracer) else None


class _Sender:
    """One request's spans on their way to one receiver."""

    def __init__(self, logger: Logger, tracer: Tracer, ticket: Ticket, trace: Trace, call: Mapping[str, Any]) -> None:
        self._tracer, self._ticket, self._trace, self._call = tracer, ticket, trace, call
        is_otel = isinstance(logger, LangfuseOtelLogger)
        self._prices_errors = is_otel and any(
            each is logger for each in (*litellm.callbacks, *litellm._async_failure_callback)
        )
        # Of a failed message or response the host's log has other metadata than its callbacks.
        self._metadata: Mapping[str, Any] = {
            **((call.get("litellm_params") or {}).get("metadata") or {}),
            **ticket.told,
        }
        self._headers = headers_of((call.get("litellm_params") or {}).get("proxy_server_request"))
        self._above = trace.elsewhere if is_otel else None

    def send(self, prompts: bool, error: str) -> None:
        """Queue them all; none, where the callback's sampling leaves the trace out."""
        root = self._above or context_of(self._trace)
        above = otel.set_span_in_context(NonRecordingSpan(root))
        if self._tracer.sampler.should_sample(above, root.trace_id, ROOT).decision is not Decision.RECORD_AND_SAMPLE:
            return
        ticket, shared = self._ticket, self._shared()
        steps = ticket.decision.steps.taken
        spans = decided_spans(steps, ticket.decision.event, ticket.held.event if ticket.held is not None else None)
        began = min((step.began_s for step in steps), default=None)
        started = self._call.get("start_time")  # of a hit: its arrival; of a call: later than our first step
        if began is not None and isinstance(started, datetime):
            began = min(began, started.timestamp())
        if self._above is None:
            self._put(
                ROOT, root, self._parent(), (began, self._ended_s()), {**shared, **self._root(prompts, error)}, error
            )
        if unsaid := self._unsaid_nano_usd():
            ended_s = self._ended_s()
            self._put(CHARGE, _new_context(root), root, (ended_s, ended_s), {**shared, **self._charge(unsaid)})
        for span in spans:
            told = {f"{_OBSERVATION}metadata.{name}": value for name, value in span.metadata.items()}
            self._put(span.name, _new_context(root), root, (span.began_s, span.ended_s), {**shared, **told})

    def _put(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        when_s: tuple[float | None, float],
        attributes: Attributes,
        error: str = "",
    ) -> None:
        began, ended = when_s
        began_ns = int((ended if began is None else began) * 1e9)
        self._tracer.span_processor.on_end(
            ReadableSpan(
                name,
                context=context,
                parent=parent,
                resource=hashed(self._tracer.resource),
                attributes=attributes,
                status=Status(StatusCode.ERROR if error else StatusCode.OK),
                start_time=began_ns,
                end_time=max(began_ns, int(ended * 1e9)),
                instrumentation_scope=self._tracer._instrumentation_scope,
            )
        )

    def _parent(self) -> SpanContext | None:
        if not self._trace.parent_id:
            return None
        return SpanContext(int(self._trace.trace_id, 16), int(self._trace.parent_id, 16), is_remote=True)

    def _ended_s(self) -> float:
        ended = self._call.get("end_time")
        return ended.timestamp() if isinstance(ended, datetime) else datetime.now().timestamp()  # noqa: DTZ005

    def _shared(self) -> Attributes:
        """What Langfuse filters every observation by, and so wants on each."""
        told = {
            "langfuse.observation.type": "span",
            "session.id": self._said("session_id"),
            "user.id": self._said("trace_user_id"),
            "langfuse.environment": self._said_to_host("langfuse_environment"),
            "langfuse.version": self._said("trace_version") or self._said("version"),
        }
        public = self._metadata.get("trace_public")
        if isinstance(public, bool):  # Langfuse takes a trace for private if one of its spans does not say so
            told |= {f"{_TRACE}public": public}  # type: ignore[dict-item]
        return {name: value for name, value in told.items() if value not in ("", None)}

    def _root(self, prompts: bool, error: str) -> Attributes:
        """What Langfuse takes for the trace's own: it reads that from the trace's root."""
        told: Attributes = {f"{_TRACE}name": self._said("trace_name") or f"litellm-{self._call.get('call_type')}"}
        if isinstance(tags := self._metadata.get("tags"), list):
            told[f"{_TRACE}tags"] = tuple(str(tag) for tag in tags)
        if isinstance(extra := self._metadata.get("trace_metadata"), dict):
            extra = {**self._kept(), **extra}
            told |= {f"{_TRACE}metadata.{name}": _plain(value) for name, value in extra.items()}
        if self._ticket.stopped is not None:
            told[f"{_TRACE}metadata.early_stop"] = str(self._ticket.stopped)
        if error:
            told |= {f"{_OBSERVATION}level": "ERROR", f"{_OBSERVATION}status_message": error}
        logged = self._call.get("standard_logging_object")
        if prompts and isinstance(logged, Mapping) and not self._is_masked():
            told[f"{_OBSERVATION}input"] = _plain(logged.get("messages"))
            if not error:
                told[f"{_OBSERVATION}output"] = _plain(logged.get("response"))
        return {name: value for name, value in told.items() if value is not None}

    def _kept(self) -> Attributes:
        """Why no dearer tier's answer is served: nobody knew when the call was made."""
        routed = self._ticket.routed
        return {"route_kept": routed.event.kept} if routed is not None and routed.event.kept else {}

    def _unsaid_nano_usd(self) -> int:
        """What was booked beyond what the host's generations say."""
        call = self._ticket.call
        if call is None or call.paid is None:
            return 0
        return max(0, call.paid.nano_usd - call.said.nano_usd(errors=self._prices_errors))

    def _charge(self, nano_usd: int) -> Attributes:
        """A generation, since Langfuse sums the costs of those only."""
        return {
            f"{_OBSERVATION}type": "generation",
            f"{_OBSERVATION}model.name": str(self._call.get("model") or ""),
            f"{_OBSERVATION}cost_details": orjson.dumps({"total": nano_usd / 1e9}).decode(),
        }

    def _is_masked(self) -> bool:
        """Whether anybody asked the host to keep texts, or some of them, out of the trace."""
        masks = ("mask_input", "mask_output", "langfuse_masking_function")
        if any(self._said(name) for name in masks):
            return True
        params = self._call.get("litellm_params") or {}
        return bool(params.get("_langfuse_masking_function")) or should_redact_message_logging(dict(self._call))

    def _said(self, name: str) -> str:
        return said(self._metadata, self._headers, name)

    def _said_to_host(self, name: str) -> str:
        dynamic = self._call.get("standard_callback_dynamic_params") or {}
        return str(dynamic.get(name) or "")


def _new_context(root: SpanContext) -> SpanContext:
    return SpanContext(
        root.trace_id, _IDS.generate_span_id(), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def _plain(value: object) -> str | float | None:
    """As an attribute can hold it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value if not isinstance(value, str) else value[:_LONGEST_TEXT]
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()[:_LONGEST_TEXT]
