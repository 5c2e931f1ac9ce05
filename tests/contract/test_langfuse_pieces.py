"""The host's own pieces that our part of Langfuse leans on, one by one: none of them is promised to anybody.

No proxy runs here. What fails names the attribute or the behaviour; docs/langfuse.md says what it is for, and
tests/proxy/test_langfuse_traces.py shows all of it together.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from litellm.integrations.langfuse import langfuse, langfuse_sdk
from litellm.integrations.langfuse.langfuse import LangFuseLogger
from litellm.integrations.langfuse.langfuse_handler import LangFuseHandler
from litellm.integrations.langfuse.langfuse_otel import LangfuseOtelLogger
from litellm.integrations.opentelemetry import OpenTelemetry
from litellm.litellm_core_utils import litellm_logging as host_logging
from litellm.litellm_core_utils.redact_messages import should_redact_message_logging
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan

from litellm_plugins.proxy.langfuse.trace import Trace, context_of, trace_of
from litellm_plugins.telemetry.sinks.langfuse_spans import span_id_of, trace_id_of

TRACE = Trace("a" * 32, "b" * 16)
NOWHERE = "http://127.0.0.1:9"  # nothing is sent: no span is ended
IDS = ["a" * 32, "A" * 32, "6a05baa7-c5e8-4e55-b0cd-ce9bb71bae50", "a client's own", "0" * 31, "b" * 16, "é"]


@pytest.fixture
def plain() -> Iterator[LangFuseLogger]:
    """The callback `langfuse`."""
    logger: Any = LangFuseLogger(
        langfuse_public_key="pk-lf-contract", langfuse_secret="sk-lf-contract", langfuse_host=NOWHERE
    )
    yield logger
    langfuse_sdk.release_langfuse_tracing(logger.tracing)


@pytest.fixture
def by_otel(host: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[LangfuseOtelLogger]:
    """The callback `langfuse_otel`, which would make itself known to the proxy.

    It makes itself the process's own, too: what later tests' calls of the host tell it would be sent, and sent again,
    by a thread that draws its pauses by chance, which Hypothesis minds.
    """
    monkeypatch.setattr(host, "open_telemetry_logger", None)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-contract")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-contract")
    monkeypatch.setenv("LANGFUSE_OTEL_HOST", NOWHERE)
    logger: Any = LangfuseOtelLogger()  # type: ignore[no-untyped-call]
    yield logger
    provider = otel.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


# How ids are filed


@pytest.mark.parametrize("given", IDS)
def test_an_id_becomes_langfuse_s_as_ours_does(given: str) -> None:
    """`langfuse_sdk.resolve_trace_id`, `.resolve_observation_id`: feedback and our spans must name the same trace."""
    assert langfuse_sdk.resolve_trace_id(given) == trace_id_of(given)
    assert langfuse_sdk.resolve_observation_id(given) == span_id_of(given)


SESSIONS = [
    ({"x-litellm-session-id": "s-12345678"}, "s-12345678", "s-12345678", True),
    ({"x-litellm-trace-id": "s-12345678"}, "s-12345678", "s-12345678", False),
    ({}, "s-12345678", None, False),
    ({}, None, "s-12345678", False),
]


@pytest.mark.parametrize(("headers", "trace", "session", "is_one"), SESSIONS)
def test_a_trace_that_is_only_a_session_s_name_is_told_apart(
    headers: dict[str, str], trace: str | None, session: str | None, is_one: bool
) -> None:
    """`langfuse._is_session_header_trace(trace_id, session_id, proxy_server_request)`: or sessions were one trace."""
    assert langfuse._is_session_header_trace(trace, session, {"headers": headers}) is is_one
    named = {"trace_id": trace, "session_id": session}
    assert trace_of(named, {"headers": headers}, "c" * 32).trace_id == trace_id_of(
        trace if trace and not is_one else "c" * 32
    )


def test_a_header_goes_before_the_metadata_of_its_name() -> None:
    """`LangFuseLogger.add_metadata_from_header`: what we read of a trace must be what the callbacks read."""
    params = {"proxy_server_request": {"headers": {"langfuse_trace_id": "theirs"}}}
    assert LangFuseLogger.add_metadata_from_header(params, {"trace_id": "ours"})["trace_id"] == "theirs"
    assert trace_of({"trace_id": "ours"}, params["proxy_server_request"], "c").trace_id == trace_id_of("theirs")


# Where the callbacks read what we tell them


@pytest.mark.parametrize("name", ["trace_id", "existing_trace_id", "parent_observation_id"])
def test_both_callbacks_read_these_of_the_metadata(name: str) -> None:
    assert name in inspect.getsource(langfuse), f"the callback langfuse reads no {name}"
    assert name in inspect.getsource(LangfuseOtelLogger), f"the callback langfuse_otel reads no {name}"


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata"])
def test_spans_by_otel_hang_under_the_span_in_the_metadata(by_otel: LangfuseOtelLogger, place: str) -> None:
    """`litellm_parent_otel_span`, read by `OpenTelemetry._get_span_context`: or each attempt had its own trace."""
    kwargs = {"litellm_params": {place: {"litellm_parent_otel_span": NonRecordingSpan(context_of(TRACE))}}}
    context, _ = by_otel._get_span_context(kwargs)
    above = otel.get_current_span(context).get_span_context()
    assert format(above.trace_id, "032x") == TRACE.trace_id
    assert format(above.span_id, "016x") == TRACE.span_id


# Whose tracer it goes by


def test_the_callback_langfuse_has_a_tracer_of_the_sdk_s(plain: LangFuseLogger) -> None:
    """`LangFuseHandler.get_langfuse_logger_for_request(…).tracing.tracer`."""
    found = LangFuseHandler.get_langfuse_logger_for_request(
        globalLangfuseLogger=plain,
        standard_callback_dynamic_params={},
        in_memory_dynamic_logger_cache=host_logging.in_memory_dynamic_logger_cache,
    )
    assert found is plain
    assert isinstance(found.tracing.tracer, Tracer)


def test_the_callback_langfuse_otel_has_a_tracer_of_the_sdk_s(by_otel: LangfuseOtelLogger) -> None:
    """`OpenTelemetry.get_tracer_to_use_for_request(kwargs)`; and its class, by which both are told apart."""
    assert isinstance(by_otel, OpenTelemetry)
    assert not isinstance(by_otel, LangFuseLogger)
    assert isinstance(by_otel.get_tracer_to_use_for_request({}), Tracer)


def test_a_request_may_switch_a_callback_off(plain: LangFuseLogger) -> None:
    """`litellm_logging.EnterpriseCallbackControls.is_callback_disabled_dynamically(…)`, None without that package."""
    controls: Any = host_logging.EnterpriseCallbackControls
    if controls is None:
        pytest.skip("litellm-enterprise is not installed: nobody can switch one off")
    found = controls.is_callback_disabled_dynamically(
        callback=plain, litellm_params={}, standard_callback_dynamic_params={}
    )
    assert found is False  # what switches one off needs a licence, which tests have not
    assert isinstance(litellm.global_disable_no_log_param, bool)


# How a span of ours gets into its queue


def test_a_span_that_was_never_begun_can_be_ended_into_a_tracer_s_queue() -> None:
    """`Tracer.span_processor`, `.resource`, `.sampler`, `._instrumentation_scope`; how a `ReadableSpan` is made."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer: Any = provider.get_tracer("contract")
    root = context_of(TRACE)
    above = otel.set_span_in_context(NonRecordingSpan(root))
    assert tracer.sampler.should_sample(above, root.trace_id, "x").decision is Decision.RECORD_AND_SAMPLE
    tracer.span_processor.on_end(
        ReadableSpan(
            "x",
            context=root,
            parent=None,
            resource=tracer.resource,
            attributes={"a": "b"},
            start_time=1,
            end_time=2,
            instrumentation_scope=tracer._instrumentation_scope,
        )
    )
    (span,) = kept.get_finished_spans()
    scope = span.instrumentation_scope
    assert scope is not None
    assert (span.name, span.get_span_context(), scope.name) == ("x", root, "contract")


