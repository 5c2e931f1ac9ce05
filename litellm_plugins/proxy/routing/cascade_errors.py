"""Errors of a tier that is tried first: which of them a dearer tier may not give. Pure but for the host's own types."""

from __future__ import annotations

from typing import Any

import litellm
from fastapi import Response
from fastapi.responses import StreamingResponse

from litellm_plugins.proxy.refusal import reason_of

_AN_ERROR = 400
_THE_REQUESTS_OWN = frozenset({400, 413, 422, 499})  # the fault lies in it, or its client has left: it does not pass
# Told as 400, and of the model that was asked.
_THE_MODELS_OWN = (
    litellm.ContextWindowExceededError,
    litellm.ContentPolicyViolationError,
    litellm.UnsupportedParamsError,
)


def is_error(result: Any) -> bool:
    """Of a stream that fails before its first word the host makes a response that says so."""
    return isinstance(result, Response) and (
        result.status_code >= _AN_ERROR or not isinstance(result, StreamingResponse)
    )


def may_pass(result: Any) -> bool:
    """Whether another model may answer what this response of the host's is the error of."""
    status = getattr(result, "status_code", 0)
    return status >= _AN_ERROR and status not in _THE_REQUESTS_OWN


def may_pass_with(exc: Exception) -> bool:
    """The same of what the host raises. What the pack refuses stays refused."""
    if reason_of(exc) is not None:
        return False
    if isinstance(exc, _THE_MODELS_OWN):
        return True
    told = str(getattr(exc, "status_code", None) or getattr(exc, "code", None) or "")
    return not (told.isdecimal() and int(told) in _THE_REQUESTS_OWN)
