"""Any LiteLLM embedding model as our embedder, called through the host's own router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_plugins.cache.own_calls import tab
from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.proxy.host.prices import told_nano_usd

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

_MAX_CHARACTERS = 16_000  # every hosted embedding model reads at least the 4,000-odd tokens that this is


class HostEmbedder:
    """Embeds with the model group `name` of the proxy's config."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._dimensions = 0

    @property
    def model_id(self) -> str:
        """Names the vector space."""
        return f"litellm:{self._name}"

    @property
    def dimensions(self) -> int:
        """Known after the first embedding; 0 before."""
        return self._dimensions

    async def embed(self, text: str) -> Embedding:
        """Embed `text`. Raises: EmbedderUnavailable."""
        from litellm.proxy import proxy_server

        router = proxy_server.llm_router
        if router is None:
            raise EmbedderUnavailable("the proxy's router is not up yet")
        try:
            response = await router.aembedding(model=self._name, input=[text[:_MAX_CHARACTERS]])
            _paid(response)
            vector = _unit(response.data[0])
        except Exception as exc:
            # Only the kind: a provider's error text may repeat the prompt, or part of a key.
            raise EmbedderUnavailable("provider_error", f"{self._name}: {type(exc).__name__}") from exc
        self._dimensions = len(vector)
        return Embedding(vector=vector, partial=len(text) > _MAX_CHARACTERS)

    async def aclose(self) -> None:
        """Nothing to close: the router is the host's."""


def _paid(response: Any) -> None:
    """Put the call on the tab of the request that it was made for, by the host's own count."""
    payer = tab()
    if payer is not None:
        payer.add(told_nano_usd(response))


def _unit(item: Any) -> Vector:
    raw = item["embedding"] if isinstance(item, dict) else item.embedding
    vector = np.asarray(raw, dtype=np.float32)
    norm = float(np.linalg.norm(vector))
    if not norm > 0:
        raise EmbedderUnavailable("the model returned a null vector")
    return vector / norm
