"""What had come in of a stream, and nobody had read yet, when its connection broke.

The host's HTTP client forgets it: once a connection is lost its reader only raises. On a busy proxy that can be all of
an answer, which was sent and is billed. The reader is still there, in the traceback of what it raised.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableSet

import aiohttp
from litellm.llms.custom_httpx.aiohttp_transport import AiohttpResponseStream

_MOST_CAUSES = 32


def unread(fault: BaseException | None, known: MutableSet[aiohttp.StreamReader]) -> list[bytes]:
    """Bytes of the answer that no one has seen, of each connection that broke; none where the fault was another.

    More than one, the last first, where the host had asked again for a stream that broke before its first word. Those
    of readers that are `known` are left out, and these are from then on.
    """
    found = [reader for reader in dict.fromkeys(_readers(fault)) if reader not in known]
    known |= set(found)
    return [b"".join(_left_in(reader)) for reader in found]


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
