"""Which errors of a cheap tier are the tier's, and which the request's."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from fastapi import Response
from fastapi.responses import JSONResponse, StreamingResponse
from litellm.proxy._types import ProxyException

from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.proxy.routing.cascade_errors import is_error, may_pass, may_pass_with

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
OF: dict[str, Any] = {"message": "no", "model": "nano", "llm_provider": "openai"}


def proxied(code: int) -> ProxyException:
    return ProxyException(message="no", type="error", param=None, code=code)


@pytest.mark.parametrize(
    ("exc", "passes"),
    [
        (litellm.InternalServerError(**OF), True),
        (litellm.RateLimitError(**OF), True),
        (litellm.Timeout(**OF), True),
        (litellm.APIConnectionError(**OF), True),
        (litellm.AuthenticationError(**OF), True),
        (litellm.NotFoundError(**OF), True),
        (litellm.ContextWindowExceededError(**OF), True),
        (litellm.ContentPolicyViolationError(**OF), True),
        (litellm.UnsupportedParamsError(message="no"), True),
        (ValueError("a fault of the host's"), True),
        (proxied(503), True),
        (litellm.BadRequestError(**OF), False),
        (proxied(400), False),
        (proxied(422), False),
        (proxied(499), False),
        (Refusal("budget", message="no", type="t", param=None, code=429), False),
    ],
)
def test_what_another_model_may_answer(exc: Exception, passes: bool) -> None:
    assert may_pass_with(exc) is passes


@pytest.mark.parametrize(
    ("result", "error", "passes"),
    [
        ({"choices": []}, False, False),
        (StreamingResponse(iter(())), False, False),
        (StreamingResponse(iter(()), status_code=500), True, True),
        (JSONResponse({}, status_code=429), True, True),
        (JSONResponse({}, status_code=400), True, False),
        (Response(), True, False),
    ],
)
def test_what_the_host_makes_of_a_stream_that_fails_at_once(result: Any, error: bool, passes: bool) -> None:
    assert (is_error(result), may_pass(result)) == (error, passes)
