"""The scorers that the pack ships, by name."""

from __future__ import annotations

from litellm_plugins.routing.scorers.heuristic import Heuristic
from litellm_plugins.routing.scoring import Scorer

NAMES = ("heuristic",)


def build(name: str) -> Scorer:
    """The scorer called `name`. Raises: ValueError."""
    if name == "heuristic":
        return Heuristic()
    raise ValueError(f"no scorer is called {name!r}: there are {', '.join(NAMES)}")
