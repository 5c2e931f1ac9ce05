"""Rules that a user can read: begun with length alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.scoring import Score

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


class Heuristic:
    """Counts, word lists and patterns."""

    name = "heuristic"
    needs_embedding = False

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        """Judge by the length of the question."""
        length = len(conversation.question)
        return Score(length / (length + 400), ("long",) if length > 400 else ())
