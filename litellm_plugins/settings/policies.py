"""Which settings are in force for one request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from litellm_plugins.settings.block import Block, deep_merge
from litellm_plugins.settings.blocks import OVERRIDES, Cache, Settings

if TYPE_CHECKING:
    from litellm_plugins.model import Identity
    from litellm_plugins.settings.admission import Admission
    from litellm_plugins.settings.compression import Compression
    from litellm_plugins.settings.early_stop import EarlyStop
    from litellm_plugins.settings.output import Output
    from litellm_plugins.settings.prompt_caching import PromptCaching
    from litellm_plugins.settings.routing import RoutingLimits

B = TypeVar("B", bound=Block)


class Policies:
    """The settings in force for one request: model, then team, then key; the narrower wins."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._has_overrides = any(getattr(settings, table) for table in OVERRIDES)
        self._merged_cache = lru_cache(maxsize=4_096)(self._merge_cache)
        self._merged = lru_cache(maxsize=16_384)(self._merge)

    @property
    def base(self) -> Cache:
        """What holds where nothing narrower does."""
        return self._settings.cache

    def cache_for(self, identity: Identity, model_group: str) -> Cache:
        """The cache settings for this identity and requested model group."""
        if not self._has_overrides:
            return self._settings.cache
        return self._merged_cache(*self._names(identity, model_group))

    def admission_for(self, identity: Identity, model_group: str) -> Admission:
        """What this identity's requests for this model group must be like."""
        return self._in_force(self._settings.admission, "admission", identity, model_group)

    def compression_for(self, identity: Identity, model_group: str, feature: str) -> Compression:
        """What of this identity's requests for this model group and feature is compressed, and how."""
        return self._in_force(self._settings.compression, "compression", identity, model_group).of_feature(feature)

    def prompt_caching_for(self, identity: Identity, model_group: str) -> PromptCaching:
        """Whether this identity's requests for this model group get marks for the provider's prompt cache."""
        return self._in_force(self._settings.prompt_caching, "prompt_caching", identity, model_group)

    def output_for(self, identity: Identity, model_group: str) -> Output:
        """How long answers to this identity's requests for this model group may be."""
        return self._in_force(self._settings.output, "output", identity, model_group)

    def early_stop_for(self, identity: Identity, model_group: str) -> EarlyStop:
        """When this identity's streams of this model group are ended."""
        return self._in_force(self._settings.early_stop, "early_stop", identity, model_group)

    def routing_for(self, identity: Identity) -> RoutingLimits:
        """How far this identity's requests may be routed."""
        s = self._settings
        _, team, key = self._names(identity, "")
        over = [table[name].routing for table, name in ((s.per_team, team), (s.per_key, key)) if name is not None]
        return s.routing.limits_with(*over)

    def _names(self, identity: Identity, model_group: str) -> tuple[str | None, ...]:
        """Under which each table of overrides has something for them, in the order of the tables."""
        s = self._settings
        team = next((n for n in (identity.team_id, identity.team_alias) if n in s.per_team), None)
        key = next((n for n in (identity.key_id, identity.key_alias) if n in s.per_key), None)
        return model_group if model_group in s.per_model else None, team, key

    def _in_force(self, base: B, block: str, identity: Identity, model_group: str) -> B:
        """The settings' `block`, which is `base`, with what is said for this identity and model group."""
        if not self._has_overrides:
            return base
        merged: B = self._merged(block, *self._names(identity, model_group))
        return merged

    def _merge(self, block: str, *names: str | None) -> Any:  # noqa: ANN401 - a block of its kind
        base = merged = getattr(self._settings, block)
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                over = getattr(getattr(self._settings, table)[name], block)
                try:
                    merged = merged.overridden(over)
                except ValidationError:  # each fits alone, which is checked at boot; of two that do not, the narrower
                    merged = base.overridden(over)
        return merged

    def _merge_cache(self, *names: str | None) -> Cache:
        merged = self._settings.cache.model_dump(exclude_unset=True)
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                merged = overridden(merged, getattr(self._settings, table)[name].cache)
        defaults = Cache()
        longest = merged.get("max_ttl_s", defaults.max_ttl_s)  # each fits alone; together they may not
        merged["ttl_s"] = min(merged.get("ttl_s", defaults.ttl_s), longest)
        return Cache.model_validate(merged)


def compression_anywhere(settings: Settings) -> bool:
    """Whether any request at all may be compressed."""
    return any(_on_for_some(each) for each in _variants(settings, settings.compression, "compression"))


def history_anywhere(settings: Settings) -> bool:
    """Whether any conversation at all may be cut."""
    overrides = [over.compression for table in OVERRIDES for over in getattr(settings, table).values()]
    blocks = [settings.compression.model_dump(), *overrides]
    features = [each for block in blocks for each in (block.get("features") or {}).values()]
    wanted = any((block.get("history") or {}).get("max_tokens") is not None for block in (*blocks, *features))
    return wanted and compression_anywhere(settings)


def stops_anywhere(settings: Settings) -> bool:
    """Whether any stream at all may be ended early."""
    return any(_on_for_some(each) for each in _variants(settings, settings.early_stop, "early_stop"))


def prompt_caching_anywhere(settings: Settings) -> bool:
    """Whether any request at all may get marks for the provider's prompt cache."""
    return any(each.enabled for each in _variants(settings, settings.prompt_caching, "prompt_caching"))


def cache_anywhere(settings: Settings) -> bool:
    """Whether any request at all may be cached."""
    return any(cache.enabled for cache in _caches(settings))


def semantic_anywhere(settings: Settings) -> bool:
    """Whether any request at all may be answered by a question that means the same."""
    return any(cache.enabled and cache.semantic.enabled for cache in _caches(settings))


def promised_rates(settings: Settings) -> list[float]:
    """Every rate of errors that is promised to somebody, each once, in order."""
    promising = [each.semantic for each in _caches(settings) if each.enabled and each.semantic.enabled]
    return sorted({semantic.max_error_rate for semantic in promising if semantic.threshold is None})


def _caches(settings: Settings) -> list[Cache]:
    """What holds for all, and what each override makes of it."""
    base = settings.cache.model_dump(exclude_unset=True)
    overrides = [override.cache for table in OVERRIDES for override in getattr(settings, table).values()]
    return [Cache.model_validate(overridden(base, override)) for override in ({}, *overrides)]


def overridden(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The `cache` block `base`, as far as it was given, with what `over` names replaced."""
    merged = deep_merge(base, over)
    named = over.get("semantic")
    semantic = merged.get("semantic")
    if isinstance(named, Mapping) and isinstance(semantic, dict):  # one way to decide takes the other's place
        for one, other in (("threshold", "max_error_rate"), ("max_error_rate", "threshold")):
            if named.get(one) is not None and other not in named:
                semantic.pop(other, None)
    return merged


def _variants(settings: Settings, base: B, block: str) -> list[B]:
    """The block `base` as it holds for all, and as each override makes it."""
    overrides = [getattr(over, block) for table in OVERRIDES for over in getattr(settings, table).values()]
    return [base, *(base.overridden(over) for over in overrides)]


def _on_for_some(block: Compression | EarlyStop) -> bool:
    return block.enabled or any(over.get("enabled") is True for over in block.features.values())
