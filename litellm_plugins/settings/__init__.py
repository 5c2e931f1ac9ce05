"""The YAML block `callback_settings: litellm_plugins:`."""

from __future__ import annotations

from litellm_plugins.settings.blocks import Cache, Events, Semantic, Settings, Storage
from litellm_plugins.settings.parsing import ROOT, parse, parse_keys
from litellm_plugins.settings.policies import (
    Policies,
    cache_anywhere,
    compression_anywhere,
    history_anywhere,
    promised_rates,
    prompt_caching_anywhere,
    semantic_anywhere,
    stops_anywhere,
)
from litellm_plugins.settings.virtual_keys import KeysFile, Team, VirtualKey, VirtualKeys

__all__ = [
    "ROOT",
    "Cache",
    "Events",
    "KeysFile",
    "Policies",
    "Semantic",
    "Settings",
    "Storage",
    "Team",
    "VirtualKey",
    "VirtualKeys",
    "cache_anywhere",
    "compression_anywhere",
    "history_anywhere",
    "parse",
    "parse_keys",
    "promised_rates",
    "prompt_caching_anywhere",
    "semantic_anywhere",
    "stops_anywhere",
]