def test_the_callback_s_own_sampling_goes_by_the_trace_s_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """`langfuse_sdk.TraceIdHashSampler`: so our spans are left out with the host's, and never apart from them."""
    sampler: Any = langfuse_sdk.TraceIdHashSampler
    assert "trace_id" in inspect.signature(sampler.should_sample).parameters


# What is kept to ourselves


@pytest.mark.parametrize(
    ("details", "hidden"),
    [
        ({}, False),
        ({"litellm_params": {"metadata": {"headers": {"x-litellm-enable-message-redaction": "true"}}}}, True),
    ],
)
def test_a_request_may_have_its_texts_kept_out(details: dict[str, Any], hidden: bool) -> None:
    """`redact_messages.should_redact_message_logging(model_call_details)`."""
    assert should_redact_message_logging({"litellm_params": {"metadata": {}}, **details}) is hidden


def test_the_switch_that_hides_all_texts_is_off_unless_asked_for() -> None:
    """`litellm.turn_off_message_logging`: True, and no comment or prompt is told."""
    assert litellm.turn_off_message_logging is not True


def test_callbacks_stand_in_these_lists() -> None:
    """`litellm.callbacks`, `litellm.success_callback`: by them we know whether anybody sends to Langfuse."""
    assert isinstance(litellm.callbacks, list)
    assert isinstance(litellm.success_callback, list)


def test_at_shutdown_the_host_flushes_what_we_queued_after_it_closed_us(host: Any) -> None:
    """`langfuse_sdk.flush_langfuse_tracing`, after `litellm.cache.disconnect`: spans of the last requests arrive."""
    source = inspect.getsource(host.proxy_shutdown_event)
    assert callable(langfuse_sdk.flush_langfuse_tracing)
    assert source.index("cache.disconnect") < source.index("flush_langfuse_tracing")


def test_the_queue_of_the_host_s_log_can_be_looked_into() -> None:
    """`GLOBAL_LOGGING_WORKER._queue`, `._running_tasks`: its depth is a metric, and it is waited for at shutdown."""
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    assert isinstance(GLOBAL_LOGGING_WORKER._running_tasks, set)
    assert GLOBAL_LOGGING_WORKER._queue is None or callable(GLOBAL_LOGGING_WORKER._queue.qsize)
