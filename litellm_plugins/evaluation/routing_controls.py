"""Routers that know nothing, or next to nothing: what a scorer has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.scoring import Score, Scorer

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


class Random:
    """Says the same of every prompt; ties are taken at random, so this is the expectation over random routers."""

    name = "random"
    needs_embedding = False

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        return Score(0.5, ("random",))


class Length:
    """The more characters, the higher."""

    name = "length"
    needs_embedding = False

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        length = len(conversation.question)
        return Score(length / (length + 1_000), ("length",))


RANKED: tuple[Scorer, ...] = (Random(), Length())
FIXED = {"always-weak": 0.0, "always-strong": 1.0}  # the share of strong calls
HOST = "litellm-v1"
NAMES = (*(control.name for control in RANKED), *FIXED, HOST)
