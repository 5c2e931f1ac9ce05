"""What a proxy answered, as tests read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    import httpx
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

Headers = Mapping[str, str]


def cache_of(headers: Headers) -> str | None:
    """What the pack says it did: exact, semantic, miss, bypass, off."""
    return headers.get("x-litellm-plugins-cache")


def reason_of(headers: Headers) -> str | None:
    """And why."""
    return headers.get("x-litellm-plugins-cache-reason")


@dataclass(frozen=True, slots=True)
class Answer:
    """The parsed body and the response's headers. Unpacks as a pair; `wire` is the body as it came."""

    body: ChatCompletion
    headers: httpx.Headers
    wire: Any

    def __iter__(self) -> Iterator[Any]:
        return iter((self.body, self.headers))

    @property
    def text(self) -> str | None:
        """The first choice's words."""
        return self.body.choices[0].message.content

    @property
    def cache(self) -> str | None:
        """See `cache_of`."""
        return cache_of(self.headers)

    @property
    def reason(self) -> str | None:
        """See `reason_of`."""
        return reason_of(self.headers)

    @property
    def cost_usd(self) -> float:
        """The host's cost header."""
        return float(self.headers["x-litellm-response-cost"])

    @property
    def similarity(self) -> float:
        """Of the nearest stored question."""
        return float(self.headers["x-litellm-plugins-cache-similarity"])


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """The chunks and the response's headers. Unpacks as a pair."""

    chunks: list[ChatCompletionChunk]
    headers: httpx.Headers

    def __iter__(self) -> Iterator[Any]:
        return iter((self.chunks, self.headers))

    @property
    def text(self) -> str:
        """The first choice's deltas, joined."""
        deltas = (choice.delta.content for chunk in self.chunks for choice in chunk.choices if choice.index == 0)
        return "".join(delta or "" for delta in deltas)

    @property
    def finish_reason(self) -> str | None:
        """The first choice's."""
        finishes = [choice.finish_reason for chunk in self.chunks for choice in chunk.choices if choice.index == 0]
        return next((finish for finish in finishes if finish), None)

    @property
    def tool_calls(self) -> list[tuple[str, str, str]]:
        """Id, name and arguments of each call, put together from its deltas."""
        calls: dict[int, list[str]] = {}
        for chunk in self.chunks:
            for choice in chunk.choices:
                for part in choice.delta.tool_calls or ():
                    call = calls.setdefault(part.index, ["", "", ""])
                    call[0] += part.id or ""
                    if part.function:
                        call[1] += part.function.name or ""
                        call[2] += part.function.arguments or ""
        return [(call[0], call[1], call[2]) for _, call in sorted(calls.items())]

    @property
    def cache(self) -> str | None:
        """See `cache_of`."""
        return cache_of(self.headers)

    @property
    def reason(self) -> str | None:
        """See `reason_of`."""
        return reason_of(self.headers)

    @property
    def cost_usd(self) -> float:
        """The host's cost header."""
        return float(self.headers["x-litellm-response-cost"])


@dataclass(frozen=True, slots=True)
class Metrics:
    """One reading of /metrics."""

    samples: tuple[tuple[str, Mapping[str, str], float], ...]

    @classmethod
    def parse(cls, text: str) -> Metrics:
        """From the text format."""
        return cls(tuple(_samples(text)))

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples `name` that carry `labels`; 0 where there are none."""
        return sum(value for sample, found, value in self.samples if sample == name and labels.items() <= found.items())


def _samples(text: str) -> Iterable[tuple[str, Mapping[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
