"""LLMLingua's processes, as the settings name them: clients of those that run, and those that are started here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from litellm_plugins.compression.llmlingua.child import Child, Start
from litellm_plugins.compression.llmlingua.client import LinguaClient
from litellm_plugins.compression.llmlingua.method import NAME, llmlingua
from litellm_plugins.telemetry.events import StageFailed

if TYPE_CHECKING:
    from litellm_plugins.compression.llmlingua.protocol import Refusal
    from litellm_plugins.compression.methods import Method
    from litellm_plugins.settings.compression import Compression
    from litellm_plugins.settings.llmlingua import Llmlingua
    from litellm_plugins.telemetry.events import Telemetry


@dataclass(frozen=True, slots=True)
class _Sidecar:
    client: LinguaClient
    child: Child | None


class Sidecars:
    """One client for each that the settings tell apart; used on the event loop."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._known: dict[tuple[object, ...], _Sidecar] = {}

    def start(self, policy: Compression) -> None:
        """Begin to start the one that `policy` wants, so that its model is loaded when the first request comes."""
        if policy.enabled and NAME in policy.methods:
            self._sidecar(policy.llmlingua)

    def close(self) -> None:
        """End those that were started here. Takes a few seconds where one is at a text."""
        for each in self._known.values():
            if each.child is not None:
                each.child.stop()

    def method(self, policy: Compression) -> Method:
        """What `policy` wants done."""
        wanted = policy.llmlingua
        return llmlingua(
            self._sidecar(wanted).client,
            settings=f"{wanted.url} {wanted.model}",
            target_tokens=wanted.target_tokens,
            force_tokens=wanted.force_tokens,
            force_digits=wanted.force_digits,
            refused=partial(self._refused, asyncio.get_running_loop()),
        )

    def _sidecar(self, wanted: Llmlingua) -> _Sidecar:
        start = Start(
            wanted.model,
            device=wanted.device,
            download=wanted.download,
            python=wanted.python,
            most_waiting=wanted.most_waiting,
        )
        key = (wanted.url or start, wanted.most_in_flight)
        if key not in self._known:
            child = None if wanted.url else Child(start)
            if child is not None:
                child.start()
            url = wanted.url if child is None else child.url
            self._known[key] = _Sidecar(LinguaClient(url, most_in_flight=wanted.most_in_flight), child)
        return self._known[key]

    def _refused(self, loop: asyncio.AbstractEventLoop, reason: Refusal, detail: str) -> None:
        """In a thread of the pool."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._telemetry.emit, StageFailed("compress", f"llmlingua_{reason}", detail))
