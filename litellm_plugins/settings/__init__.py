"""The YAML block `callback_settings: litellm_plugins:`."""

from __future__ import annotations

from litellm_plugins.settings.blocks import Cache, Events, Semantic, Settings, Storage, VirtualKeys
from litellm_plugins.settings.parsing import ROOT, parse
from litellm_plugins.settings.policies import Policies, cache_anywhere, promised_rates, semantic_anywhere

__all__ = [
    "ROOT",
    "Cache",
    "Events",
    "Policies",
    "Semantic",
    "Settings",
    "Storage",
    "VirtualKeys",
    "cache_anywhere",
    "parse",
    "promised_rates",
    "semantic_anywhere",
]
