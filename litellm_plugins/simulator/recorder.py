"""What reached the simulator, so that a test can prove what did not."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from litellm_plugins.simulator.prompt_cache import CacheUse

Ending = Literal["complete", "dropped", "ended_early"]
Outcome = Literal["open", "client_left"] | Ending

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "cookie"})


@dataclass(slots=True)
class Record:
    """One request. `outcome` and `tokens_sent` follow the answer while it is being sent.

    `body` is None where it was longer than the limit or has been given up for newer ones.
    """

    endpoint: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    body_bytes: int
    status: int | None = None
    outcome: Outcome = "open"
    tokens_sent: int = 0
    model: str = ""  # once the request is found valid and is being answered, as is the next
    prompt_tokens: int = 0
    cached: CacheUse = field(default_factory=CacheUse)  # of them

    def asks(self, model: str, prompt_tokens: int, cached: CacheUse = CacheUse()) -> None:  # noqa: B008 - frozen
        """What it is about to be answered by, and how much it had to read."""
        self.model, self.prompt_tokens, self.cached = model, prompt_tokens, cached

    def as_json(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": _parsed(self.body),
            "body_bytes": self.body_bytes,
            "status": self.status,
            "outcome": self.outcome,
            "tokens_sent": self.tokens_sent,
            "prompt_tokens": self.prompt_tokens,
            "cache_read_tokens": self.cached.read,
            "cache_written_5m_tokens": self.cached.written_5m,
            "cache_written_1h_tokens": self.cached.written_1h,
        }


class Recorder:
    """The last requests, and how many there were since the last `clear`. Belongs to one event loop."""

    def __init__(self, *, max_requests: int, max_body_bytes: int, max_total_bytes: int) -> None:
        self._records: deque[Record] = deque(maxlen=max_requests)
        self._with_body: deque[Record] = deque()
        self._held_bytes = 0
        self._max_body_bytes = max_body_bytes
        self._max_total_bytes = max_total_bytes
        self._counts: Counter[str] = Counter()

    def add(self, endpoint: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Record:
        kept = body if len(body) <= self._max_body_bytes else None
        record = Record(endpoint, method, path, _without_secrets(headers), kept, len(body))
        self._counts[endpoint] += 1
        if len(self._records) == self._records.maxlen:
            self._give_up_body(self._records[0])
        self._records.append(record)
        if kept is not None:
            self._with_body.append(record)
            self._held_bytes += len(kept)
        while self._held_bytes > self._max_total_bytes:
            self._give_up_body(self._with_body[0])
        return record

    def records(self) -> list[dict[str, Any]]:
        """Oldest first."""
        return [record.as_json() for record in self._records]

    def kept(self) -> tuple[Record, ...]:
        """The same, as they are."""
        return tuple(self._records)

    def count(self) -> dict[str, Any]:
        return {"count": self._counts.total(), "by_endpoint": dict(self._counts)}

    def clear(self) -> None:
        self._records.clear()
        self._with_body.clear()
        self._held_bytes = 0
        self._counts.clear()

    def _give_up_body(self, record: Record) -> None:
        if record.body is not None:
            # Bodies are given up in the order in which they came, so this one is the oldest that is held.
            self._with_body.popleft()
            self._held_bytes -= len(record.body)
            record.body = None


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}


def _parsed(body: bytes | None) -> object:
    # Parsed when asked for: a benchmark's requests are recorded and never read.
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
