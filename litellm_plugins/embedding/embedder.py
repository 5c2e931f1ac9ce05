"""What an embedder promises, and the value it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Vector = numpy.typing.NDArray[numpy.float32]


@dataclass(frozen=True, slots=True)
class Embedding:
    """One text's place in the vector space."""

    vector: Vector
    """Shape (dimensions,), float32, unit length."""
    partial: bool
    """The text is longer than the model reads, or holds signs it cannot tell apart: the vector is not all of it."""


class EmbedderUnavailable(PluginError):
    """No embedding can be given, now or ever; `reason` is the word that metric and log carry.

    `files_missing`, `sums_mismatch`, `runtime_missing`, `model_unusable` and `closed` last as long as the
    embedder; `queue_full` passes.
    """

    code = "embedder_unavailable"
    http_status = 503

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        self.retryable = reason == "queue_full"
        super().__init__(f"{reason}: {detail}" if detail else reason)


class Embedder(Protocol):
    """Gives every text a unit vector such that near in meaning is near in cosine."""

    @property
    def model_id(self) -> str:
        """Names the vector space, with a digest of the weights: vectors of two ids are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    async def embed(self, text: str) -> Embedding:
        """The embedding of `text`, without blocking the event loop.

        Raises:
            EmbedderUnavailable: there is none to be had.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what is held; later calls of `embed` raise. Closing twice does no harm."""
        ...
