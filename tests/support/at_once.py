"""Many requests at the same moment, each over a connection of its own. Which worker takes which is chance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import httpx
import orjson

from tests.support.waiting import eventually

_TIMEOUT_S = 100.0


@dataclass(frozen=True, slots=True)
class Told:
    """What one of them was answered: of a stream what its events add up to. No status: the connection broke."""

    status: int | None
    headers: Mapping[str, str]
    text: str = ""
    answer_id: str = ""
    usage: Any = None

    @property
    def cache(self) -> str | None:
        """Who answered."""
        return self.headers.get("x-litellm-plugins-cache")


def ask_at_once(url: str, asked: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Told]:
    """Chat completions, each with the key it comes with; in the order they were given."""
    asked = list(asked)
    answers = post_at_once(f"{url}/v1/chat/completions", asked)
    return [_told(answer, body) for answer, (_, body) in zip(answers, asked, strict=True)]


def post_at_once(url: str, asked: Iterable[tuple[str, Mapping[str, Any]]]) -> list[httpx.Response | None]:
    """The same for any path. None: the connection broke."""

    async def post(client: httpx.AsyncClient, key: str, body: Mapping[str, Any]) -> httpx.Response | None:
        try:
            return await client.post(url, headers={"authorization": f"Bearer {key}"}, json=body)
        except httpx.TransportError:
            return None

    async def all_of_them() -> list[httpx.Response | None]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(limits=limits, timeout=_TIMEOUT_S, trust_env=False) as client:
            return list(await asyncio.gather(*(post(client, key, body) for key, body in asked)))

    return asyncio.run(all_of_them())


def ask_over(clients: Sequence[httpx.Client], asked: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Told]:
    """The same as `ask_at_once` over connections that are there (see `workers.py`), one for each."""

    def post(client: httpx.Client, key: str, body: Mapping[str, Any]) -> Told:
        try:
            answer = client.post("/v1/chat/completions", headers={"authorization": f"Bearer {key}"}, json=body)
        except httpx.TransportError:
            return _told(None, body)
        return _told(answer, body)

    with ThreadPoolExecutor(len(clients)) as pool:
        asking = [pool.submit(post, client, *each) for client, each in zip(clients, asked, strict=True)]
        return [each.result() for each in asking]


def leave_once(
    url: str, path: str, key: str, body: Mapping[str, Any], *, probe: Callable[[], object], what: str
) -> None:
    """Ask, and hang up before there is an answer, as soon as `probe` holds: while the provider is asked, say."""
    to = httpx.URL(url)
    with closing(HTTPConnection(to.host, to.port)) as connection:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        connection.request("POST", path, orjson.dumps(body), headers)
        eventually(probe, what=what, timeout_s=60)


def chat(text: str, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    """The body of one that asks `text`."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}], **more}
    return {**body, "stream": True, "stream_options": {"include_usage": True}} if stream else body


def words_of(response: httpx.Response) -> str:
    """Every word of an answer on any endpoint, streamed or not, in the order in which they came."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return "".join(_words(response.json()))
    lines = (line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: "))
    return "".join(word for line in lines if line != "[DONE]" for word in _words(orjson.loads(line)))


def _words(body: object) -> Iterator[str]:
    if isinstance(body, list):
        for part in body:
            yield from _words(part)
    elif isinstance(body, dict):
        for name, value in body.items():
            if isinstance(value, str) and name in {"text", "content", "delta"}:
                yield value
            else:
                yield from _words(value)


def _told(response: httpx.Response | None, body: Mapping[str, Any]) -> Told:
    if response is None:
        return Told(None, {})
    if response.status_code != httpx.codes.OK:
        return Told(response.status_code, response.headers, response.text)
    if not body.get("stream"):
        whole = response.json()
        text = whole["choices"][0]["message"]["content"]
        return Told(response.status_code, response.headers, text, whole["id"], whole.get("usage"))
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    events = [orjson.loads(line) for line in lines if line != "[DONE]"]
    choices = [choice for event in events for choice in event.get("choices", ())]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    usage = next((event["usage"] for event in events if event.get("usage")), None)
    complete = lines[-1:] == ["[DONE]"] and any(choice.get("finish_reason") for choice in choices)
    return Told(response.status_code if complete else None, response.headers, text, events[0].get("id", ""), usage)
