"""Where an answer lies that serves the very same request for `coalesce.window_s`, though no layer would. Pure.

It is somebody's who asked the same thing a moment ago: same tenant, same end user where the prompt is personal, same
conversation and parameters. What has no keys (no identity, images) has no place here, nor has who wants its own answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.cache import keys
from litellm_plugins.cache.volatility import Treatment, lifetime_s
from litellm_plugins.model import Reason

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry
    from litellm_plugins.model import Request
    from litellm_plugins.settings import Cache


def place_of(
    request: Request, policy: Cache, treatment: Treatment, derived: keys.Keys | Reason, window_s: float
) -> keys.Keys | None:
    """`derived` are the keys that the request has whatever its class; None: nothing to keep beside what the layers do.

    The place that the layers know, where they keep the answer for long enough and only do not serve it exactly.
    """
    wants_its_own = request.controls.no_cache or request.controls.no_store or policy.shadow
    if window_s <= 0 or wants_its_own or isinstance(derived, Reason):
        return None
    kept_long_enough = treatment.refusal is None and lifetime_s(treatment, None, derived.exact) >= window_s
    if not kept_long_enough:
        return keys.aside(derived)
    return None if policy.exact.enabled else derived


def brief(entry: Entry, request: Request, window_s: float) -> Entry:
    """The entry as it lies there: no longer than the window, nor than its asker wanted."""
    wanted = request.controls.ttl_s
    for_s = window_s if wanted is None else min(window_s, wanted)
    return replace(entry, question=None, volatility="", expires_at=entry.created_at + for_s)
