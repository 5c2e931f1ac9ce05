"""Whose fault a failure is."""

from __future__ import annotations

from typing import Any

import httpx
import litellm
import pytest
from fastapi import HTTPException
from litellm.proxy._types import ProxyException
from litellm.types.router import RouterRateLimitError

from litellm_plugins.proxy.calls.faults import fault_of

ASKED: dict[str, Any] = {"message": "no", "model": "m", "llm_provider": "openai"}
UNREADABLE = httpx.Response(422, request=httpx.Request("POST", "http://provider"))
NO_ROOM = RouterRateLimitError(model="m", cooldown_time=1.0, enable_pre_call_checks=False, cooldown_list=[])


@pytest.mark.parametrize(
    ("exception", "asked", "fault"),
    [
        (litellm.BadRequestError(**ASKED), True, "client"),
        (litellm.ContextWindowExceededError(**ASKED), True, "client"),
        (litellm.UnprocessableEntityError(**ASKED, response=UNREADABLE), True, "client"),
        (litellm.AuthenticationError(**ASKED), True, "server"),  # our key at the provider
        (litellm.NotFoundError(**ASKED), True, "server"),  # a model that the config names
        (litellm.RateLimitError(**ASKED), True, "server"),
        (litellm.Timeout(**ASKED), True, "server"),
        (litellm.InternalServerError(**ASKED), True, "server"),
        (litellm.APIConnectionError(**ASKED), True, "server"),
        (RuntimeError("a bug"), True, "server"),
        (RuntimeError("a bug"), False, "server"),
        (HTTPException(429), False, "client"),  # the host's own limits
        (HTTPException(408), False, "server"),
        (HTTPException(503), False, "server"),
        (NO_ROOM, False, "server"),
        (ProxyException("no key", "auth_error", "key", 401), False, "client"),
        (ProxyException("down", "internal", None, 500), False, "server"),
    ],
)
def test_a_failure_is_its_client_s_fault_or_the_server_s(exception: Exception, asked: bool, fault: str) -> None:
    assert fault_of(exception, asked=asked) == fault
