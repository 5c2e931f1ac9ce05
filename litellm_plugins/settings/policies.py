"""Which settings are in force for one request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from litellm_plugins.settings.admission import Admission
from litellm_plugins.settings.blocks import OVERRIDES, Cache, Settings
from litellm_plugins.settings.compression import Compression, compression_with
from litellm_plugins.settings.early_stop import EarlyStop, early_stop_with
from litellm_plugins.settings.output import Output
from litellm_plugins.settings.prompt_caching import PromptCaching, prompt_caching_with

if TYPE_CHECKING:
    from litellm_plugins.model import Identity
    from litellm_plugins.settings.routing import RoutingLimits


class Policies:
    """The settings in force for one request: model, then team, then key; the narrower wins."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._merged = lru_cache(maxsize=4_096)(self._merge)
        self._merged_prompt_caching = lru_cache(maxsize=4_096)(self._merge_prompt_caching)
        self._merged_output = lru_cache(maxsize=4_096)(self._merge_output)
        self._merged_early_stop = lru_cache(maxsize=4_096)(self._merge_early_stop)
        self._merged_admission = lru_cache(maxsize=4_096)(self._merge_admission)
        self._merged_compression = lru_cache(maxsize=4_096)(self._merge_compression)

    @property
    def base(self) -> Cache:
        """What holds where nothing narrower does."""
        return self._settings.cache

    def cache_for(self, identity: Identity, model_group: str) -> Cache:
        """The cache settings for this identity and requested model group."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.cache
        return self._merged(*self._names(identity, model_group))

    def admission_for(self, identity: Identity, model_group: str) -> Admission:
        """What this identity's requests for this model group must be like."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.admission
        return self._merged_admission(*self._names(identity, model_group))

    def compression_for(self, identity: Identity, model_group: str, feature: str) -> Compression:
        """What of this identity's requests for this model group and feature is compressed, and how."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.compression.of_feature(feature)
        return self._merged_compression(*self._names(identity, model_group)).of_feature(feature)

    def prompt_caching_for(self, identity: Identity, model_group: str) -> PromptCaching:
        """Whether this identity's requests for this model group get marks for the provider's prompt cache."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.prompt_caching
        return self._merged_prompt_caching(*self._names(identity, model_group))

    def output_for(self, identity: Identity, model_group: str) -> Output:
        """How long answers to this identity's requests for this model group may be."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.output
        return self._merged_output(*self._names(identity, model_group))

    def early_stop_for(self, identity: Identity, model_group: str) -> EarlyStop:
        """When this identity's streams of this model group are ended."""
        s = self._settings
        if not (s.per_team or s.per_key or s.per_model):
            return s.early_stop
        return self._merged_early_stop(*self._names(identity, model_group))

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

    def _merge_prompt_caching(self, *names: str | None) -> PromptCaching:
        merged = self._settings.prompt_caching
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                merged = prompt_caching_with(merged, getattr(self._settings, table)[name].prompt_caching)
        return merged

    def _merge_admission(self, *names: str | None) -> Admission:
        merged = self._settings.admission
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                over = getattr(self._settings, table)[name].admission
                try:
                    merged = admission_with(merged, over)
                except ValidationError:  # each fits alone, which is checked at boot; of two that do not, the narrower
                    merged = admission_with(self._settings.admission, over)
        return merged

    def _merge_compression(self, *names: str | None) -> Compression:
        merged = self._settings.compression
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                merged = compression_with(merged, getattr(self._settings, table)[name].compression)
        return merged

    def _merge_output(self, *names: str | None) -> Output:
        merged = self._settings.output
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                merged = output_with(merged, getattr(self._settings, table)[name].output)
        return merged

    def _merge_early_stop(self, *names: str | None) -> EarlyStop:
        merged = self._settings.early_stop
        for table, name in zip(OVERRIDES, names, strict=True):
            if name is not None:
                merged = early_stop_with(merged, getattr(self._settings, table)[name].early_stop)
        return merged

    def _merge(self, *names: str | None) -> Cache:
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
    overrides = [over.compression for table in OVERRIDES for over in getattr(settings, table).values()]
    blocks = [settings.compression.model_dump(), *overrides]
    features = [each for block in blocks for each in (block.get("features") or {}).values()]
    return any(block.get("enabled") is True for block in (*blocks, *features))


def stops_anywhere(settings: Settings) -> bool:
    """Whether any stream at all may be ended early."""
    overrides = [override.early_stop for table in OVERRIDES for override in getattr(settings, table).values()]
    blocks = [settings.early_stop, *(early_stop_with(settings.early_stop, over) for over in overrides)]
    return any(block.enabled or any(over.get("enabled") for over in block.features.values()) for block in blocks)


def cache_anywhere(settings: Settings) -> bool:
    """Whether any request at all may be cached."""
    return any(cache.enabled for cache in _caches(settings))


def prompt_caching_anywhere(settings: Settings) -> bool:
    """Whether any request at all may get marks for the provider's prompt cache."""
    overrides = [override.prompt_caching for table in OVERRIDES for override in getattr(settings, table).values()]
    return any(prompt_caching_with(settings.prompt_caching, over).enabled for over in ({}, *overrides))


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


def admission_with(base: Admission, over: Mapping[str, Any]) -> Admission:
    """The block with what `over` names replaced. Raises: ValidationError."""
    return Admission.model_validate(deep_merge(base.model_dump(exclude_unset=True), over))


def output_with(base: Output, over: Mapping[str, Any]) -> Output:
    """The block with what `over` names replaced. Raises: ValidationError."""
    return Output.model_validate(deep_merge(base.model_dump(exclude_unset=True), over))


def deep_merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `over` names replaced, block by block."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = deep_merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged
