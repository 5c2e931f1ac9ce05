"""What `storage.url` may be, and how much of it may be shown. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_EXPECTED = (
    "expected sqlite:///PATH, redis://HOST:PORT or rediss://HOST:PORT (TLS), "
    "for example sqlite:///./data/litellm_plugins.db"
)
_SPELLING = "is the port a number, and are the password's special characters percent-encoded?"
_REDIS = ("redis", "rediss")
# What redis-py takes from a URL's query and an installation may need. A password is none of them.
_TLS_OPTIONS = frozenset(
    {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
)


def checked_url(url: str) -> str:
    """The URL, where it is one. Raises: ValueError that says what is wrong, without repeating any of it."""
    scheme = url.partition("://")[0]
    if scheme == "sqlite" and url.removeprefix("sqlite:///") not in ("", url):
        return url
    if scheme not in _REDIS or "://" not in url:
        raise ValueError(_EXPECTED)
    fault = _redis_fault(url)
    if fault:
        raise ValueError(fault)
    return url


def is_redis(url: str) -> bool:
    """Whether a checked URL names a Redis server."""
    return url.startswith(("redis://", "rediss://"))


def shown_url(url: str) -> str:
    """The URL without user, password and query. For one that is not checked as well: then a wrong Redis URL is nothing
    but its scheme, since nobody can tell which part of it was meant to be secret.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "***" if "@" in url or scheme.lower().startswith("redis") else url
    if scheme.lower() in _REDIS:
        return f"{scheme}://***" if _redis_fault(url) else f"{scheme}://{_host_and_port(urlsplit(url))}"
    who, at, where = rest.rpartition("@")
    return f"{scheme}://{'***@' if at else ''}{(where if at else who + where).partition('?')[0]}"


def _redis_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its own message repeats what may be a password
        return f"not a URL: {_SPELLING}"
    if parts.fragment or "@" in parts.path or "@" in parts.query:
        return f"not a URL: {_SPELLING}"
    if not host:
        return "names no host; write redis://HOST:PORT or redis://:PASSWORD@HOST:PORT"
    if parts.path.strip("/") not in ("", "0"):
        return (
            "names a database other than 0, and Redis can search database 0 only; use key_prefix to keep things apart"
        )
    return _query_fault(parts)


def _query_fault(parts: SplitResult) -> str | None:
    names = [each.partition("=")[0] for each in parts.query.split("&") if each]
    if set(names) - _TLS_OPTIONS:
        return f"only these options may follow the question mark: {', '.join(sorted(_TLS_OPTIONS))}"
    if names and parts.scheme != "rediss":
        return "options of TLS need rediss://"
    return None


def _host_and_port(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
