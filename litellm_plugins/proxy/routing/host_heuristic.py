"""LiteLLM's own score for a prompt (v1, `auto_router/complexity_router`), as a control for ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.scoring import Score

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


class HostHeuristic:
    """Asks the host's class with its default settings; no proxy is needed."""

    name = "litellm-v1"
    needs_embedding = False

    def __init__(self) -> None:
        import litellm
        from litellm.router_strategy.complexity_router.complexity_router import ComplexityRouter

        tiers = {"SIMPLE": "simple", "MEDIUM": "medium", "COMPLEX": "complex", "REASONING": "reasoning"}
        self._router = ComplexityRouter(
            model_name="auto",
            litellm_router_instance=litellm.Router(model_list=[]),
            complexity_router_config={"tiers": tiers},
        )

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        """The host's weighted sum, which lies within -1 and 1, brought to [0, 1]."""
        tier, value, _ = self._router.classify(conversation.question)
        return Score(min(1.0, max(0.0, (value + 1) / 2)), (str(tier.value).lower(),))
