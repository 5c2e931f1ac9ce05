"""Whose budgets a request draws on, from what the host and the request say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.enforcement import Caller

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.budgets.from_metadata import Holder
    from litellm_plugins.model import Identity

_PLACES = ("metadata", "litellm_metadata")
_OURS = "litellm_plugins"  # in a key's or a team's metadata


def caller_of(identity: Identity, feature: str, data: Mapping[str, Any], auth: UserAPIKeyAuth) -> Caller:
    """Who asks, and what for."""
    return Caller(identity, feature, _tags(data), _metadata(auth))


def _tags(data: Mapping[str, Any]) -> tuple[str, ...]:
    lists = (place.get("tags") for name in _PLACES if isinstance(place := data.get(name), Mapping))
    tags = (tag for tags in lists if isinstance(tags, list) for tag in tags if isinstance(tag, str))
    return tuple(dict.fromkeys(tags))


def _metadata(auth: UserAPIKeyAuth) -> dict[Holder, object]:
    """What its team and its key bring along."""
    given: dict[Holder, Any] = {"team": auth.team_metadata, "key": auth.metadata}
    return {holder: own[_OURS] for holder, own in given.items() if isinstance(own, Mapping) and own.get(_OURS)}
