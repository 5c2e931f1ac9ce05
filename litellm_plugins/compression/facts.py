"""Where in prose something stands that the checker looks for: numbers, negations, quotations, names of machines."""

from __future__ import annotations

from litellm_plugins.compression.checker import negated
from litellm_plugins.compression.pieces import Range
from litellm_plugins.compression.segments import Kind, segments


def facts(text: str) -> list[Range]:
    """Characters that must not be gone, in their order; some may overlap."""
    protected = [(part.start, part.end) for part in segments(text) if part.kind is not Kind.PROSE]
    return sorted([*protected, *negated(text)])
