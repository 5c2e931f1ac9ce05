"""The proxy's side: one call for each text, from a thread, within what is left of the request's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NoReturn, Protocol

import httpx
from pydantic import ValidationError

from litellm_plugins.compression.llmlingua.protocol import (
    COMPRESS_PATH,
    HEALTH_PATH,
    Answer,
    Health,
    Refusal,
    Refused,
    Told,
    Wanted,
)
from litellm_plugins.storage.circuit import Circuit

_UNIX = "unix:"
_KEPT_OPEN_S = 4.0  # less than the sidecar keeps a connection that idles (5): one closed as it is used is an error


class Compresses(Protocol):
    """Whoever makes prose shorter, elsewhere."""

    def compress(self, wanted: Wanted, *, until: float) -> str:
        """What is left of the text. `until` is by the clock of `time.monotonic`. Raises: Refused."""


class LinguaClient:
    """One for all threads of a worker. Never waits longer than it is told to."""

    def __init__(self, url: str, *, most_in_flight: int, clock: Callable[[], float] = time.monotonic) -> None:
        uds = url.removeprefix(_UNIX) if url.startswith(_UNIX) else None
        limits = httpx.Limits(max_connections=most_in_flight, keepalive_expiry=_KEPT_OPEN_S)
        self._http = httpx.Client(
            base_url="http://compressor" if uds else url,
            transport=httpx.HTTPTransport(uds=uds, limits=limits),
            trust_env=False,
        )
        self._room = threading.BoundedSemaphore(most_in_flight)
        self._clock, self._circuit, self._lock = clock, Circuit(clock=clock), threading.Lock()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def health(self, *, within_s: float = 1.0) -> Health | None:
        """How the sidecar is; None where nobody answers."""
        try:
            return Health.model_validate_json(self._http.get(HEALTH_PATH, timeout=within_s).content)
        except (httpx.HTTPError, ValidationError):
            return None

    def compress(self, wanted: Wanted, *, until: float) -> str:
        if not self._room.acquire(timeout=max(0.0, until - self._clock())):
            raise Refused(Refusal.BUSY, "here")
        try:
            with self._lock:
                down = self._circuit.refusal()
            if down is not None:
                raise Refused(Refusal(down))
            return self._asked(wanted, until)
        finally:
            self._room.release()

    def _asked(self, wanted: Wanted, until: float) -> str:
        left_s = until - self._clock()
        if left_s <= 0:
            raise Refused(Refusal.DEADLINE)
        body = wanted.model_copy(update={"within_ms": left_s * 1_000}).model_dump_json()
        try:
            answer = self._http.post(COMPRESS_PATH, content=body, timeout=left_s)
        except httpx.TimeoutException as exc:
            self._failed(Refusal.DEADLINE, exc, at_once=False)
        except httpx.TransportError as exc:
            self._failed(Refusal.UNAVAILABLE, exc, at_once=True)
        with self._lock:
            self._circuit.succeeded()
        try:
            if answer.status_code == httpx.codes.OK:
                return Answer.model_validate_json(answer.content).text
            told = Told.model_validate_json(answer.content)
        except ValidationError as exc:  # somebody else answers there
            raise Refused(Refusal.UNAVAILABLE, f"HTTP {answer.status_code}") from exc
        raise Refused(told.reason, told.detail)

    def _failed(self, reason: Refusal, exc: Exception, *, at_once: bool) -> NoReturn:
        with self._lock:
            self._circuit.failed(reason, at_once=at_once)
        raise Refused(reason, type(exc).__name__) from exc
