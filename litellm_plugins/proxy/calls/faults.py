"""Whose fault it is that a request failed: its client's, or the server's (a provider, or this proxy). Pure."""

from __future__ import annotations

CLIENT, SERVER = "client", "server"
_OF_WHAT_WAS_ASKED = frozenset({400, 413, 415, 422})
_NO_DEPLOYMENT = "RouterRateLimitError"  # a 429 of the host's: none of its own that it could ask


def fault_of(exception: BaseException, *, asked: bool) -> str:
    """`asked`: a deployment was. Then only what it says of the request itself is its client's doing: that a provider
    does not know our key or the model, or has no room for us, is not.
    """
    status = _status(exception)
    if asked:
        return CLIENT if status in _OF_WHAT_WAS_ASKED else SERVER
    if any(kind.__name__.startswith(_NO_DEPLOYMENT) for kind in type(exception).__mro__):
        return SERVER
    return CLIENT if 400 <= status < 500 and status != 408 else SERVER


def _status(exception: BaseException) -> int:
    for name in ("status_code", "code"):  # the host's ProxyException has the latter, as a string
        found = getattr(exception, name, None)
        if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()):
            return int(found)
    return 500
