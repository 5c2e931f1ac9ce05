"""Virtual keys from the YAML block, through the host's `general_settings.custom_auth`."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - the host inspects the signature
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

from litellm_plugins.proxy.boot import loaded_pack
from litellm_plugins.virtual_keys.key_ring import KeyState, hash_of, same_secret

if TYPE_CHECKING:
    from litellm_plugins.virtual_keys.key_ring import KeyHolder


async def virtual_key_auth(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    """The identity behind `api_key`: the master key's, or a virtual key's. Raises: ProxyException, 401."""
    from litellm.proxy import proxy_server

    if not api_key:  # the host passes None where no credential was sent
        raise _refusal("No API key provided.")
    if proxy_server.master_key and same_secret(api_key, proxy_server.master_key):
        return UserAPIKeyAuth(api_key=hash_of(api_key), user_role=LitellmUserRoles.PROXY_ADMIN, key_alias="master")
    pack = loaded_pack()
    holder = await pack.keys.find(api_key) if pack else None
    if holder is None:
        raise _refusal("Incorrect API key provided.")
    state = holder.state(datetime.now(UTC))
    if state is not KeyState.ACTIVE:
        raise _refusal(_closed(state, holder))
    return identity(holder)


def _closed(state: KeyState, holder: KeyHolder) -> str:
    """Told only to who has the key itself."""
    if state is KeyState.EXPIRED and holder.expires is not None:
        return f"This API key expired at {holder.expires.isoformat(timespec='seconds')}."
    return f"This API key is {state}."


def _refusal(message: str) -> ProxyException:
    return ProxyException(
        message=message,
        type="invalid_request_error",
        param="api_key",
        code=401,
        openai_code="invalid_api_key",
    )


def identity(holder: KeyHolder) -> UserAPIKeyAuth:
    """As the host, its rate limiter and our budgets take it."""
    key, team = holder.key, holder.team
    return UserAPIKeyAuth(
        api_key=holder.key_hash,
        token=holder.key_hash,
        key_alias=key.name,
        user_id=key.user,
        user_role=LitellmUserRoles.INTERNAL_USER,
        models=list(holder.models),
        rpm_limit=key.rpm_limit,
        tpm_limit=key.tpm_limit,
        max_parallel_requests=key.max_parallel_requests,
        metadata=copy.deepcopy(key.metadata),  # the host writes into it
        expires=holder.expires,
        team_id=key.team,
        team_alias=team.alias if team else None,
        team_models=list(holder.team_models),
        team_rpm_limit=team.rpm_limit if team else None,
        team_tpm_limit=team.tpm_limit if team else None,
        team_metadata=copy.deepcopy(team.metadata) if team else None,
    )
