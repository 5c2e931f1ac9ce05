"""Custom authentication of the contract tests' proxy: a key says itself what it may do.

`sk-contract:rpm=4:parallel=2:models=gpt-4.1-mini:spent=gpt-4.1:NAME`; its budget for the model `spent` is spent.
Every other key is refused as ours refuses it.
"""

from __future__ import annotations

import hashlib

from fastapi import Request  # noqa: TC002 - the host inspects the signature
from litellm.proxy import proxy_server
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth


async def identify(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    """The identity that `api_key` claims."""
    api_key = api_key or ""
    key_hash = hashlib.sha256(api_key.encode()).hexdigest()
    if api_key == proxy_server.master_key:
        return UserAPIKeyAuth(api_key=key_hash, user_role=LitellmUserRoles.PROXY_ADMIN)
    kind, *claims = api_key.split(":")
    if kind != "sk-contract":
        raise ProxyException(
            message="Incorrect API key provided.",
            type="invalid_request_error",
            param="api_key",
            code=401,
            openai_code="invalid_api_key",
        )
    told = dict(claim.split("=", 1) for claim in claims if "=" in claim)
    return UserAPIKeyAuth(
        api_key=key_hash,
        token=key_hash,
        team_id="contract",
        user_role=LitellmUserRoles.INTERNAL_USER,
        model_max_budget={told["spent"]: {"max_budget": 0.0, "budget_duration": "1d"}} if "spent" in told else {},
        models=told["models"].split("+") if "models" in told else [],
        rpm_limit=int(told["rpm"]) if "rpm" in told else None,
        max_parallel_requests=int(told["parallel"]) if "parallel" in told else None,
    )
