"""Fewer tokens for the same meaning: each method is reversible, or changes only what no reader reads."""

from __future__ import annotations

from litellm_plugins.compression.lossless.chain import lossless, restore
from litellm_plugins.compression.lossless.tools import compact_tools

__all__ = ["compact_tools", "lossless", "restore"]
