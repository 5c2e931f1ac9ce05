"""HTTP clients that are known to be on one worker of a proxy each.

A worker that wakes takes every connection that waits (asyncio and uvloop accept until there is none), so a hundred that
are opened at once may all be one worker's. Here some are opened, Linux is asked (/proc) which process has taken each,
and so on until every worker has enough.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpcore
import httpx

from tests.support.proxy import RunningProxy

_REQUEST_TIMEOUT_S = 100.0
_LOOK_EVERY_S = 0.005
_LOCAL, _REMOTE, _INODE = 1, 2, 9  # the columns of /proc/net/tcp


@contextlib.contextmanager
def on_each_worker(
    proxy: RunningProxy, *, clients: int = 1, timeout_s: float = 30.0
) -> Iterator[dict[int, list[httpx.Client]]]:
    """By the worker's process id: so many clients, each with one connection, which it never replaces by another.

    The server ends one on which nothing was asked for five seconds since its last answer; until the first it waits.
    Raises: AssertionError where they are not there after `timeout_s`.
    """
    found: dict[int, list[httpx.Client]] = {}
    deadline = time.monotonic() + timeout_s
    with contextlib.ExitStack() as opened:
        while missing := _missing(found, proxy.num_workers, clients):
            streams = [httpcore.SyncBackend().connect_tcp("127.0.0.1", proxy.port) for _ in range(missing)]
            for stream in streams:
                opened.callback(stream.close)
            takers = _takers_of(proxy, streams, deadline)
            if len(takers) < len(streams) or time.monotonic() > deadline:
                had = {worker: len(each) for worker, each in found.items()}
                raise AssertionError(
                    f"waited {timeout_s:g} s in vain for connections to {proxy.num_workers} workers, {clients} to each;"
                    f" of their processes had {had}; {len(takers)} of {len(streams)} more were accepted\n"
                    f"{proxy.log_tail()}"
                )
            for stream, worker in zip(streams, takers, strict=True):
                of_worker = found.setdefault(worker, [])
                if len(of_worker) < clients:
                    client = httpx.Client(
                        base_url=proxy.url, transport=_OneConnection(stream), timeout=_REQUEST_TIMEOUT_S
                    )
                    of_worker.append(opened.enter_context(client))
                else:
                    stream.close()
        yield found


def ask_each_worker(proxy: RunningProxy, method: str, path: str, key: str, **arguments: Any) -> list[httpx.Response]:
    """What each worker says to the same request, one after the other."""
    headers = {"authorization": f"Bearer {key}", **arguments.pop("headers", {})}
    with on_each_worker(proxy) as found:
        return [client.request(method, path, headers=headers, **arguments) for [client] in found.values()]


def in_turn(found: Mapping[int, list[httpx.Client]]) -> list[httpx.Client]:
    """All of them: the first of each worker, the second of each, and so on."""
    return [client for of_each in zip(*found.values(), strict=True) for client in of_each]


class _OneConnection(httpx.HTTPTransport):
    """Over the connection that is there, and no other."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        super().__init__(verify=False, trust_env=False)  # nothing here is encrypted, and reading certificates is slow
        # httpx has no argument for it.
        self._pool = httpcore.ConnectionPool(max_connections=1, network_backend=_Handed(stream))


class _Handed(httpcore.NetworkBackend):
    """Opens nothing: it gives out the one connection, once."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._left = [stream]

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        if not self._left:
            raise httpcore.ConnectError("the worker has ended the connection, and another may not be its own")
        return self._left.pop()


def _missing(found: Mapping[int, list[httpx.Client]], workers: int, clients: int) -> int:
    """How many the worker lacks that has fewest."""
    have = [len(each) for each in found.values()]
    return clients - min(have) if len(have) == workers else clients


def _takers_of(proxy: RunningProxy, streams: list[httpcore.NetworkStream], deadline: float) -> list[int]:
    """The process that has accepted each; fewer where not all were accepted in time."""
    ports = [int(stream.get_extra_info("client_addr")[1]) for stream in streams]
    while True:
        inodes = _accepted_by(proxy.port)
        if inodes.keys() >= set(ports) or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_EVERY_S)
    holders = {file: process for process in _processes_of(proxy) for file in _files_of(process)}
    takers = [holders.get(f"socket:[{inodes[port]}]") for port in ports if port in inodes]
    return [each for each in takers if each is not None]


def _accepted_by(port: int) -> dict[int, int]:
    """By their other end's port: the inodes of the accepted connections to a port of this machine."""
    accepted = {}
    local = f":{port:04X}"
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines():
        columns = line.split()
        if columns[_LOCAL].endswith(local) and columns[_INODE] != "0":  # it is 0 as long as nobody has accepted it
            accepted[int(columns[_REMOTE].rpartition(":")[2], 16)] = int(columns[_INODE])
    return accepted


def _processes_of(proxy: RunningProxy) -> list[int]:
    """The one that was started, which is the worker where there is but one, and its children."""
    first = proxy.process_group
    return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split())]


def _files_of(process: int) -> set[str]:
    """What a process has open."""
    files = set()
    with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):  # it has ended
        for file in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has been closed
                files.add(str(file.readlink()))
    return files
