"""Virtual keys from the YAML block, through the host's `general_settings.custom_auth`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - the host inspects the signature
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

from litellm_plugins.proxy.boot import loaded_pack
from litellm_plugins.virtual_keys.key_ring import hash_of, same_secret

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
    holder = pack.key_ring.find(api_key) if pack else None
    if holder is None:
        raise _refusal("Incorrect API key provided.")
    return _identity(holder)


def _refusal(message: str) -> ProxyException:
    return ProxyException(
        message=message,
        type="invalid_request_error",
        param="api_key",
        code=401,
        openai_code="invalid_api_key",
    )


def _identity(holder: KeyHolder) -> UserAPIKeyAuth:
    return UserAPIKeyAuth(
        api_key=holder.key_hash,
        token=holder.key_hash,
        key_alias=holder.name,
        team_id=holder.team_id,
        team_alias=holder.team_alias,
        user_id=holder.user_id,
        models=list(holder.models),
        team_models=list(holder.team_models),
        user_role=LitellmUserRoles.INTERNAL_USER,
    )
