"""What the cache says of one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.model import Layer, Reason

if TYPE_CHECKING:
    from litellm_plugins.cache import keys
    from litellm_plugins.cache.checks import Withheld
    from litellm_plugins.cache.keys import Keys
    from litellm_plugins.cache.store import Entry
    from litellm_plugins.cache.verifier.verifier import Assessment
    from litellm_plugins.cache.volatility import Treatment
    from litellm_plugins.embedding.embedder import Embedding


@dataclass(frozen=True, slots=True)
class Verdict:
    """Layer, reason, and what is served; carried until its answer is stored."""

    layer: Layer
    reason: Reason
    entry: Entry | None = None
    similarity: float | None = None
    keys: keys.Keys | None = None
    embedding: Embedding | None = None
    failure: str | None = None  # what a fail-open stage broke on: the detail for the log
    matched_question: str | None = None
    probability: float | None = None  # that the nearest answer is right
    assessment: Assessment | None = None  # what the fresh answer will teach
    brief: Keys | None = None  # where its answer lies for `coalesce.window_s`, as no layer would serve it so long
    treatment: Treatment | None = None  # what its class asks for
    withheld: Withheld | None = None  # what would have been served, had it not been answered afresh

    @property
    def is_hit(self) -> bool:
        """Whether `entry` is to be served."""
        return self.entry is not None

    @property
    def is_shared(self) -> bool:
        """Whether its fresh answer is kept for anybody."""
        return not self.is_hit and (self.keys is not None or self.brief is not None)

    @property
    def given(self) -> bytes | None:
        """The id of the answer that is served, or would be but for the shadow."""
        if self.entry is not None:
            return self.entry.answer_id
        return self.withheld.answer_id if self.withheld is not None and self.is_in_shadow else None

    @property
    def is_in_shadow(self) -> bool:
        """Whether it would be a hit, where nothing is served yet: then the cache goes on as if it were one."""
        return self.withheld is not None and self.reason is Reason.SHADOW
