"""The pack's spans of busy requests, by the host's own `langfuse_otel` callback to a recorder in another process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

_ROOT = str(Path(__file__).resolve().parents[1])
_RECORD = "--record"
# What a miss with a budget leaves: name, after so many seconds, for so many, within.
_STEPS = (
    ("exact", 0.010, 0.0005, "lookup"),
    ("embed", 0.011, 0.0065, "lookup"),
    ("search", 0.018, 0.0007, "lookup"),
    ("verify", 0.019, 0.0002, "lookup"),
    ("lookup", 0.010, 0.0100, ""),
    ("coalesce", 0.021, 0.0010, ""),
    ("reserve", 0.022, 0.0016, ""),
    ("settle", 0.300, 0.0030, ""),
)
SPANS = 1 + len(_STEPS)


class Traced:
    """Tells of requests as `proxy/callbacks.py` does. A context manager."""

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, _RECORD]
        self._recorder = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert self._recorder.stdout is not None
        host, public, secret = self._recorder.stdout.readline().split()
        os.environ |= {"LANGFUSE_HOST": host, "LANGFUSE_PUBLIC_KEY": public, "LANGFUSE_SECRET_KEY": secret}
        import litellm
        from litellm.integrations.langfuse.langfuse_otel import LangfuseOtelLogger

        logger = LangfuseOtelLogger(callback_name="langfuse_otel")
        litellm.callbacks = [logger]
        self._processor: Any = logger.get_tracer_to_use_for_request({}).span_processor  # has the credentials
        return self

    def __exit__(self, *_: object) -> None:
        self._processor.shutdown()
        self._recorder.communicate()

    def prepared(self, number: int, decided: Any, reserved: Any) -> tuple[str, Any, dict[str, Any]]:
        """What the host and the ticket hold of a request: none of it is what telling costs."""
        metadata: dict[str, Any] = {"session_id": f"session-{number}"}
        call_id = str(uuid.UUID(int=number + (1 << 120)))
        return call_id, _ticket(decided, reserved), _call(call_id, metadata)

    def tell(self, prepared: tuple[str, Any, dict[str, Any]], number: int) -> None:
        """One request: its notes when it is sent, its spans when it is over."""
        from litellm_plugins.proxy.langfuse.export import send
        from litellm_plugins.proxy.langfuse.trace import is_traced, tell, trace_of
        from litellm_plugins.telemetry.sinks.langfuse import budget_notes, notes_for

        call_id, ticket, call = prepared
        metadata = call["litellm_params"]["metadata"]
        notes = notes_for(ticket.decision.event, feature="faq").and_also(budget_notes(ticket.held.event))
        metadata |= {"tags": [*notes.tags], "trace_metadata": notes.metadata}
        assert is_traced()
        trace = trace_of(metadata, None, call_id)
        tell(metadata, None, trace, f"customer-{number}")
        send(ticket, trace, call, prompts=True)

    def flush(self) -> None:
        """Encode and send what waits: the callback's queue drops what it has no room for."""
        assert self._processor.force_flush()


class Stand:
    """In the place of a ticket and all that it carries."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def _ticket(decided: Any, reserved: Any) -> Any:
    from litellm_plugins.budgets.amounts import Amounts
    from litellm_plugins.cache.steps import Steps
    from litellm_plugins.model import Step
    from litellm_plugins.proxy.langfuse.said import Said

    steps, now = Steps(), time.time()
    steps._taken = [Step(name, now + after, took, within) for name, after, took, within in _STEPS]
    decision = Stand(steps=steps, event=decided)
    call = Stand(paid=Amounts(2_776_000, 956, 1), said=Said())
    return Stand(decision=decision, held=Stand(event=reserved), call=call, told={}, routed=None, stopped=None)


def _call(call_id: str, metadata: dict[str, Any]) -> dict[str, Any]:
    question, answer = "Where can I see my last invoice? " * 24, "You find it in your account, under Billing. " * 16
    now = datetime.now(tz=UTC)
    return {
        "litellm_call_id": call_id,
        "call_type": "acompletion",
        "model": "gpt-4.1",
        "response_cost": 0.002776,
        "start_time": now,
        "end_time": now,
        "litellm_params": {"metadata": metadata, "proxy_server_request": {"headers": {"host": "x"}, "body": {}}},
        "standard_callback_dynamic_params": {},
        "standard_logging_object": {
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}],
            "response": {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]},
            "prompt_tokens": 812,
            "completion_tokens": 144,
            "total_tokens": 956,
        },
    }


def _record() -> None:
    """Takes spans in until its standard input ends."""
    sys.path.insert(0, _ROOT)
    from tests.support.langfuse import LangfuseRecorder

    with LangfuseRecorder() as recorder:
        print(recorder.url, recorder.public_key, recorder.secret_key, flush=True)
        sys.stdin.read()


if __name__ == "__main__" and _RECORD in sys.argv:
    _record()
