"""A route of which is told who leaves before his stream is over, whether it had begun or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from litellm_plugins.proxy.leaving import FollowedRoute, when_left

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},  # as uvicorn says
    "method": "POST",
    "path": "/asked",
    "raw_path": b"/asked",
    "query_string": b"",
    "headers": [],
    "path_params": {},
}


class Asked:
    """One request to a route that streams three chunks."""

    def __init__(self, *, leaves_after: int | None, fails: bool = False) -> None:
        self.left, self.sent = 0, list[bytes]()
        self._gone, self._leaves_after, self._fails = asyncio.Event(), leaves_after, fails
        if leaves_after == 0:
            self._gone.set()

    async def run(self) -> None:
        app = FastAPI()
        app.router.routes.append(FollowedRoute("/asked", self._endpoint, methods=["POST"], response_model=None))
        await asyncio.wait_for(app({**SCOPE}, self._receive, self._send), 5)

    async def _endpoint(self, request: Request) -> StreamingResponse:
        response = StreamingResponse(self._chunks())
        when_left(request, response, self._over)
        if self._fails:
            raise ValueError("after that")
        return response

    async def _chunks(self) -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number
            await asyncio.sleep(0.01)

    def _over(self) -> None:
        self.left += 1

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message.get("body"):
            self.sent.append(message["body"])
            if len(self.sent) == self._leaves_after:
                self._gone.set()


async def test_who_stays_to_the_end_has_not_left() -> None:
    asked = Asked(leaves_after=None)
    await asked.run()
    assert asked.sent == [b"0", b"1", b"2"]
    assert asked.left == 0


async def test_who_leaves_midway_is_told_of() -> None:
    asked = Asked(leaves_after=1)
    await asked.run()
    assert asked.sent == [b"0"]
    assert asked.left == 1


async def test_who_has_left_before_the_first_word_is_told_of() -> None:
    asked = Asked(leaves_after=0)
    await asked.run()
    assert asked.left == 1
    assert len(asked.sent) < 3  # the server throws away what is sent to nobody


async def test_a_fault_on_the_way_is_told_of_and_passed_on() -> None:
    asked = Asked(leaves_after=None, fails=True)
    with pytest.raises(ValueError, match="after that"):
        await asked.run()
    assert asked.left == 1
