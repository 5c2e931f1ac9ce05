"""Which team a name means, and no other. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from litellm_plugins.errors import RequestError


@dataclass(frozen=True, slots=True)
class Team:
    """As whoever keeps teams knows it."""

    id: str
    alias: str | None = None

    @property
    def word(self) -> str:
        """The name that its calls are counted under."""
        return self.alias or self.id

    @property
    def names(self) -> frozenset[str]:
        """All that it goes by."""
        return frozenset({self.word, self.id})


def the_one(name: str, known: Iterable[Team]) -> Team:
    """The team of that id or alias, where none of its names is another's as well. Raises: RequestError.

    Calls are counted, and accounts named, by such words alone: of two teams that share one, neither can be told apart.
    """
    teams = frozenset(known)
    found = [team for team in teams if name in team.names]
    if not found:
        raise RequestError("team: no team goes by that name", param="team")
    if len(found) > 1 or any(found[0].names & other.names for other in teams - {found[0]}):
        raise RequestError("team: another team goes by the same name: rename one of them", param="team")
    return found[0]
