"""The connection to one Redis: pooled, impatient, and translating whatever goes wrong into `StoreUnavailable`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeVar

from redis import exceptions as faults
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redisvl.exceptions import RedisVLError

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.circuit import Circuit

if TYPE_CHECKING:
    from litellm_plugins.settings import Storage

T = TypeVar("T")
Work = Callable[[Redis], Awaitable[T]]

# A request that was given up on after so long waited for a server that hangs, and not for itself.
_HANGS_AFTER_S = 0.1
# Reasons after which nobody tries for a while; a timeout must happen several times in a row.
_GONE = frozenset({"store_unreachable", "store_refused", "store_loading"})
_TIMEOUT = "store_timeout"


class RedisServer:
    """Runs work on a pool of connections. Opens none before the first work.

    The work may use redisvl, whose errors wrap the driver's. Nothing is retried but one reconnect, for a pooled
    connection that the server has closed in the meantime.
    """

    def __init__(
        self, url: str, *, timeout_s: float, max_connections: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._circuit = Circuit(clock=clock)
        self._closed = False
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=max_connections,
            timeout=timeout_s,  # for a free connection
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 1, supported_errors=(faults.ConnectionError,)),
            protocol=2,  # the same replies from every server and proxy that speaks Redis
        )
        self._client = Redis.from_pool(pool)

    @classmethod
    def at(cls, storage: Storage, *, max_connections: int) -> Self:
        """As the settings say."""
        return cls(storage.url, timeout_s=storage.timeout_ms / 1_000, max_connections=max_connections)

    async def run(self, work: Work[T]) -> T:
        """Run `work` with the client. Raises: StoreUnavailable, at once while the server is known to be gone."""
        if self._closed:
            raise StoreUnavailable("closed")
        refusal = self._circuit.refusal()
        if refusal is not None:
            raise StoreUnavailable(refusal, "not tried, since it failed just now")
        began = self._clock()
        try:
            result = await work(self._client)
        except asyncio.CancelledError:
            if self._clock() - began >= _HANGS_AFTER_S:
                self._circuit.failed(_TIMEOUT, at_once=False)
            raise
        except Exception as exc:
            fault = driver_fault(exc)
            if fault is None:
                raise
            raise self._translated(fault) from exc
        self._circuit.succeeded()
        return result

    async def memory(self) -> tuple[int, int | None]:
        """Bytes that the server uses, and the most that it may; None: as much as there is. Raises: StoreUnavailable."""
        told = await self.run(lambda client: client.info("memory"))
        return int(told["used_memory"]), int(told.get("maxmemory") or 0) or None

    async def aclose(self) -> None:
        """Close every connection."""
        if not self._closed:
            self._closed = True
            await self._client.aclose()

    def _translated(self, fault: Exception) -> StoreUnavailable:
        reason, detail = _reason(fault)
        if reason in _GONE or reason == _TIMEOUT:
            self._circuit.failed(reason, at_once=reason in _GONE)
        else:
            self._circuit.succeeded()
        return StoreUnavailable(reason, detail)


def driver_fault(exc: BaseException | None) -> Exception | None:
    """The driver's own error: redisvl wraps it, not always by `from`. None for what is no fault of the server's."""
    while isinstance(exc, RedisVLError):
        exc = exc.__cause__ or exc.__context__
    return exc if isinstance(exc, faults.RedisError | OSError) else None


# Narrower classes come first: in redis-py a wrong password is a ConnectionError.
_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (faults.AuthenticationError, "store_refused"),
    (faults.AuthorizationError, "store_refused"),
    (faults.NoPermissionError, "store_forbidden"),  # of one command: others may go on
    (faults.BusyLoadingError, "store_loading"),
    (faults.MaxConnectionsError, "store_busy"),
    (faults.TryAgainError, "store_busy"),
    (faults.OutOfMemoryError, "store_full"),
    (faults.ReadOnlyError, "store_read_only"),
    (faults.AskError, "store_clustered"),  # and MovedError
    (faults.ClusterError, "store_clustered"),
    (faults.ClusterCrossSlotError, "store_clustered"),
    (faults.TimeoutError, _TIMEOUT),
    (TimeoutError, _TIMEOUT),
    (faults.ConnectionError, "store_unreachable"),
    (OSError, "store_unreachable"),
)
_BY_WORDS = (  # how an error begins that the driver has no class of its own for
    ("no connection available", "store_busy"),  # every connection of our pool is at work
    ("too many connections", "store_busy"),
    ("max number of clients", "store_busy"),
    ("busy ", "store_busy"),  # with somebody's script
    ("noperm", "store_forbidden"),
    ("acl failure in script", "store_forbidden"),
    ("oom ", "store_full"),
    ("not enough memory", "store_full"),
    ("misconf", "store_read_only"),  # it cannot save to its disk
    ("noreplicas", "store_read_only"),
    ("masterdown", "store_read_only"),
    ("unknown command", "store_lacks_search"),
)


def _reason(fault: Exception) -> tuple[str, str]:
    # Some servers repeat the arguments of a command that they do not know: there could be a prompt in them.
    detail = str(fault).partition(", with args")[0]
    said = detail.lower()
    for words, reason in _BY_WORDS:
        if said.startswith(words):
            return reason, detail
    for kind, reason in _BY_CLASS:
        if isinstance(fault, kind):
            return reason, detail
    return "store_error", detail
