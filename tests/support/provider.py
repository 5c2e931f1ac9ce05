"""The provider of the tests: the simulator, answering at once, with what tests ask of its records."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.simulator import Simulator, SimulatorSettings, reference

if TYPE_CHECKING:
    from litellm_plugins.simulator.shelf import BatchStatus

# Where a request says what it asks, by the endpoint's name.
_ASKED_IN = {"chat": "messages", "messages": "messages", "responses": "input", "completions": "prompt"}


class Provider(Simulator):
    """A simulator on a free port. Many tests share it: ask it about your own question, not for totals."""

    def __init__(
        self,
        *,
        latency_scale: float = 0,
        topics: Mapping[str, str] | None = None,
        script: Callable[[str, str], str | None] = lambda _model, _question: None,
        clock: Callable[[], float] = time.monotonic,
        batch_fate: Callable[[Mapping[str, Any]], BatchStatus | None] = lambda _: None,
    ) -> None:
        settings = SimulatorSettings(
            latency_scale=latency_scale, topics=topics or {}, script=script, clock=clock, batch_fate=batch_fate
        )
        super().__init__(settings)

    def requests(self) -> list[dict[str, Any]]:
        """What was received, but for looks at the list of models: the host takes its own, at boot and then on."""
        return [request for request in super().requests() if request["endpoint"] != "models"]

    def count(self, endpoint: str | None = None) -> int:
        """The same, counted; of one endpoint whatever it is."""
        counts: dict[str, int] = self._get("/simulator/count").json()["by_endpoint"]
        return counts.get(endpoint, 0) if endpoint else sum(counts.values()) - counts.get("models", 0)

    def requests_about(self, text: str) -> list[dict[str, Any]]:
        """The requests for an answer, on any endpoint, with `text` anywhere in what they ask, oldest first."""
        return [
            request
            for request in self.requests()
            if request["endpoint"] in _ASKED_IN
            and text in str((request["body"] or {}).get(_ASKED_IN[request["endpoint"]]))
        ]

    def times_asked(self, text: str) -> int:
        """How often the provider was asked about `text`."""
        return len(self.requests_about(text))


def mark_of(text: str) -> str:
    """What stands in the simulator's answer to `text`, and in no other."""
    return f"[ref {reference(text)}]"
