"""The proxy's side: one call for each text, from a thread, within what is left of the request's time.

On the standard library's client: a connection for each call costs nothing beside a model, and none goes stale.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn, Protocol
from urllib.parse import urlsplit

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
_MOST_BYTES = 10_000_000  # of an answer


class Compresses(Protocol):
    """Whoever makes prose shorter, elsewhere."""

    def compress(self, wanted: Wanted, *, until: float) -> str:
        """What is left of the text. `until` is by the clock of `time.monotonic`. Raises: Refused."""


class LinguaClient:
    """One for all threads of a worker. Never waits longer than it is told to, but for what the system takes."""

    def __init__(self, url: str, *, most_in_flight: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`url` is http://…, https://… or unix:/path/of/a/socket."""
        self._url = url
        self._room = threading.BoundedSemaphore(most_in_flight)
        self._clock, self._circuit, self._lock = clock, Circuit(clock=clock), threading.Lock()

    def health(self, *, within_s: float = 1.0) -> Health | None:
        """How the sidecar is; None where nobody answers."""
        try:
            return Health.model_validate_json(self._http("GET", HEALTH_PATH, None, within_s)[1])
        except (OSError, http.client.HTTPException, ValidationError):
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
        body = wanted.model_copy(update={"within_ms": left_s * 1_000}).model_dump_json().encode()
        try:
            status, said = self._http("POST", COMPRESS_PATH, body, left_s)
        except TimeoutError as exc:
            self._failed(Refusal.DEADLINE, exc, at_once=False)
        except (OSError, http.client.HTTPException) as exc:
            self._failed(Refusal.UNAVAILABLE, exc, at_once=True)
        with self._lock:
            self._circuit.succeeded()
        try:
            if status == HTTPStatus.OK:
                return Answer.model_validate_json(said).text
            told = Told.model_validate_json(said)
        except ValidationError as exc:  # somebody else answers there
            raise Refused(Refusal.UNAVAILABLE, f"HTTP {status}") from exc
        raise Refused(told.reason, told.detail)

    def _failed(self, reason: Refusal, exc: Exception, *, at_once: bool) -> NoReturn:
        with self._lock:
            self._circuit.failed(reason, at_once=at_once)
        raise Refused(reason, type(exc).__name__) from exc

    def _http(self, method: str, path: str, body: bytes | None, within_s: float) -> tuple[int, bytes]:
        connection = _connection(self._url, within_s)
        try:
            connection.request(
                method, urlsplit(self._url).path.rstrip("/") + path if _is_web(self._url) else path, body
            )
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)
        finally:
            connection.close()


class _OverSocket(http.client.HTTPConnection):
    """To a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("compressor", timeout=timeout_s)
        self._path, self._timeout_s = path, timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)  # closed with the connection, also where this fails
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    if not _is_web(url):
        return _OverSocket(url.removeprefix(_UNIX), timeout_s)
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout_s)


def _is_web(url: str) -> bool:
    return not url.startswith(_UNIX)
