"""The scorers that the pack ships, by name."""

from __future__ import annotations

from litellm_plugins.routing.scorers.heuristic import Heuristic
from litellm_plugins.routing.scoring import Scorer

NAMES = ("heuristic", "trained")


def build(name: str) -> Scorer:
    """The scorer called `name`. Raises: ValueError; ArtefactUnusable, where its file is not what was shipped."""
    if name == "heuristic":
        return Heuristic()
    if name == "trained":
        from litellm_plugins.routing.scorers.trained import shipped  # noqa: PLC0415 - numpy, for those who ask for it

        return shipped()
    raise ValueError(f"no scorer is called {name!r}: there are {', '.join(NAMES)}")
