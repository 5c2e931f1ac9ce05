"""Langfuse's public REST API: JSON over HTTP, by pages, tried again with back-off where the server fails.

As its published definition has it: https://github.com/langfuse/langfuse/tree/main/fern/apis/server/definition
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from litellm_plugins.errors import PluginError

PAGE = 100  # the most that the API gives at once
_ROOT = "/api/public"
_TIMEOUT_S = 10.0
_TRIES = 4
_LONGEST_WAIT_S = 60.0  # who asks for more is asked again in the next round
_MOST_DIGITS = 9
_NOT_DONE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)  # nothing was sent

Json = dict[str, Any]


class LangfuseFailed(PluginError):
    """Langfuse did not do it, however often it was asked. `reason` is the word of log and metric, without secrets."""

    code = "langfuse_failed"
    retryable = True
    http_status = 502

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class LangfuseUnsure(LangfuseFailed):
    """Whether it was done, only looking can tell."""


class _Fault(Exception):
    """One attempt came to nothing."""

    def __init__(self, reason: str, detail: str, *, wait_s: float = 0.0, again: bool = True, done: bool = True) -> None:
        self.reason, self.detail, self.wait_s, self.again = reason, detail, wait_s, again
        self.may_be_done = done
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Project:
    """Whose API: the keys are of one project."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)


async def _nothing() -> None:
    """What is to be done before each attempt, where nothing is."""


class LangfuseClient:
    """Opens nothing before the first call; whoever made it closes it. Raises: LangfuseFailed, from each method.

    `before` is awaited ahead of each attempt: what it raises ends the call.
    """

    def __init__(
        self,
        project: Project,
        *,
        before: Callable[[], Awaitable[None]] = _nothing,
        timeout_s: float = _TIMEOUT_S,
        tries: int = _TRIES,
        first_wait_s: float = 1.0,
    ) -> None:
        self._project, self._before = project, before
        self._timeout_s, self._tries, self._first_wait_s = timeout_s, tries, first_wait_s
        self._http: httpx.AsyncClient | None = None
        self.short = False

    async def pages(self, path: str, given: Mapping[str, Any] | None = None) -> AsyncIterator[list[Json]]:
        """Each page of a list, to the last. One that has fewer rows than it says is asked for again, and `short` in the
        end: Langfuse leaves out rows that it cannot read itself, and never says so.
        """
        number, last = 1, 1
        while number <= last:
            query = {**(given or {}), "page": number, "limit": PAGE}
            for attempt in range(1, self._tries + 1):
                told = await self._asked("GET", path, query=query, complete=_is_page)
                if _is_full(told):
                    break
                if attempt < self._tries:
                    await self.pause(attempt)
            else:
                self.short = True
            yield told["data"]
            number, last = number + 1, int(told["meta"]["totalPages"])

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        """What must not be made twice. Raises: LangfuseUnsure where it may have been, or something is there already."""
        return await self._asked("POST", path, body=body, may_repeat=False)

    async def put(self, path: str, body: Mapping[str, Any]) -> Json:
        """What the server replaces by its id or name, however often it is sent."""
        return await self._asked("POST", path, body=body)

    async def pause(self, attempt: int) -> None:
        """Before another attempt; 1 is the first."""
        await asyncio.sleep(self._wait_s(attempt))

    async def aclose(self) -> None:
        """Close its connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _asked(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        may_repeat: bool = True,
        complete: Callable[[Json], bool] = lambda _: True,
    ) -> Json:
        attempt = 1
        while True:
            await self._before()
            try:
                told = await self._once(method, path, query, body)
                if not complete(told):
                    raise _Fault("half_page", "the answer is no page of a list")
            except _Fault as fault:
                if fault.may_be_done and not may_repeat:
                    raise LangfuseUnsure(fault.reason, fault.detail) from None
                if not fault.again or attempt >= self._tries or fault.wait_s > _LONGEST_WAIT_S:
                    raise LangfuseFailed(fault.reason, fault.detail) from None
                await asyncio.sleep(max(fault.wait_s, self._wait_s(attempt)))
                attempt += 1
            else:
                return told

    async def _once(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> Json:
        if self._http is None:
            logging.getLogger("httpx").addFilter(_not_these)
            auth = (self._project.public_key, self._project.secret_key)
            self._http = httpx.AsyncClient(base_url=self._project.host, auth=auth, timeout=self._timeout_s)
        try:
            response = await self._http.request(method, _ROOT + path, params=query, json=body)
        except httpx.TimeoutException as exc:
            raise _Fault("timeout", type(exc).__name__, done=not isinstance(exc, _NOT_DONE)) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise _Fault("unreachable", type(exc).__name__, done=not isinstance(exc, _NOT_DONE)) from None
        _check(response)
        try:
            told = response.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise _Fault("half_page", "the answer is not a JSON object")
        return told

    def _wait_s(self, attempt: int) -> float:
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - so that workers do not keep in step
        return float(self._first_wait_s * 2.0 ** (attempt - 1) * spread)


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    detail = f"HTTP {status}"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise _Fault("rate_limited", detail, wait_s=_asked_for(response), done=False)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        raise _Fault("server_error", detail, wait_s=_asked_for(response))
    # Of a name that is taken: somebody else was first, which is for the caller to see.
    raise _Fault("refused", detail, again=False, done=status == httpx.codes.CONFLICT)


def _asked_for(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "")
    is_seconds = value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS
    return float(value) if is_seconds else 0.0


def _is_page(told: Json) -> bool:
    data, meta = told.get("data"), told.get("meta")
    if not isinstance(data, list) or not isinstance(meta, dict) or not all(isinstance(each, dict) for each in data):
        return False
    return all(isinstance(meta.get(name), int) for name in ("page", "limit", "totalItems", "totalPages"))


def _is_full(told: Json) -> bool:
    """Whether all rows of a page have come."""
    meta = told["meta"]
    before = (meta["page"] - 1) * meta["limit"]
    return bool(len(told["data"]) >= min(meta["limit"], meta["totalItems"] - before))


def _not_these(record: logging.LogRecord) -> bool:
    """Httpx tells of every request; a line for each page and item is of no use."""
    told = record.getMessage()
    return not any(f"{_ROOT}/{path}" in told for path in ("annotation-queues", "v2/", "score-configs", "dataset-items"))
