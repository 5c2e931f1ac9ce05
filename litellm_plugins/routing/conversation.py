"""What a router sees of a request, whatever the endpoint called it."""

from __future__ import annotations

from dataclasses import dataclass

_SYSTEM = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: str
    """`system`, `developer`, `user`, `assistant` or `tool`."""
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns in order, and what the request asks for beside text."""

    turns: tuple[Turn, ...]
    tools: int = 0
    images: int = 0
    json_schema: bool = False

    @property
    def question(self) -> str:
        """The text of the last user turn; empty where no user spoke."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def context(self) -> tuple[Turn, ...]:
        """The turns before the question, without system and developer ones."""
        last = next((at for at in range(len(self.turns) - 1, -1, -1) if self.turns[at].role == "user"), 0)
        return tuple(turn for turn in self.turns[:last] if turn.role not in _SYSTEM)


def of_text(prompt: str) -> Conversation:
    """A conversation that is one bare prompt."""
    return Conversation((Turn("user", prompt),))
