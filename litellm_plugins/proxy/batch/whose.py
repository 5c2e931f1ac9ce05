"""Whose a request is: who may fetch its answer, and whether the host treats it as it would anybody else's.

A batch is one account's, with requests of many callers: where the host tells them apart, they cannot go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import litellm

from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.telemetry.sinks.headers import PREFIX

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.model import Identity

# What the host puts into a request, from a key, a team, a project or a forwarded header, to have it answered by another
# account, under another name, or in one region only.
_ELSEWHERE = (
    *("api_key", "api_base", "base_url", "organization", "litellm_credential_name"),
    *("extra_headers", "extra_body", "allowed_model_region", "user_config", "router_settings_override"),
)
_BUDGETS = ("max_budget", "budget_limits")  # how the names of those end that the host keeps itself


def fetched_by(identity: Identity) -> str:
    """Who may fetch the answer; empty: nobody could be told from others. With the token of a login there is no key."""
    if identity.team_id or identity.key_id:
        return tenant_of(identity)
    return f"user:{identity.user_id}" if identity.user_id else ""


def goes_elsewhere(data: Mapping[str, Any]) -> str:
    """What sends it another way than the deployment says; empty: nothing does."""
    found = next((name for name in _ELSEWHERE if data.get(name)), "")
    if found:
        return found
    headers = data.get("headers")  # that the host forwards
    names = headers if isinstance(headers, Mapping) else {}
    return "headers" if any(not str(name).lower().startswith(PREFIX) for name in names) else ""


def has_host_budget(auth: UserAPIKeyAuth) -> bool:
    """Whether a budget of the host's covers it (of the key, its team, user, organization, end user, or of all)."""
    named = (name for name in type(auth).model_fields if name.endswith(_BUDGETS))
    return bool(litellm.max_budget) or any(getattr(auth, name, None) not in (None, {}, []) for name in named)
