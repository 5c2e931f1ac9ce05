"""May this request be served the answer to the very same one, in flight or answered a moment ago? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.model import Layer, Reason

if TYPE_CHECKING:
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.model import Request
    from litellm_plugins.settings import Cache

_STORE_IS_AWAY = frozenset({Reason.STORE_UNAVAILABLE, Reason.INTERNAL_ERROR})


def may_be_merged(verdict: Verdict, request: Request, policy: Cache) -> bool:
    """Only where a stored answer would be an exact hit, or there is a window: see `cache/window.py`.

    Who wants a fresh answer, or none kept, asks for itself.
    """
    wants_its_own = request.controls.no_cache or request.controls.no_store
    answered_afresh = policy.shadow or verdict.withheld is not None  # on purpose
    return (
        verdict.is_shared
        and verdict.reason not in _STORE_IS_AWAY
        and (verdict.brief is not None or (verdict.layer is Layer.MISS and policy.exact.enabled))
        and not (wants_its_own or answered_afresh)
    )
