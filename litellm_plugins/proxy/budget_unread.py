"""What had come in of a stream, and nobody had read yet, when its connection broke.

The host's HTTP client forgets it: once a connection is lost its reader only raises. On a busy proxy that can be all of
an answer, which was sent and is billed. The reader is still there, in the traceback of what it raised.
"""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
from litellm.llms.custom_httpx.aiohttp_transport import AiohttpResponseStream

_MOST_CAUSES = 32


def unread(fault: BaseException | None) -> bytes:
    """Bytes of the answer that no one has seen; none where the fault was another."""
    return b"".join(piece for reader in dict.fromkeys(_readers(fault)) for piece in _left_in(reader))


def _readers(fault: BaseException | None) -> Iterator[aiohttp.StreamReader]:
    waiting, seen = [fault], set[int]()
    while waiting and len(seen) < _MOST_CAUSES:
        exc = waiting.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        trace = exc.__traceback__
        while trace is not None:
            reader = trace.tb_frame.f_locals.get("self")
            if isinstance(reader, AiohttpResponseStream):  # the host's; it cuts off the causes of some faults
                reader = reader._aiohttp_response.content
            if isinstance(reader, aiohttp.StreamReader):
                yield reader
            trace = trace.tb_next
        original = getattr(exc, "original_exception", None)
        waiting += [exc.__cause__, exc.__context__, original if isinstance(original, BaseException) else None]


def _left_in(reader: aiohttp.StreamReader) -> Iterator[bytes]:
    pieces = list(getattr(reader, "_buffer", ()))
    if pieces:
        yield pieces[0][getattr(reader, "_buffer_offset", 0) :]
        yield from pieces[1:]
