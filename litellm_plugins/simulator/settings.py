"""What can be set about a simulator."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litellm_plugins.simulator.shelf import BatchStatus

DEFAULT_MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "text-embedding-3-small",
    "text-embedding-3-large",
)


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """`latency_scale` multiplies every wait: 1.0 is about a provider's pace, 0 answers at once.

    `models` is only what `GET /v1/models` lists: any model name is answered. With an `api_key`, every
    endpoint but `/health` asks for it. `max_conversation_bytes` is what conversations may hold that a later
    request goes on with (`previous_response_id`). `topics` names the topic of some questions: those of one topic
    get the same answer, but for the mark `[ref …]`, which is always the question's own. `script` gives, for a model
    and a question, the text of the answer; None leaves it to the simulator. A batch is completed after `batch_s`, times
    `latency_scale`, unless `batch_fate`, asked whenever somebody looks, names another status for it.
    """

    latency_scale: float = 1.0
    api_key: str | None = None
    models: tuple[str, ...] = DEFAULT_MODELS
    max_body_bytes: int = 8 * 1024 * 1024
    max_recorded_requests: int = 10_000
    max_recorded_body_bytes: int = 64 * 1024
    max_recorded_total_bytes: int = 64 * 1024 * 1024
    max_conversation_bytes: int = 64 * 1024 * 1024
    topics: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic  # seconds, of the prompt cache and of batches
    script: Callable[[str, str], str | None] = lambda _model, _question: None
    batch_s: float = 30.0
    batch_fate: Callable[[Mapping[str, Any]], BatchStatus | None] = lambda _batch: None

    def __post_init__(self) -> None:
        if self.latency_scale < 0:
            raise ValueError(f"latency_scale is {self.latency_scale}; it must be 0 or more")
