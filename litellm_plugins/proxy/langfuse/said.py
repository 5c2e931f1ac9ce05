"""What the host's generations of one request say that it cost: our span of its charge adds what they leave out.

The generation of an answer says its cost by either callback. That of an error says by `langfuse_otel` what had been
streamed when it broke, and by `langfuse` nothing. The host logs an error beside the hook that tells us of it, and
either may come first: of a log that is still to come, what the host has put down for it counts as said.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from litellm_plugins.proxy.budgets.costs import nano_of, of_success

_BROKEN = "combined_usage_object"  # of a stream that broke: set before its error is raised, with the cost


class Said:
    """Of one request, so far."""

    def __init__(self) -> None:
        self._answers: dict[str, int] = {}  # nano-dollars, by the host's ids of a call and its answer
        self._errors: dict[str, int] = {}  # by its id of a call: it logs one error of each
        self._logs: dict[str, weakref.ref[Any]] = {}  # what it keeps of each; a log that is still to come holds it

    def asked(self, kwargs: Mapping[str, Any]) -> None:
        """A deployment is about to be asked."""
        log = kwargs.get("litellm_logging_obj")
        if log is not None:
            self._logs[_call_id(_details(log))] = weakref.ref(log)  # it knows the ticket, and so this: no ring

    def answer(self, kwargs: Mapping[str, Any]) -> None:
        """The host logs an answer, perhaps twice, by the same id."""
        payload = kwargs.get("standard_logging_object")
        answer = payload.get("id") if isinstance(payload, Mapping) else None
        self._answers[f"{_call_id(kwargs)} {answer}"] = of_success(kwargs, None).nano_usd

    def error(self, kwargs: Mapping[str, Any]) -> None:
        """The host logs an error."""
        payload = kwargs.get("standard_logging_object")
        self._errors[_call_id(kwargs)] = nano_of(payload.get("response_cost") if isinstance(payload, Mapping) else None)

    def nano_usd(self, *, errors: bool) -> int:
        """All of it. With `errors` also what the generations of errors say, or will."""
        told = sum(self._answers.values())
        return told + sum(self._errors.values()) + sum(self._to_come()) if errors else told

    @property
    def latest(self) -> Mapping[str, Any]:
        """What the host keeps of the call that was made last; nothing, once it has let go of it."""
        return _details(next((log() for log in reversed(self._logs.values())), None))

    def _to_come(self) -> Iterator[int]:
        for call_id, log in self._logs.items():
            details = _details(log())
            if call_id not in self._errors and details.get(_BROKEN) is not None:
                yield nano_of(details.get("response_cost"))


def _details(log: Any) -> Mapping[str, Any]:
    details = getattr(log, "model_call_details", None)
    return details if isinstance(details, Mapping) else {}


def _call_id(details: Mapping[str, Any]) -> str:
    return str(details.get("litellm_call_id") or "")
