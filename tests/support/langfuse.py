"""A stand-in for Langfuse's servers: takes in the traces that the host's callbacks send, and gives back their spans."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

TRACES_PATH = "/api/public/otel/v1/traces"
SCORES_PATH = "/api/public/scores"
_PROTOBUF = "application/x-protobuf"
# What an SDK asks before it sends anything, in the shape of Langfuse's published API.
_READS: Mapping[str, Any] = {
    "/api/public/health": {"status": "OK", "version": "3.90.0"},
    "/api/public/projects": {
        "data": [
            {
                "id": "tests",
                "name": "tests",
                "metadata": {},
                "organization": {"id": "tests", "name": "tests"},
            }
        ]
    },
}


@dataclass(frozen=True, slots=True)
class Span:
    """One recorded span. `attributes` are plain Python values, by name."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str  # "" for the root of its trace
    scope: str  # the library that made it
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...] = field(default=())
    began_ns: int = 0
    ended_ns: int = 0

    @property
    def sent_by(self) -> str:
        """The callback that it came by, as the host's config names it."""
        return "langfuse" if self.scope.startswith("langfuse") else "langfuse_otel"

    @property
    def tags(self) -> tuple[str, ...]:
        """Of its trace, if it says them."""
        tags = self.attributes.get("langfuse.trace.tags") or ()
        return tuple(json.loads(tags) if isinstance(tags, str) else tags)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its own."""
        prefix = "langfuse.observation.metadata."
        return {k.removeprefix(prefix): v for k, v in self.attributes.items() if k.startswith(prefix)}

    def says(self, text: str) -> bool:
        """Whether `text` stands anywhere in it."""
        return text in repr(self)


@dataclass(frozen=True, slots=True)
class Generation:
    """What Langfuse would show of one call to a model, whichever callback sent it."""

    sent_by: str  # the callback, as the host's config names it
    trace_id: str
    trace_name: str | None
    user_id: str | None
    session_id: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]  # of the trace; `langfuse` sends most numbers as strings
    model: str | None
    cost_usd: float | None
    is_error: bool
    span: Span

    @classmethod
    def of(cls, span: Span) -> Generation | None:
        """The generation that `span` tells, or None if it tells another thing."""
        told = span.attributes
        if told.get("langfuse.observation.type") != "generation":
            return None
        by_sdk = span.scope.startswith("langfuse")
        tags = told.get("langfuse.trace.tags") or ()
        level = told.get("langfuse.observation.level")
        return cls(
            sent_by="langfuse" if by_sdk else "langfuse_otel",
            trace_id=span.trace_id,
            trace_name=told.get("langfuse.trace.name"),
            user_id=told.get("user.id"),
            session_id=told.get("session.id"),
            tags=tuple(json.loads(tags) if isinstance(tags, str) else tags),
            metadata=_trace_metadata(told),
            model=told.get("langfuse.observation.model.name" if by_sdk else "llm.model_name"),
            cost_usd=_cost_usd(told),
            is_error=level == "ERROR" or any(name == "exception" for name, _ in span.events),
            span=span,
        )


def _trace_metadata(told: Mapping[str, Any]) -> dict[str, Any]:
    whole = told.get("langfuse.trace.metadata")
    prefix = "langfuse.trace.metadata."
    flat = {name.removeprefix(prefix): value for name, value in told.items() if name.startswith(prefix)}
    return {**(json.loads(whole) if isinstance(whole, str) else {}), **flat}


def _cost_usd(told: Mapping[str, Any]) -> float | None:
    if "langfuse.observation.cost_details" in told:
        return float(json.loads(told["langfuse.observation.cost_details"])["total"])
    return told.get("llm.cost.total")


class LangfuseRecorder:
    """A real HTTP server in a thread, on a free port. A context manager."""

    def __init__(self) -> None:
        self.public_key = "pk-lf-" + secrets.token_hex(8)
        self.secret_key = "sk-lf-" + secrets.token_hex(8)
        self._lock = threading.Lock()
        self._spans: list[Span] = []
        self._refused: list[str] = []
        self._scores: list[Mapping[str, Any]] = []
        self._down = 0  # how many scores are still to be turned away
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"recorder": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="langfuse-recorder", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def env(self) -> dict[str, str]:
        """What points the host's callbacks here, and makes them send soon."""
        return {
            "LANGFUSE_HOST": self.url,
            "LANGFUSE_PUBLIC_KEY": self.public_key,
            "LANGFUSE_SECRET_KEY": self.secret_key,
            "LANGFUSE_FLUSH_INTERVAL": "1",  # whole seconds: `langfuse`
            "OTEL_BSP_SCHEDULE_DELAY": "200",  # milliseconds: `langfuse_otel`
        }

    def spans(self) -> list[Span]:
        """Every span so far, in the order in which they came."""
        with self._lock:
            return list(self._spans)

    def spans_about(self, text: str) -> list[Span]:
        """Those that have `text` in any attribute."""
        return [span for span in self.spans() if span.says(text)]

    def generations(self, **wanted: Any) -> list[Generation]:
        """Those whose fields have the `wanted` values: `user_id="me", sent_by="langfuse"`."""
        found = [generation for span in self.spans() if (generation := Generation.of(span))]
        return [each for each in found if all(getattr(each, name) == value for name, value in wanted.items())]

    def trace(self, trace_id: str, *, sent_by: str | None = None) -> list[Span]:
        """The spans of one trace."""
        return [s for s in self.spans() if s.trace_id == trace_id and sent_by in (None, s.sent_by)]

    def scores(self, trace_id: str | None = None) -> dict[str, Mapping[str, Any]]:
        """By id, each as it was last written: so Langfuse keeps them."""
        with self._lock:
            return {each["id"]: each for each in self._scores if trace_id in (None, each["traceId"])}

    def go_down(self, times: int) -> None:
        """Answer the next `times` scores with 503."""
        with self._lock:
            self._down = times

    def score(self, told: Mapping[str, Any]) -> bool:
        """Keep one; whether it was."""
        with self._lock:
            if self._down:
                self._down -= 1
                return False
            self._scores.append(told)
            return True

    def refused(self) -> list[str]:
        """Requests that a Langfuse server would not have answered: wrong keys, unknown paths, broken bodies."""
        with self._lock:
            return list(self._refused)

    def authorised(self, header: str) -> bool:
        """Whether `header` is basic auth with this recorder's keys."""
        expected = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        return header == f"Basic {expected}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of one export."""
        with self._lock:
            self._spans += _spans_of(request)

    def refuse(self, what: str) -> None:
        """Remember a request that was turned away."""
        with self._lock:
            self._refused.append(what)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers as a Langfuse server would, for the `recorder` of its subclass."""

    protocol_version = "HTTP/1.1"
    recorder: ClassVar[LangfuseRecorder]

    def do_GET(self) -> None:
        self._body()
        path = urlsplit(self.path).path
        if path != "/api/public/health" and not self._is_authorised():
            return
        if path in _READS:
            self._reply(HTTPStatus.OK, json.dumps(_READS[path]).encode())
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_authorised():
            return
        if urlsplit(self.path).path == SCORES_PATH:
            if self.recorder.score(told := json.loads(body)):
                self._reply(HTTPStatus.OK, json.dumps({"id": told["id"]}).encode())
            else:
                self._reply(HTTPStatus.SERVICE_UNAVAILABLE, b"{}")
        elif urlsplit(self.path).path != TRACES_PATH:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self.headers.get("content-type") != _PROTOBUF:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        else:
            self.recorder.take(ExportTraceServiceRequest.FromString(body))
            self._reply(HTTPStatus.OK, ExportTraceServiceResponse().SerializeToString(), kind=_PROTOBUF)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing on stderr."""

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _is_authorised(self) -> bool:
        if self.recorder.authorised(self.headers.get("authorization", "")):
            return True
        self._refuse(HTTPStatus.UNAUTHORIZED)
        return False

    def _refuse(self, status: HTTPStatus) -> None:
        self.recorder.refuse(f"{self.command} {self.path}: {status.value}")
        self._reply(status, json.dumps({"message": status.phrase}).encode())

    def _reply(self, status: HTTPStatus, body: bytes, *, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for group in request.resource_spans:
        resource = _values(group.resource.attributes)
        for scoped in group.scope_spans:
            for span in scoped.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    scope=scoped.scope.name,
                    attributes=_values(span.attributes),
                    resource=resource,
                    events=tuple((event.name, _values(event.attributes)) for event in span.events),
                    began_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(any_value: Any) -> Any:
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(each) for each in any_value.array_value.values]
    if kind == "kvlist_value":
        return _values(any_value.kvlist_value.values)
    return getattr(any_value, kind)
